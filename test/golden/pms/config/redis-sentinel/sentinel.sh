#!/bin/sh
# Starts a Sentinel of redis with what it knew when it stopped. Written by Berth; you may edit it.
set -eu
umask 077
trap 'exit 0' TERM INT

nodes='redis-node-0 redis-node-1 redis-node-2'
sentinels='redis-sentinel-0 redis-sentinel-1 redis-sentinel-2'
self="$(cat /proc/sys/kernel/hostname)"''
state=/data/sentinel.conf

say() { echo "sentinel.sh: $*" >&2; }
ask() {
  host=$1 port=$2
  shift 2
  timeout 3 redis-cli -h "$host" -p "$port" --tls --cacert /run/secrets/site-ca "$@" 2>/dev/null
}
node() { case " $nodes " in *" $1 "*) [ -n "$1" ] ;; *) false ;; esac }

# The primary by what it knew itself, by what another Sentinel knows, by who says so of itself; on the very first start the first node.
find_primary() {
  if [ -s "$state" ]; then
    known=$(sed -n 's/^sentinel monitor [^ ]* "\{0,1\}\([^ "]*\).*/\1/p' "$state" | head -n 1)
    if node "$known"; then echo "$known" && return; fi
    say "$state names no node of redis, so it is begun anew"
  fi
  for sentinel in $sentinels; do
    if [ "$sentinel" != "$self" ]; then
      known=$(ask "$sentinel" 26379 sentinel get-master-addr-by-name 'redis' | head -n 1)
      if node "$known"; then echo "$known" && return; fi
    fi
  done
  for one in $nodes; do
    case "$(ask "$one" 6379 role)" in master*) echo "$one" && return ;; esac
  done
  echo "${nodes%% *}"
}

primary=$(find_primary)
password=$(cat /run/secrets/redis-replication)
{
  cat /etc/berth/cache/sentinel.conf
  printf 'sentinel announce-ip "%s"\n' "$self"
  printf 'sentinel sentinel-user berth_nodes\nsentinel sentinel-pass "%s"\n' "$password"
  printf 'sentinel monitor %s "%s" 6379 2\n' 'redis' "$primary"
  printf 'sentinel auth-user %s berth_nodes\nsentinel auth-pass %s "%s"\n' 'redis' 'redis' "$password"
  # Its identity, what it voted for, and whom it knows.
  if [ -s "$state" ]; then grep -E '^sentinel (myid|current-epoch|config-epoch|leader-epoch|known-replica|known-sentinel) ' "$state" || true; fi
} >"$state.new"
sync "$state.new"
mv "$state.new" "$state"
say "begins with $primary as the primary"
exec redis-server "$state" --sentinel
