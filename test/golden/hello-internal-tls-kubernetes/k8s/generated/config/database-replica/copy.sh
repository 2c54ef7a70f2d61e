#!/bin/bash
# Reads a dump of database into an empty server, with the point in its log that the dump stands for. It is complete with its last line.
set -euo pipefail
data='/var/lib/mysql/data' copy='/var/lib/mysql/copy' socket=/tmp/copy.sock
rm -rf "$copy"
mkdir "$copy"
# A copy that is not whole is thrown away, so nothing has to last before its end. Any row goes through, however large its text.
server=(mariadbd --datadir="$copy/data" --socket="$socket" --pid-file=/tmp/copy.pid --skip-networking --skip-log-bin --skip-slave-start
  --read-only=OFF --innodb-flush-log-at-trx-commit=0 --max-allowed-packet=1G --slow-query-log=OFF --max-statement-time=0)
ask() { mariadb "$@" --socket="$socket" --batch; }

mariadb-install-db --datadir="$copy/data" --auth-root-authentication-method=normal --cross-bootstrap --skip-test-db --skip-log-bin
"${server[@]}" &
server=$!
trap 'kill "$server" 2>/dev/null; wait "$server" || :' EXIT
until echo 'SELECT 1;' | ask --user=root >/dev/null 2>&1; do
  kill -0 "$server"
  sleep 0.2
done
mariadb-dump --defaults-extra-file='/run/secrets/database-replication-client' --host=database --port=3306 --protocol=tcp --single-transaction --quick --all-databases \
  --master-data=1 --gtid --dump-history --routines --events --triggers --hex-blob --flush-privileges --max-allowed-packet=1G |
  ask --user=root --binary-mode --max-allowed-packet=1G
# The administrator has its password now. The dump has begun to follow, without a name; where it stands in the log remains.
ask_whole() { ask --defaults-extra-file='/run/secrets/database-admin-client' "$@"; }
ask_whole <<<'RESET REPLICA ALL;'
mariadb-admin --defaults-extra-file='/run/secrets/database-admin-client' --socket="$socket" shutdown
wait "$server"
trap - EXIT
# The second for the entrypoint, which would take these data for those of an older version.
touch "$copy/data/berth-replica" "$copy/data/.my-healthcheck.cnf"
sync --file-system "$copy"
mv "$copy/data" "$data"
