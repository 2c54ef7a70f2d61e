#!/bin/bash
# Removes the oldest binary logs when all together take more than 69632 MiB of the disk. The server itself goes by their age alone.
# A log that a replica is just reading stays; one that it has not come to is lost to it, and it begins anew with a copy.
set -u
ask() { timeout 30 mysql --defaults-extra-file='/run/secrets/database-admin-client' --host=127.0.0.1 --port=3306 --protocol=tcp --connect-timeout=10 --batch --raw --skip-column-names; }
while sleep 60; do
  mapfile -t logs < <(echo 'SHOW BINARY LOGS;' | ask 2>/dev/null)
  sum=0 oldest=
  # From the newest, which always stays, to the first that is too much.
  for ((at = ${#logs[@]} - 1; at >= 0; at--)); do
    read -r name size _ <<<"${logs[at]}"
    sum=$((sum + size))
    if [ -n "$oldest" ] && [ "$sum" -gt $((69632 * 1024 * 1024)) ]; then
      echo "$(date -u +%FT%TZ) keep-log: the binary logs take more than 69632 MiB: those before $oldest are removed" >&2
      echo "PURGE BINARY LOGS TO '$oldest';" | ask
      break
    fi
    oldest=$name
  done
done
