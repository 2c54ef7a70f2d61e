#!/bin/sh
# Starts a node of redis, the primary or one that copies it: whichever the Sentinels say. Written by Berth; you may edit it.
set -eu
umask 077
trap 'exit 0' TERM INT

nodes='redis-node-0 redis-node-1 redis-node-2'
sentinels='redis-sentinel-0 redis-sentinel-1 redis-sentinel-2'
self="$(cat /proc/sys/kernel/hostname)"''
settings=/tmp/node.conf

say() { echo "node.sh: $*" >&2; }
ask() {
  host=$1 port=$2
  shift 2
  timeout 3 redis-cli -h "$host" -p "$port" --tls --cacert /run/secrets/site-ca "$@" 2>/dev/null
}

# What most Sentinels say, once as many say it as are asked for.
named_by() {
  for sentinel in $sentinels; do
    ask "$sentinel" 26379 sentinel get-master-addr-by-name 'redis' | head -n 1
  done | sort | uniq -c | sort -rn | while read -r votes name; do
    case " $nodes " in *" $name "*) if [ "$votes" -ge "$1" ]; then echo "$name"; fi ;; esac
    break
  done
}
# Alive, though it may still be loading its data.
answers() { case "$(ask "$1" 6379 ping)" in PONG | LOADING*) true ;; *) false ;; esac }

# Other nodes may have the data of another time.
if [ -e /data/.berth-exchanging ]; then
  say 'a restore of redis is half done: run it again'
  exit 1
fi

waited=0
while :; do
  # One Sentinel may have been away itself and know an older answer; it is believed only where there is no other for long.
  primary=$(named_by "$([ "$waited" -lt 20 ] && echo 2 || echo 1)")
  if [ "$primary" = "$self" ]; then
    break
  elif [ -n "$primary" ]; then
    # The Sentinels let nobody take over who is not there: while the primary is only slow to come, none of the others is.
    if [ "$waited" -ge 30 ] || answers "$primary"; then break; fi
  fi
  waited=$((waited + 1))
  [ $((waited % 15)) -ne 0 ] || say "waits for ${primary:-Sentinels that name the primary}"
  sleep 1
done

{
  printf 'include /etc/berth/cache/redis.conf\n'
  printf 'replica-announce-ip "%s"\n' "$self"
  printf 'masteruser berth_nodes\nmasterauth "%s"\n' "$(cat /run/secrets/redis-replication)"
  [ "$primary" = "$self" ] || printf 'replicaof "%s" 6379\n' "$primary"
} >"$settings"
say "$([ "$primary" = "$self" ] && echo 'is the primary' || echo "copies $primary")"
exec redis-server "$settings"
