#!/bin/sh
# Starts PgBouncer, and starts it anew when database has another address: by itself it looks for it at the old one for as long as the DNS of Docker says, which is ten minutes.
set -u
primary='database' server='/usr/bin/pgbouncer' config='/etc/berth/pgbouncer/pgbouncer.ini'

say() { echo "$(date -u +%FT%TZ) pgbouncer.sh: $*" >&2; }
# Nothing where the name leads nowhere, as while it is away.
address() { getent hosts "$primary" 2>/dev/null | { read -r found _ && echo "$found"; }; }

# It lets the transactions that run come to their end, and takes no new one.
child=''
stop() {
  trap '' INT TERM
  if [ -n "$child" ] && kill -INT "$child" 2>/dev/null; then wait "$child"; fi
  exit 0
}
trap stop INT TERM

while :; do
  known=$(address)
  "$server" "$config" &
  child=$!
  while kill -0 "$child" 2>/dev/null; do
    # A shell hears a signal while it waits, and not before a command has ended.
    sleep 2 &
    wait "$!"
    now=$(address)
    if [ -z "$now" ] || [ "$now" = "$known" ]; then continue; fi
    say "$primary is at $now, and was at ${known:-no address}: starts anew, as all connections to it are dead"
    # It has nothing to lose, and a shell has what it starts like this ignore gentler signals.
    kill -KILL "$child" 2>/dev/null
    wait "$child"
    continue 2
  done
  wait "$child"
  exit "$?"
done
