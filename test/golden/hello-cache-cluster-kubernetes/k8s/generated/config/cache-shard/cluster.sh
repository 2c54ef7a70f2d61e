#!/bin/sh
# A node of cache, and what keeps it one of the cluster, whatever addresses the others come back with. Written by Berth; you may edit it.
#   cluster.sh              starts it
#   cluster.sh healthy      ends well when it does its work, and every key has a node that serves it
#   cluster.sh ask COMMAND  has it do something, as the account by which nodes know each other
set -eu
umask 077
trap 'exit 0' TERM INT

# The names of those that hold the same stand together.
shards='cache-shard-0-0.cache-shard-0-nodes.hello.svc.cluster.local,cache-shard-0-1.cache-shard-0-nodes.hello.svc.cluster.local cache-shard-1-0.cache-shard-1-nodes.hello.svc.cluster.local,cache-shard-1-1.cache-shard-1-nodes.hello.svc.cluster.local cache-shard-2-0.cache-shard-2-nodes.hello.svc.cluster.local,cache-shard-2-1.cache-shard-2-nodes.hello.svc.cluster.local'
host="$(cat /proc/sys/kernel/hostname)"
settings=/tmp/node.conf
users=/tmp/users.acl
REDISCLI_AUTH="$(cat /run/secrets/cache-replication)"
export REDISCLI_AUTH

say() { echo "cluster.sh: $*" >&2; }
ask_at() {
  at=$1
  shift
  timeout 3 redis-cli -h "$at" -p 6379 --user berth_nodes --no-auth-warning "$@" 2>/dev/null
}
ask() { ask_at 127.0.0.1 "$@"; }
# Of the same family everywhere, so that a node has one address by whatever way it is looked up.
address_of() { { getent ahostsv4 "$1" || getent ahosts "$1"; } | sed -n '1s/[[:space:]].*//p'; }

self='' mine='' index=0 count=0
for names in $shards; do
  for name in $(echo "$names" | tr , ' '); do
    case "$name" in "$host" | "$host".*) self=$name mine=$(echo "$names" | tr , ' ') index=$count ;; esac
  done
  count=$((count + 1))
done
nodes=$(echo "$shards" | tr , ' ')
copier=berth_shard_$index
# The slots with which its shard begins.
low=$(((16384 * index + count - 1) / count)) high=$(((16384 * (index + 1) + count - 1) / count - 1))

# What a node knows of each, a line for each: id, address, name, flags, primary, link, slots. Whom it is only just getting to know it leaves out.
lines() {
  tr -d '\r' | while read -r id place flags primary _ _ _ link slots; do
    case "$flags" in *handshake* | '') continue ;; esac
    case "$place" in *,*) name=${place#*,} name=${name%%,*} ;; *) name='' ;; esac
    place=${place%%@*} place=${place%:*}
    echo "$id ${place:--} ${name:--} $flags $primary $link $slots"
  done
}

# A copy that has lost its primary says so, and a node without slots is none that serves anything. Clients are sent to names, which nodes tell each other last.
healthy() {
  case "$(ask cluster info)" in *cluster_state:ok*cluster_slots_assigned:16384*cluster_slots_fail:0*) ;; *) return 1 ;; esac
  seen=$(ask cluster nodes | lines)
  if ! echo "$seen" | while read -r _ _ name flags _; do case "$flags" in *fail* | *noaddr*) ;; *) [ "$name" != - ] || exit 1 ;; esac done; then return 1; fi
  read -r _ _ _ flags _ _ slots <<END
$(echo "$seen" | grep myself,)
END
  case "$flags" in
    *master*) [ -n "$slots" ] ;;
    *) case "$(ask role)" in slave*connected*) ;; *) return 1 ;; esac ;;
  esac
}

# Whoever has a new address is met there: a cluster remembers names, but never looks them up.
meet() {
  for name in $nodes; do
    if [ "$name" = "$self" ]; then continue; fi
    address=$(address_of "$name") || true
    if [ -z "$address" ]; then continue; fi
    case "$known" in *" $address $name "* | *" $address - "*) continue ;; esac
    ask cluster meet "$address" 6379 >/dev/null || true
  done
}

# One that came back without its volume is somebody else to the cluster; the one that it was before is forgotten once it owns nothing. Of whom no name is
# known yet nobody can say that: who is forgotten is not let in again for a minute.
forget() {
  echo "$known" | while read -r id _ name flags _ _ slots; do
    if [ "$name" = - ]; then continue; fi
    case "$flags" in *fail\?* | *myself*) continue ;; *fail* | *noaddr*) ;; *) continue ;; esac
    if [ -n "$slots" ]; then continue; fi
    echo "$known" | while read -r other _ called state _; do
      if [ "$called" != "$name" ] || [ "$other" = "$id" ]; then continue; fi
      case "$state" in *fail* | *noaddr*) continue ;; esac
      say "forgets $id, which $name is no more"
      ask cluster forget "$id" >/dev/null || true
      break
    done
  done
}

# Everybody answers, and nobody knows of anyone who ever owned one of the slots of this shard.
unclaimed() {
  for node in $nodes; do
    seen=$(ask_at "$node" cluster nodes | lines)
    if [ -z "$seen" ]; then return 1; fi
    for slot in $(echo "$seen" | while read -r _ _ _ _ _ _ slots; do echo "$slots"; done); do
      case "$slot" in \[*) continue ;; esac
      if [ "${slot%-*}" -le "$high" ] && [ "${slot#*-}" -ge "$low" ]; then return 1; fi
    done
  done
}

# An empty node copies whoever serves its shard. Where nobody ever did, the first of the shard begins.
take_place() {
  read -r _ _ _ flags _ _ slots <<END
$(echo "$known" | grep myself,)
END
  case "$flags" in *master*) ;; *) return 0 ;; esac
  if [ -n "$slots" ]; then return 0; fi
  # Of its own name there may be one that has the slots still, and is gone: whoever this was before its volume was lost.
  owner=$(echo "$known" | while read -r id _ name flags _ link slots; do
    case " $mine " in *" $name "*) ;; *) continue ;; esac
    case "$flags" in *fail* | *noaddr* | *slave*) continue ;; esac
    if [ "$name" != "$self" ] && [ "$link" = connected ] && [ -n "$slots" ]; then echo "$id" && break; fi
  done)
  if [ -n "$owner" ]; then
    said=$(ask cluster replicate "$owner") || true
    say "copies $owner: $said"
    # One that was cut off at a bad moment has data and none of the slots that they belong to, and nobody lets it copy over them.
    case "$said" in *'must be empty'*) refused=$((refused + 1)) ;; *) refused=0 ;; esac
    if [ "$refused" -ge 5 ]; then
      : >/data/.berth-unowned
      say 'starts anew without its data, of which another node has the slots: they stay beside'
      kill -TERM "$server"
    fi
  elif [ "$self" = "${mine%% *}" ] && unclaimed; then
    said=$(ask cluster addslotsrange "$low" "$high") || true
    say "begins with the slots from $low to $high: $said"
  fi
}

# The accounts, and one by which nodes of this shard copy each other: an address may be another node's by now, and whoever copied that one would lose
# what it has. For the same reason nobody copies a node that is empty and has no place yet.
write_users() {
  {
    cat /run/secrets/cache-acl
    [ "$1" != placed ] || sed -n "s/^user berth_nodes on \(#[0-9a-f]*\) .*/user $copier on \1 resetkeys resetchannels -@all +ping +replconf +psync/p" /run/secrets/cache-acl
  } >"$users.new"
  mv "$users.new" "$users"
}
let_copy() {
  if grep -q "^user $copier " "$users"; then return 0; fi
  read -r _ _ _ flags _ _ slots <<END
$(ask cluster nodes | lines | grep myself,)
END
  case "$flags" in *slave*) ;; *) [ -n "$slots" ] || return 0 ;; esac
  write_users placed
  ask acl load >/dev/null || true
}

# What somebody knows of a node: its epoch and its slots.
claim_of() { tr -d '\r' | while read -r one _ _ _ _ _ epoch _ slots; do if [ "$one" = "$1" ]; then echo "$epoch $slots"; fi; done; }

# Whether somebody takes a node of this shard that only copies for the owner of these slots.
copy_has() {
  tr -d '\r' | while read -r _ place flags _ _ _ _ _ owned; do
    case "$flags" in *slave*) ;; *) continue ;; esac
    name=${place#*,} name=${name%%,*}
    if [ "$owned" = "$1" ]; then case " $mine " in *" $name "*) echo yes && break ;; esac fi
  done
}

# A node that answers at an address which was another's a moment ago may leave its epoch with that other. Whoever believes that of a primary elects none of
# its copies, as they know better; whoever believes it of a copy, which once was the primary, sends clients to that for ever. A new epoch of its own is above all
# of that. It is above that of anybody else as well, so a node takes one only where every node answers, all of this shard say that the slots are its own, and
# nobody says that they are another shard's: whoever lost them to a copy must not have them back.
renew_epoch() {
  read -r id _ _ flags _ _ slots <<END
$(echo "$known" | grep myself,)
END
  case "$flags" in *master*) ;; *) return 0 ;; esac
  if [ -z "$slots" ]; then return 0; fi
  most=0 wrong=''
  for name in $nodes; do
    if [ "$name" = "$self" ]; then continue; fi
    seen=$(ask_at "$name" cluster nodes)
    said=$(echo "$seen" | claim_of "$id")
    if [ -z "$said" ]; then return 0; fi
    if [ "${said#* }" = "$slots" ]; then
      if [ "${said%% *}" -gt "$most" ]; then most=${said%% *}; fi
      continue
    fi
    case " $mine " in *" $name "*) return 0 ;; esac
    if [ -n "${said#* }" ] || [ -z "$(echo "$seen" | copy_has "$slots")" ]; then return 0; fi
    wrong=$name
  done
  own=$(ask cluster nodes | claim_of "$id")
  if [ "${own#* }" != "$slots" ]; then return 0; fi
  if [ -n "$wrong" ]; then
    because="$wrong takes a copy for the owner of its slots"
  elif [ "$most" -gt "${own%% *}" ]; then
    because="others believe in epoch $most of it, and it has ${own%% *}"
  else
    return 0
  fi
  said=$(ask cluster bumpepoch) || true
  say "$because: $said"
}

keep() {
  set +e
  pause=1 refused=0
  while sleep "$pause"; do
    known=$(ask cluster nodes | lines)
    if [ -z "$known" ]; then continue; fi
    meet
    forget
    take_place
    let_copy
    renew_epoch
    if healthy; then pause=5; else pause=1; fi
  done
}

case "${1:-start}" in
  healthy) healthy && exit 0 || exit 1 ;;
  ask)
    shift
    exec redis-cli -h 127.0.0.1 -p 6379 --user berth_nodes --no-auth-warning "$@"
    ;;
esac

# Other nodes may have the data of another time.
if [ -e /data/.berth-exchanging ]; then
  say 'a restore of cache is half done: run it again'
  exit 1
fi

if [ -e /data/.berth-unowned ]; then
  # Of those that were put aside the last stay.
  if [ -d /data/appendonlydir ]; then
    rm -rf /data/appendonlydir.unowned
    mv /data/appendonlydir /data/appendonlydir.unowned
  fi
  rm -f /data/.berth-unowned
fi

address=''
until address=$(address_of "$self") && [ -n "$address" ]; do sleep 1; done
{
  printf 'include /etc/berth/cache/redis.conf\n'
  printf 'cluster-announce-hostname "%s"\ncluster-announce-ip "%s"\n' "$self" "$address"
  printf 'aclfile "%s"\n' "$users"
  printf 'masteruser %s\nmasterauth "%s"\n' "$copier" "$REDISCLI_AUTH"
} >"$settings"
if grep -Eqs 'myself,(slave|master .* connected [0-9])' /data/nodes.conf; then write_users placed; else write_users new; fi
# Whoever is asked to stop lets its copy take over first: no write is lost, and it takes a moment where a fail-over takes seconds.
hand_over() {
  case "$(ask role)" in master*) ;; *) return 0 ;; esac
  for name in $mine; do
    if [ "$name" = "$self" ]; then continue; fi
    case "$(ask_at "$name" role)" in slave*connected*) ask_at "$name" cluster failover >/dev/null || continue ;; *) continue ;; esac
    tries=0
    while [ "$tries" -lt 20 ]; do
      case "$(ask role)" in slave*) say "$name takes over" && return 0 ;; esac
      case "$(ask_at "$name" ping)" in PONG) ;; *) return 0 ;; esac
      tries=$((tries + 1))
      sleep 0.2
    done
  done
}
say "is $self at $address"
redis-server "$settings" &
server=$!
# Whoever hands over must not be outbid by what it did just before.
keep &
keeper=$!
stops='' heard=''
trap 'stops=yes heard=yes; kill "$keeper" 2>/dev/null || true; hand_over || true; kill -TERM "$server" 2>/dev/null || true' TERM INT
# A signal ends the wait for the server, not the server: how that ended is asked again.
code=0
while :; do
  wait "$server" && code=0 || code=$?
  [ -n "$heard" ] || break
  heard=''
done
# Whoever was told of the end of a server already is told 127.
if [ -n "$stops" ] && [ "$code" = 127 ]; then code=0; fi
exit "$code"
