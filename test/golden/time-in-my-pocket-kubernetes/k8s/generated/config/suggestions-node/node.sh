#!/bin/sh
# Starts a node of suggestions, the primary or one that copies it: whichever the Sentinels say. Written by Berth; you may edit it.
set -eu
umask 077
trap 'exit 0' TERM INT

nodes='suggestions-node-0.suggestions-node-nodes.pocket.svc.cluster.local suggestions-node-1.suggestions-node-nodes.pocket.svc.cluster.local suggestions-node-2.suggestions-node-nodes.pocket.svc.cluster.local'
sentinels='suggestions-sentinel-0.suggestions-sentinel-nodes.pocket.svc.cluster.local suggestions-sentinel-1.suggestions-sentinel-nodes.pocket.svc.cluster.local suggestions-sentinel-2.suggestions-sentinel-nodes.pocket.svc.cluster.local'
self="$(cat /proc/sys/kernel/hostname)"'.suggestions-node-nodes.pocket.svc.cluster.local'
settings=/tmp/node.conf

say() { echo "node.sh: $*" >&2; }
ask() {
  host=$1 port=$2
  shift 2
  timeout 3 redis-cli -h "$host" -p "$port" "$@" 2>/dev/null
}

# What most Sentinels say, once as many say it as are asked for.
named_by() {
  for sentinel in $sentinels; do
    ask "$sentinel" 26379 sentinel get-master-addr-by-name 'suggestions' | head -n 1
  done | sort | uniq -c | sort -rn | while read -r votes name; do
    case " $nodes " in *" $name "*) if [ "$votes" -ge "$1" ]; then echo "$name"; fi ;; esac
    break
  done
}
# Alive, though it may still be loading its data.
answers() { case "$(ask "$1" 6379 ping)" in PONG | LOADING*) true ;; *) false ;; esac }
# Another node has what this one has forgotten: a copy, or it has just taken over and the Sentinels are about to say so.
copied() {
  for node in $nodes; do
    if [ "$node" != "$self" ]; then case "$(ask "$node" 6379 role)" in slave* | master*) return 0 ;; esac; fi
  done
  return 1
}

# Other nodes may have the data of another time.
if [ -e /data/.berth-exchanging ]; then
  say 'a restore of suggestions is half done: run it again'
  exit 1
fi

waited=0
while :; do
  # One Sentinel may have been away itself and know an older answer; it is believed only where there is no other for long.
  primary=$(named_by "$([ "$waited" -lt 20 ] && echo 2 || echo 1)")
  if [ "$primary" = "$self" ]; then
    # It comes back empty: as the primary it would have the others copy nothing. One of them takes over first.
    if [ "$waited" -ge 60 ] || ! copied; then break; fi
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
  printf 'masteruser berth_nodes\nmasterauth "%s"\n' "$(cat /run/secrets/suggestions-replication)"
  [ "$primary" = "$self" ] || printf 'replicaof "%s" 6379\n' "$primary"
} >"$settings"
say "$([ "$primary" = "$self" ] && echo 'is the primary' || echo "copies $primary")"
exec redis-server "$settings"
