#!/bin/sh
# Records the log of a server of PostgreSQL 17 while work.sql runs, with what pg_waldump says of it. To be run in this folder, where the lab has built its images:
#   sh record.sh
# log.zst: the log from the beginning of a file on; its files are of 1 MiB, so that records cross them. relations.json: as a full backup has it, before the work.
# waldump.zst: what pg_waldump says. place: from where to where, and the number of the next transaction.
set -eu
name=berth-record-wal
trap 'docker rm -f $name >/dev/null' EXIT
docker run -d --name $name -e POSTGRES_PASSWORD=admin -e POSTGRES_INITDB_ARGS=--wal-segsize=1 postgres:17.11-trixie \
  postgres -c max_prepared_transactions=10 -c wal_keep_size=1GB -c autovacuum=off >/dev/null
until docker exec $name pg_isready -h 127.0.0.1 -q; do sleep 1; done
ask() { docker exec $name psql -U postgres -qAtX -c "$1"; }
docker exec -i $name psql -U postgres -qX -v ON_ERROR_STOP=1 <before.sql
ask CHECKPOINT
ask 'SELECT pg_switch_wal()' >/dev/null
address=$(docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' $name)
node --input-type=module >relations.json <<JS
import { takeRelations } from '../../../../../runtime/engines/postgres/relations.ts';
import { Secret } from '../../../../../model/secret.ts';
const access = { host: '$address', port: 5432, user: 'postgres', password: new Secret('admin') };
console.log(JSON.stringify(await takeRelations(access, new AbortController().signal), null, 1));
JS
next=$(ask 'SELECT pg_current_xact_id()')
first=$(ask 'SELECT pg_walfile_name(pg_current_wal_insert_lsn())')
from=$(ask "SELECT '0/0'::pg_lsn + (segment_number * timeline_id * 1048576)::numeric FROM pg_split_walfile_name('$first')")
docker exec -i $name psql -U postgres -qX -v ON_ERROR_STOP=1 <work.sql >/dev/null
end=$(ask 'SELECT pg_current_wal_flush_lsn()')
docker exec $name sh -c "cd /var/lib/postgresql/data/pg_wal && cat \$(ls | sort | awk '\$0 >= \"$first\" && /^0/')" >log.all
docker exec $name pg_waldump -p /var/lib/postgresql/data/pg_wal -s "$from" -e "$end" | zstd -19 -q -o waldump.zst -f
bytes=$(ask "SELECT '$end'::pg_lsn - '$from'::pg_lsn")
head -c "$bytes" log.all | zstd -19 -q -o log.zst -f
rm log.all
printf '{ "from": "%s", "to": "%s", "next": "%s" }\n' "$from" "$end" "$next" >place.json
