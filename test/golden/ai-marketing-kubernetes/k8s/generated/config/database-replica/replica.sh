#!/bin/bash
# Starts PostgreSQL as a replica of database: copies it whole when the volume is empty, or when database no longer has the log that is missing here, then follows it.
# Of folders with data it removes those of a replica alone, which a standby.signal marks, and copies that did not come to their end.
set -euo pipefail
umask 077
export LC_ALL=C
data='/var/lib/postgresql/data/pgdata' copy='/var/lib/postgresql/data/copy' copying='/tmp/copying'
account='berth_replica' slot='berth_replica'
export PGPASSFILE='/tmp/replication.pgpass' PGCONNECT_TIMEOUT=10
address="host=database port=5432 user=$account application_name=database-replica"

say() { echo "$(date -u +%FT%TZ) replica: $*" >&2; }

# A shell hears a signal only between its commands, and while it waits: whatever takes long runs beside it.
child= bell=TERM
stop() {
  trap '' INT TERM
  if [ -n "$child" ] && kill -"$bell" "$child" 2>/dev/null; then wait "$child" || exit $?; fi
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

# One statement, or one command of the replication protocol; its answer with | between the columns.
ask() { timeout 30 psql --no-psqlrc --no-password --quiet --tuples-only --no-align --dbname="$address dbname=postgres replication=database" --command="$1" 2>&1; }
told() { pg_controldata --pgdata="$data" | sed -n "s/^$1: *//p"; }

# follows; lost: the log that is missing here was recycled; stranger: database is another database than the one copied here; unknown: it does not answer.
judge() {
  local system state
  # Not READ_REPLICATION_SLOT: a replica that tries once more gives a slot that was lost a position again, with which it says nothing of that.
  if ! system=$(ask IDENTIFY_SYSTEM) || ! state=$(ask "SELECT coalesce(max(wal_status), 'lost') FROM pg_replication_slots WHERE slot_name = '$slot'"); then echo unknown
  elif [ "${system%%|*}" != "$(told 'Database system identifier')" ]; then echo stranger
  elif [ "$state" = lost ]; then echo lost
  elif [[ $state =~ ^(reserved|extended|unreserved)$ ]]; then echo follows
  else echo unknown
  fi
}

copy_once() {
  rm -rf "$copy"
  # The slot of a copy before this one. It keeps log from the first byte of the copy on, so that none is missing at its end.
  if [[ $(ask "READ_REPLICATION_SLOT $slot") == physical* ]]; then ask "DROP_REPLICATION_SLOT $slot" >&2; fi
  exec pg_basebackup --no-password --dbname="$address" --pgdata="$copy" --checkpoint=fast --wal-method=stream --create-slot --slot="$slot"
}

# Complete or not at all: the copy takes its place in one step once all of it is on disk.
seed() {
  touch "$copying"
  say "copies database whole"
  until beside copy_once; do
    say "the copy did not come to its end; the next attempt comes in five seconds"
    beside sleep 5
  done
  touch "$copy/standby.signal"
  sync "$copy/standby.signal" "$copy"
  mv "$copy" "$data"
  sync "$(dirname "$data")"
  rm -f "$copying"
  say "the copy is complete"
}

# A standby stops when its primary once had room for more than it has itself, and could never learn that this has changed.
room() {
  local name=$1 here there
  here=$(postgres -D "$data" "${@:3}" -C "$name")
  there=$(told "$2")
  if [ "${there:-0}" -gt "$here" ]; then printf '%s\n' -c "$name=$there"; fi
}

printf '*:*:*:%s:%s\n' "$account" "$(cat '/run/secrets/database-replication')" >"$PGPASSFILE"
rm -rf "$copy"
rmdir "$data" 2>/dev/null || :
if [ ! -e "$data" ]; then
  seed
elif [ ! -e "$data/standby.signal" ]; then
  say "$data is no replica's: somebody made it a primary, so it starts as it is, and nothing is copied over it"
else
  case $(judge) in
    lost)
      say "database has recycled log that is missing here: what stands here is removed and copied anew"
      mv "$data" "$copy"
      seed
      ;;
    stranger)
      say "database is not the database that was copied here. Nothing is removed, as this may be the last copy, and nothing new comes in."
      say "When database is right: stop this service, remove its volume, start it again."
      ;;
  esac
fi

arguments=("$@")
shift
for pair in 'max_connections|max_connections setting' 'max_worker_processes|max_worker_processes setting'; do
  mapfile -t more < <(room "${pair%%|*}" "${pair#*|}" "$@")
  set -- "$@" "${more[@]}"
done
"${arguments[0]}" "$@" &
child=$! server=$child bell=INT

# It may also fall behind while it runs.
while kill -0 "$server" 2>/dev/null; do
  sleep 30 &
  wait -n "$server" "$!" || :
  if [ -e "$data/standby.signal" ] && [ "$(judge)" = lost ]; then
    say "database has recycled log that is missing here: stops, to begin anew with a copy"
    kill -INT "$server"
    wait "$server" || :
    exec /bin/bash "$0" "${arguments[@]}"
  fi
done
wait "$server" || exit $?
