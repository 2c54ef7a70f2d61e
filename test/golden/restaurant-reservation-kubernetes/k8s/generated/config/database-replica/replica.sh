#!/bin/bash
# Starts MySQL as a replica of database: copies it whole when the volume is empty, or when database no longer has the log that is missing here, then follows it.
# Of folders with data it removes those of a replica alone, which berth-replica marks, and copies that did not come to their end.
set -euo pipefail
umask 077
export LC_ALL=C
# A cluster sets no such limit, and a server takes the one that it finds, however high.
ulimit -n 8192 2>/dev/null || :
data='/var/lib/mysql/data' mark='/var/lib/mysql/data/berth-replica' copy='/var/lib/mysql/copy' tmp='/var/lib/mysql/tmp' promoting='/tmp/promoting' stranger='/tmp/stranger'

say() { echo "$(date -u +%FT%TZ) replica: $*" >&2; }

# A shell hears a signal only between its commands, and while it waits: whatever takes long runs beside it.
child=
stop() {
  trap '' INT TERM
  if [ -n "$child" ] && kill -TERM "$child" 2>/dev/null; then wait "$child" || exit $?; fi
  exit 0
}
trap stop INT TERM
beside() {
  "$@" &
  child=$!
  local code=0
  wait "$child" || code=$?
  child=
  return "$code"
}

# Statements come by standard input: a command line can be seen by others. By TCP, as nothing but the whole server has that open.
there() { timeout 30 mysql --defaults-extra-file='/run/secrets/database-replication-client' --host=database --port=3306 --protocol=tcp --connect-timeout=10 --batch --raw --skip-column-names <<<"$1"; }
here() { timeout 30 mysql --defaults-extra-file='/run/secrets/database-admin-client' --host=127.0.0.1 --port=3306 --protocol=tcp --connect-timeout=10 "${@:2}" <<<"$1"; }
ask() { here "$1" --batch --raw --skip-column-names; }
# How it follows, one column a line: old versions and new ones have names of their own for the two servers.
state() { here 'SHOW REPLICA STATUS' --vertical; }
told() { sed -n "s/^ *[A-Za-z]*_$1: *//p" <<<"$state"; }

# follows; lost: the log that is missing here was removed; stranger: database never had what stands here; unknown: one of the two does not answer.
# A transaction has the mark of the data that it was made on. So database has all that is here, or it is another.
judge() {
  local mine answer
  if ! mine=$(ask 'SELECT @@GLOBAL.gtid_executed' | tr -d '\n') ||
    ! answer=$(there "SELECT GTID_SUBSET('$mine', @@GLOBAL.gtid_executed), GTID_SUBTRACT(@@GLOBAL.gtid_purged, '$mine') = ''"); then
    echo unknown
    return
  fi
  case $answer in
    $'1\t1') echo follows ;;
    $'1\t0') echo lost ;;
    *) echo stranger ;;
  esac
}

# Complete or not at all: the copy takes its place in one step once all of it is on disk.
seed() {
  local waiting=
  until there 'SELECT 1' >/dev/null 2>/tmp/why; do
    if [ -z "$waiting" ]; then say "waits until database lets it in: $(tail -n 1 /tmp/why)"; fi
    waiting=yes
    beside sleep 2
  done
  say "copies database whole"
  until beside /bin/bash '/etc/mysql/conf.d'/copy.sh; do
    say "the copy did not come to its end; the next attempt comes in five seconds"
    beside sleep 5
  done
  sync "$(dirname "$data")"
  rm -rf "$copy"
  say "the copy is complete"
}

rm -rf "$copy" "$tmp"
rm -f "$promoting" "$stranger"
mkdir "$tmp"
if [ ! -e "$data" ]; then seed; fi
arguments=("$@")
if [ ! -e "$mark" ]; then
  say "$data is no replica's: somebody made it a primary, so it starts as it is, and nothing is copied over it"
  set -- "$@" --super-read-only=OFF --read-only=OFF --event-scheduler=ON
fi
/bin/bash '/etc/mysql/conf.d'/keep-log.sh &
docker-entrypoint.sh "$@" &
child=$! server=$child

running() { kill -0 "$server" 2>/dev/null; }
pause() {
  sleep "$1" &
  wait -n "$server" "$!" || :
}
# Says a thing once, until it is another.
last=
news() {
  if [ "$last" != "$1" ]; then say "$1"; fi
  last=$1
}
password=$(sed -n 's/^password=//p' '/run/secrets/database-replication-client')
follow() { ask "CHANGE REPLICATION SOURCE TO SOURCE_HOST = 'database', SOURCE_PORT = 3306, SOURCE_AUTO_POSITION = 1, SOURCE_SSL = 1, SOURCE_SSL_CA = '', SOURCE_SSL_VERIFY_SERVER_CERT = 0, SOURCE_CONNECT_RETRY = 5, SOURCE_RETRY_COUNT = 0; START REPLICA USER = 'berth_replica' PASSWORD = '$password';"; }

while running && ! ask 'SELECT 1' >/dev/null 2>/tmp/why; do
  if grep -q 'Access denied' /tmp/why; then
    news "lets nobody in with the passwords of this site: what stands here was copied from another one. Nothing is removed. To copy database: stop this service, remove its volume, start it again."
  fi
  pause 1
done
fresh=yes
while running; do
  if [ ! -e "$mark" ] || [ -e "$promoting" ]; then
    pause 10
    continue
  fi
  state=$(state 2>/dev/null) || state=
  receives=$(told IO_Running) applies=$(told SQL_Running) behind=$(sed -n 's/^ *Seconds_Behind_[A-Za-z]*: *//p' <<<"$state")
  if [ -n "$fresh" ] || [ "$receives" != Yes ] || [ "$applies" != Yes ]; then
    verdict=$(judge)
    case $verdict in
      lost)
        say "database has removed log that is missing here: what stands here is removed and copied anew"
        kill -TERM "$server"
        wait "$server" || :
        mv "$data" "$copy"
        kill $(jobs -p) 2>/dev/null || :
        exec /bin/bash "$0" "${arguments[@]}"
        ;;
      stranger)
        news "database is not the database that was copied here, or has lost a part of it. Nothing is removed, as this may be the last copy, and nothing new comes in. When database is right: stop this service, remove its volume, start it again."
        touch "$stranger"
        # What came before is still applied.
        if [[ $receives == [YC]* ]]; then ask 'STOP REPLICA IO_THREAD;' || :; fi
        ;;
      *)
        if [ -e "$stranger" ] && [ "$verdict" = unknown ]; then
          : # Whoever answers next may be the stranger again.
        elif [ -n "$fresh" ] || [ -e "$stranger" ]; then
          if ask 'STOP REPLICA;' && follow; then fresh=; fi
          rm -f "$stranger"
        elif [ "$receives" = No ] && [ "$applies" = Yes ]; then
          ask "START REPLICA IO_THREAD USER = 'berth_replica' PASSWORD = '$password';" || :
        elif [ "$applies" = No ]; then
          news "cannot apply what comes from database, as the lines above say, and waits for somebody who looks. To copy database anew: stop this service, remove its volume, start it again."
        fi
        ;;
    esac
  elif [[ $behind =~ ^[0-9]+$ ]] && [ "$behind" -gt 60 ]; then
    news "is more than 60 s behind database"
  else
    news "follows database"
  fi
  if [ "$last" = "follows database" ]; then pause 10; else pause 2; fi
done
wait "$server" || exit $?
