#!/bin/bash
# Starts SQL Server. It takes the password of its administrator from its environment, and only while its volume is empty.
set -eu
MSSQL_SA_PASSWORD=$(cat '/run/secrets/database-admin')
export MSSQL_SA_PASSWORD
umask 007
volume='/var/opt/mssql' data='/var/opt/mssql/database'
# A restore was cut off between the two steps in which new files take the place of old ones: they do so now.
if [ ! -e "$data" ] && [ -e '/var/opt/mssql/database.restored' ]; then mv -T '/var/opt/mssql/database.restored' "$data"; fi
# The files of the database have a folder of their own, in which others can take their place in one step. A database of an earlier version stays where it is.
if [ ! -e "$volume/data/pocket.mdf" ]; then mkdir -p "$data"; fi
exec /opt/mssql/bin/sqlservr
