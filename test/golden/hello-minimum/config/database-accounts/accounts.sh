#!/bin/sh
# Brings the account and the database of the application to what berth.yaml says. Changes nothing when nothing is to do.
set -eu
PGPASSWORD=$(cat '/run/secrets/database-admin')
export PGPASSWORD
exec psql --no-psqlrc --quiet --no-align --tuples-only --set=ON_ERROR_STOP=1 --file=/etc/berth/accounts/accounts.sql
