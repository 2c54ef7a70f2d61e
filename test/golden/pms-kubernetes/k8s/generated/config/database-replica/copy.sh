#!/bin/bash
# Copies database file by file, by the clone plugin: a server that is thrown away afterwards asks for it. It is complete with its last line.
set -euo pipefail
data='/var/lib/mysql/data' copy='/var/lib/mysql/copy' socket=/tmp/copy.sock
rm -rf "$copy"
mkdir "$copy"
scratch=(mysqld --datadir="$copy/scratch" --socket="$socket" --pid-file=/tmp/copy.pid --skip-log-bin --log-error-verbosity=1 --super-read-only=OFF --read-only=OFF)
ask() { mysql --socket="$socket" --user=root --batch; }

"${scratch[@]}" --initialize-insecure
"${scratch[@]}" --skip-networking --plugin-load-add=mysql_clone.so &
server=$!
trap 'kill "$server" 2>/dev/null; wait "$server" || :' EXIT
until echo 'SELECT 1;' | ask >/dev/null 2>&1; do
  kill -0 "$server"
  sleep 0.2
done
password=$(sed -n 's/^password=//p' '/run/secrets/database-replication-client')
# By standard input: a command line can be seen by others.
ask <<SQL
SET GLOBAL clone_valid_donor_list = 'database:3306';
SET GLOBAL clone_ssl_ca = '/run/secrets/site-ca';
CLONE INSTANCE FROM 'berth_replica'@'database':3306 IDENTIFIED BY '$password' DATA DIRECTORY = '$copy/data' REQUIRE SSL;
SQL
touch "$copy/data/berth-replica"
sync --file-system "$copy"
mv "$copy/data" "$data"
