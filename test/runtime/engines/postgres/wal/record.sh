#!/bin/sh
# Records the log of a server of PostgreSQL while work.sql runs, with what pg_waldump of the same version says of it. To be run in this folder:
#   sh record.sh 17 IMAGE, where IMAGE has PostgreSQL 17 at /usr/lib/postgresql/17/bin; and likewise with 18
# The lab builds postgres:17.11-trixie. For 18: unpack postgresql-18 of Debian unstable, with all that it depends on, into a folder, add the account of number 999,
# and make an image of it with `docker import`.
# Each goes into a folder of its own. log.zst: the log from the beginning of a file on; its files are of 1 MiB, so that records cross them. relations.json: as a
# full backup has it, before the work. waldump.zst: what pg_waldump says. place: from where to where, and the number of the next transaction.
set -eu
version=$1
image=$2
mkdir -p "$version"
name=berth-record-wal
trap 'docker rm -f -v $name >/dev/null' EXIT
programs=/usr/lib/postgresql/$version/bin
data=/tmp/data
docker run -d --name $name --user 999 --entrypoint sh -e LC_ALL=C.UTF-8 -e "PATH=$programs:/usr/bin:/bin" "$image" -c "echo admin >/tmp/password &&
  initdb -D $data -U postgres --encoding=UTF8 --wal-segsize=1 --auth-local=trust --auth-host=scram-sha-256 --pwfile=/tmp/password &&
  echo 'host all all all scram-sha-256' >>$data/pg_hba.conf && exec postgres -D $data -c listen_addresses='*' -c unix_socket_directories=/tmp \
  -c max_prepared_transactions=10 -c wal_keep_size=1GB -c autovacuum=off -c allow_in_place_tablespaces=on" >/dev/null
until docker exec $name pg_isready -h 127.0.0.1 -q; do sleep 1; done
ask() { docker exec $name psql -h /tmp -U postgres -qAtX -c "$1"; }
docker exec -i $name psql -h /tmp -U postgres -qX -v ON_ERROR_STOP=1 <before.sql
ask CHECKPOINT
ask 'SELECT pg_switch_wal()' >/dev/null
address=$(docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' $name)
node --input-type=module >"$version/relations.json" <<JS
import { takeRelations } from '../../../../../runtime/engines/postgres/relations.ts';
import { Secret } from '../../../../../model/secret.ts';
const access = { host: '$address', port: 5432, user: 'postgres', password: new Secret('admin') };
console.log(JSON.stringify(await takeRelations(access, new AbortController().signal)));
JS
next=$(ask 'SELECT pg_current_xact_id()')
first=$(ask 'SELECT pg_walfile_name(pg_current_wal_insert_lsn())')
from=$(ask "SELECT '0/0'::pg_lsn + (segment_number * timeline_id * 1048576)::numeric FROM pg_split_walfile_name('$first')")
docker exec -i $name psql -h /tmp -U postgres -qX -v ON_ERROR_STOP=1 <work.sql >/dev/null
end=$(ask 'SELECT pg_current_wal_flush_lsn()')
docker exec $name sh -c "cd $data/pg_wal && ls" | sort | awk -v first="$first" '$0 >= first && /^0/' >files
docker exec $name sh -c "cd $data/pg_wal && cat $(tr '\n' ' ' <files)" >log.all
docker exec $name pg_waldump -p $data/pg_wal -s "$from" -e "$end" | zstd -19 -q -o "$version/waldump.zst" -f
bytes=$(ask "SELECT '$end'::pg_lsn - '$from'::pg_lsn")
head -c "$bytes" log.all | zstd -19 -q -o "$version/log.zst" -f
rm log.all files
printf '{ "from": "%s", "to": "%s", "next": "%s" }\n' "$from" "$end" "$next" >"$version/place.json"
