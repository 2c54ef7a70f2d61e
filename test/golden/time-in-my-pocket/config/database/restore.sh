#!/bin/bash
# Brings the database back from a copy at standard input, whatever is in it now.
set -eu
SQLCMDPASSWORD=$(cat '/run/secrets/database-admin')
export SQLCMDPASSWORD
copy='/var/opt/mssql/berth-copy.bak'
trap 'rm -f "$copy"' EXIT
cat >"$copy"
/opt/mssql-tools18/bin/sqlcmd -S 127.0.0.1,1433 -U sa -No -C -l 10 -b -r1 -I -x >&2 <<'SQL'
RESTORE VERIFYONLY FROM DISK = N'/var/opt/mssql/berth-copy.bak' WITH CHECKSUM;
GO
IF DB_ID(N'pocket') IS NOT NULL ALTER DATABASE [pocket] SET SINGLE_USER WITH ROLLBACK IMMEDIATE;
GO
RESTORE DATABASE [pocket] FROM DISK = N'/var/opt/mssql/berth-copy.bak' WITH REPLACE, CHECKSUM;
GO
ALTER DATABASE [pocket] SET MULTI_USER;
GO
SQL
