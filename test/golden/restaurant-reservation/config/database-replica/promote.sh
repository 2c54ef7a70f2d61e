#!/bin/bash
# Makes this replica of database a primary: applies all that it has received, forgets whom it followed, and takes writes. There is no way back but a new copy.
# Stop database before, and everything that writes there. With the word anyway it does without what it cannot apply.
set -euo pipefail
export LC_ALL=C
mark='/var/lib/mysql/data/berth-replica' promoting='/tmp/promoting'
here() { mysql --defaults-extra-file='/run/secrets/database-admin-client' --host=127.0.0.1 --port=3306 --protocol=tcp --connect-timeout=10 "$@"; }
ask() { here --batch --raw --skip-column-names; }
if [ ! -e "$mark" ]; then
  echo 'this is no replica any more'
  exit 0
fi
touch "$promoting"
trap 'rm -f "$promoting"' EXIT
echo 'STOP REPLICA IO_THREAD;' | ask
until state=$(echo 'SHOW REPLICA STATUS' | here --vertical) && [[ $state == *'has read all relay log'* ]]; do
  if ! grep -q 'SQL_Running: Yes' <<<"$state"; then
    # What comes from another database than the one copied here is not to be applied.
    if [ -e '/tmp/stranger' ] || [ "${1:-}" = anyway ]; then break; fi
    echo 'it cannot apply all that it has received; its log says why. Nothing was changed. To do without the rest: the same command with the word anyway.' >&2
    exit 1
  fi
  sleep 0.2
done
echo 'STOP REPLICA; RESET REPLICA ALL;' | ask
rm "$mark"
sync "$(dirname "$mark")"
echo 'SET GLOBAL super_read_only = OFF; SET GLOBAL read_only = OFF; SET GLOBAL event_scheduler = ON;' | ask
# Events slept here while they ran on database.
ask <<'SQL' | ask
SELECT CONCAT('ALTER DEFINER = ', QUOTE(SUBSTRING_INDEX(definer, '@', 1)), '@', QUOTE(SUBSTRING_INDEX(definer, '@', -1)), ' EVENT `', REPLACE(event_schema, '`', '``'), '`.`', REPLACE(event_name, '`', '``'), '` ENABLE;')
FROM information_schema.events WHERE status LIKE '%SIDE%DISABLED';
SQL
echo 'takes writes'
