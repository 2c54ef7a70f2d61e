#!/bin/bash
# Writes a whole copy of the database to standard output. The engine can make one on its own disk only, which needs the room for it.
set -eu
SQLCMDPASSWORD=$(cat '/run/secrets/database-admin')
export SQLCMDPASSWORD
copy='/var/opt/mssql/berth-copy.bak'
trap 'rm -f "$copy"' EXIT
rm -f "$copy"
/opt/mssql-tools18/bin/sqlcmd -S 127.0.0.1,1433 -U sa -No -C -l 10 -b -r1 -I -x >&2 <<'SQL'
BACKUP DATABASE [pocket] TO DISK = N'/var/opt/mssql/berth-copy.bak' WITH COPY_ONLY, FORMAT, INIT, CHECKSUM, COMPRESSION;
GO
SQL
cat "$copy"
