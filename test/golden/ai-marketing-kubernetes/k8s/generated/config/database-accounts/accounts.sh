#!/bin/sh
# Brings the account and the database of the application to what berth.yaml says. Changes nothing when nothing is to do.
set -eu
PGPASSWORD=$(cat '/run/secrets/database-admin')
export PGPASSWORD
# Compose would recreate whatever depends on a recreated database, so this waits by itself. By TCP: the temporary server of the first start has none.
tries=0
until pg_isready --quiet; do
  tries=$((tries + 1))
  if [ "$tries" -ge 180 ]; then
    echo "the database database does not answer after three minutes" >&2
    exit 1
  fi
  sleep 1
done
exec psql --no-psqlrc --quiet --no-align --tuples-only --set=ON_ERROR_STOP=1 --file=/etc/berth/accounts/accounts.sql
