#!/bin/bash
# Brings settings, database and account of the application to what berth.yaml says. Changes nothing when nothing is to do.
# The password never comes here: the file holds the hash that the server would make of it.
set -eu
SQLCMDPASSWORD=$(cat '/run/secrets/database-admin')
export SQLCMDPASSWORD
verifier=$(cat '/run/secrets/database-verifier')
# Statements come by standard input: a command line can be seen by others.
ask() {
  /opt/mssql-tools18/bin/sqlcmd -S database,1433 -U sa -No -C -l 10 -b -r1 -I -x -h -1 -W
}
# Compose would recreate whatever depends on a recreated database, so this waits by itself.
tries=0
until echo 'SET NOCOUNT ON; SELECT 1;' | ask >/dev/null 2>/tmp/why; do
  tries=$((tries + 1))
  if [ "$tries" -ge 180 ]; then
    echo "the database database does not let its administrator in after three minutes: $(cat /tmp/why)" >&2
    exit 1
  fi
  sleep 1
done

ask <<'SQL'
SET NOCOUNT ON;
IF (SELECT value_in_use FROM sys.configurations WHERE name = N'show advanced options') = 0
BEGIN
  EXEC sp_configure N'show advanced options', 1;
  RECONFIGURE;
END
GO
-- its pools; the rest is for threads, linked code and plans
IF (SELECT value FROM sys.configurations WHERE name = N'max server memory (MB)') <> 23592
BEGIN
  EXEC sp_configure N'max server memory (MB)', 23592;
  RECONFIGURE;
END
GO
-- one for each connection, whatever the CPUs of the host
IF (SELECT value FROM sys.configurations WHERE name = N'max worker threads') <> 512
BEGIN
  EXEC sp_configure N'max worker threads', 512;
  RECONFIGURE;
END
GO
-- one statement does not take more CPUs than there are
IF (SELECT value FROM sys.configurations WHERE name = N'max degree of parallelism') <> 8
BEGIN
  EXEC sp_configure N'max degree of parallelism', 8;
  RECONFIGURE;
END
GO
-- its default of 5 divides statements that are done in milliseconds
IF (SELECT value FROM sys.configurations WHERE name = N'cost threshold for parallelism') <> 50
BEGIN
  EXEC sp_configure N'cost threshold for parallelism', 50;
  RECONFIGURE;
END
GO
-- a copy takes a fraction of the disk
IF (SELECT value FROM sys.configurations WHERE name = N'backup compression default') <> 1
BEGIN
  EXEC sp_configure N'backup compression default', 1;
  RECONFIGURE;
END
GO
-- a sort that runs away does not fill the disk
DECLARE @file int = 2, @statement nvarchar(max) = N'';
WHILE (SELECT COUNT(*) FROM tempdb.sys.database_files WHERE type = 0) < 8 AND @file <= 8
BEGIN
  IF NOT EXISTS (SELECT 1 FROM tempdb.sys.database_files WHERE name = CONCAT(N'tempdev', @file))
  BEGIN
    SET @statement = CONCAT(N'ALTER DATABASE tempdb ADD FILE (NAME = tempdev', @file, N', FILENAME = N''/var/opt/mssql/data/tempdev', @file, N'.ndf'', SIZE = 8MB, FILEGROWTH = 64MB)');
    EXEC (@statement);
  END
  SET @file += 1;
END
SET @statement = N'';
-- Sizes are counted in pages of 8 KiB.
SELECT @statement += CONCAT(N'ALTER DATABASE tempdb MODIFY FILE (NAME = ', QUOTENAME(name), N', MAXSIZE = 12661MB);')
  FROM tempdb.sys.database_files
 WHERE type = 0 AND max_size <> 12661 * 128;
EXEC (@statement);
GO
-- Where its files lie there already, they were put back on a new volume.
DECLARE @found int = 0;
EXEC master.dbo.xp_fileexist N'/var/opt/mssql/database/pocket.mdf', @found OUTPUT;
IF DB_ID(N'pocket') IS NULL AND @found = 1
  CREATE DATABASE [pocket] ON (FILENAME = N'/var/opt/mssql/database/pocket.mdf'), (FILENAME = N'/var/opt/mssql/database/pocket_log.ldf') FOR ATTACH;
ELSE IF DB_ID(N'pocket') IS NULL
  CREATE DATABASE [pocket] ON PRIMARY (NAME = N'pocket', FILENAME = N'/var/opt/mssql/database/pocket.mdf') LOG ON (NAME = N'pocket_log', FILENAME = N'/var/opt/mssql/database/pocket_log.ldf');
GO
-- Nothing saves its log, and what nobody saves is never removed from it otherwise.
IF EXISTS (SELECT 1 FROM sys.databases WHERE name = N'pocket' AND recovery_model_desc <> N'SIMPLE') ALTER DATABASE [pocket] SET RECOVERY SIMPLE;
GO
SQL

# An application migrates its own schema, so it owns its database and nothing else.
ask <<SQL
SET NOCOUNT ON;
IF SUSER_ID(N'pocket') IS NULL
  CREATE LOGIN [pocket] WITH PASSWORD = $verifier HASHED, CHECK_POLICY = OFF, DEFAULT_DATABASE = [pocket];
ELSE IF NOT EXISTS (
  SELECT 1 FROM sys.sql_logins
   WHERE name = N'pocket' AND password_hash = $verifier AND is_policy_checked = 0 AND is_disabled = 0 AND default_database_name = N'pocket'
)
BEGIN
  ALTER LOGIN [pocket] WITH PASSWORD = $verifier HASHED, CHECK_POLICY = OFF, DEFAULT_DATABASE = [pocket];
  ALTER LOGIN [pocket] ENABLE;
END
GO
DECLARE @statement nvarchar(max) = N'';
SELECT @statement += CONCAT(N'ALTER SERVER ROLE ', QUOTENAME(role.name), N' DROP MEMBER [pocket];')
  FROM sys.server_role_members AS member JOIN sys.server_principals AS role ON role.principal_id = member.role_principal_id
 WHERE member.member_principal_id = SUSER_ID(N'pocket');
SELECT @statement += CONCAT(N'REVOKE ', permission_name, N' FROM [pocket] CASCADE;')
  FROM sys.server_permissions
 WHERE grantee_principal_id = SUSER_ID(N'pocket') AND class = 100 AND permission_name <> N'CONNECT SQL';
EXEC (@statement);
GO
USE [pocket];
GO
IF DATABASE_PRINCIPAL_ID(N'pocket') IS NULL CREATE USER [pocket] FOR LOGIN [pocket];
ELSE IF NOT EXISTS (SELECT 1 FROM sys.database_principals WHERE name = N'pocket' AND sid = SUSER_SID(N'pocket'))
  ALTER USER [pocket] WITH LOGIN = [pocket];
IF IS_ROLEMEMBER(N'db_owner', N'pocket') = 0 ALTER ROLE db_owner ADD MEMBER [pocket];
GO
SQL

# What was copied is not any more: its account goes. One without a login may stay behind in the database, and lets nobody in.
ask <<'SQL'
IF SUSER_ID(N'berth_backup') IS NOT NULL
BEGIN
  ALTER LOGIN [berth_backup] DISABLE;
  -- While an agent that is being stopped is still logged in it cannot go; the next start tries again.
  BEGIN TRY
    DROP LOGIN [berth_backup];
  END TRY
  BEGIN CATCH
    PRINT ERROR_MESSAGE();
  END CATCH
END
GO
SQL
