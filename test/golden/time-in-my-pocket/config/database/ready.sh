#!/bin/bash
# Whether it takes statements. By the administrator, as the account of the application is made later, and by whoever is ready already.
set -eu
SQLCMDPASSWORD=$(cat '/run/secrets/database-admin')
export SQLCMDPASSWORD
exec /opt/mssql-tools18/bin/sqlcmd -S 127.0.0.1,1433 -U sa -No -C -l 5 -b -r1 -h -1 -Q 'SET NOCOUNT ON; SELECT 1' >/dev/null
