#!/bin/bash
# Starts SQL Server. It takes the password of its administrator from its environment, and only while its volume is empty.
set -eu
MSSQL_SA_PASSWORD=$(cat '/run/secrets/database-admin')
export MSSQL_SA_PASSWORD
exec /opt/mssql/bin/sqlservr
