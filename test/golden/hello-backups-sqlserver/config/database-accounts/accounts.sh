#!/bin/bash
# Brings settings, database and account of the application to what berth.yaml says. Changes nothing when nothing is to do.
# The password never comes here: the file holds the hash that the server would make of it.
set -eu
SQLCMDPASSWORD=$(cat '/run/secrets/database-admin')
export SQLCMDPASSWORD
verifier=$(cat '/run/secrets/database-verifier')
backup_verifier=$(cat '/run/secrets/database-backup-verifier')
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
IF (SELECT value FROM sys.configurations WHERE name = N'max server memory (MB)') <> 11796
BEGIN
  EXEC sp_configure N'max server memory (MB)', 11796;
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
IF (SELECT value FROM sys.configurations WHERE name = N'max degree of parallelism') <> 4
BEGIN
  EXEC sp_configure N'max degree of parallelism', 4;
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
WHILE (SELECT COUNT(*) FROM tempdb.sys.database_files WHERE type = 0) < 4 AND @file <= 4
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
SELECT @statement += CONCAT(N'ALTER DATABASE tempdb MODIFY FILE (NAME = ', QUOTENAME(name), N', MAXSIZE = 5837MB);')
  FROM tempdb.sys.database_files
 WHERE type = 0 AND max_size <> 5837 * 128;
EXEC (@statement);
GO
-- Where its files lie there already, they were put back on a new volume.
DECLARE @found int = 0;
EXEC master.dbo.xp_fileexist N'/var/opt/mssql/database/hello.mdf', @found OUTPUT;
IF DB_ID(N'hello') IS NULL AND @found = 1
  CREATE DATABASE [hello] ON (FILENAME = N'/var/opt/mssql/database/hello.mdf'), (FILENAME = N'/var/opt/mssql/database/hello_log.ldf') FOR ATTACH;
ELSE IF DB_ID(N'hello') IS NULL
  CREATE DATABASE [hello] ON PRIMARY (NAME = N'hello', FILENAME = N'/var/opt/mssql/database/hello.mdf') LOG ON (NAME = N'hello_log', FILENAME = N'/var/opt/mssql/database/hello_log.ldf');
GO
-- An agent saves its log, which leads to every point in time.
IF EXISTS (SELECT 1 FROM sys.databases WHERE name = N'hello' AND recovery_model_desc <> N'FULL') ALTER DATABASE [hello] SET RECOVERY FULL;
GO
-- What it held at one moment can be read, for the proof of a restore, without anybody waiting. Waits for transactions that are under way, once.
IF EXISTS (SELECT 1 FROM sys.databases WHERE name = N'hello' AND snapshot_isolation_state IN (0, 2)) ALTER DATABASE [hello] SET ALLOW_SNAPSHOT_ISOLATION ON;
GO
SQL

# An application migrates its own schema, so it owns its database and nothing else.
ask <<SQL
SET NOCOUNT ON;
IF SUSER_ID(N'hello') IS NULL
  CREATE LOGIN [hello] WITH PASSWORD = $verifier HASHED, CHECK_POLICY = OFF, DEFAULT_DATABASE = [hello];
ELSE IF NOT EXISTS (
  SELECT 1 FROM sys.sql_logins
   WHERE name = N'hello' AND password_hash = $verifier AND is_policy_checked = 0 AND is_disabled = 0 AND default_database_name = N'hello'
)
BEGIN
  ALTER LOGIN [hello] WITH PASSWORD = $verifier HASHED, CHECK_POLICY = OFF, DEFAULT_DATABASE = [hello];
  ALTER LOGIN [hello] ENABLE;
END
GO
DECLARE @statement nvarchar(max) = N'';
SELECT @statement += CONCAT(N'ALTER SERVER ROLE ', QUOTENAME(role.name), N' DROP MEMBER [hello];')
  FROM sys.server_role_members AS member JOIN sys.server_principals AS role ON role.principal_id = member.role_principal_id
 WHERE member.member_principal_id = SUSER_ID(N'hello');
SELECT @statement += CONCAT(N'REVOKE ', permission_name, N' FROM [hello] CASCADE;')
  FROM sys.server_permissions
 WHERE grantee_principal_id = SUSER_ID(N'hello') AND class = 100 AND permission_name <> N'CONNECT SQL';
EXEC (@statement);
GO
USE [hello];
GO
IF DATABASE_PRINCIPAL_ID(N'hello') IS NULL CREATE USER [hello] FOR LOGIN [hello];
ELSE IF NOT EXISTS (SELECT 1 FROM sys.database_principals WHERE name = N'hello' AND sid = SUSER_SID(N'hello'))
  ALTER USER [hello] WITH LOGIN = [hello];
IF IS_ROLEMEMBER(N'db_owner', N'hello') = 0 ALTER ROLE db_owner ADD MEMBER [hello];
GO
SQL

# The agent reads the database, has the server copy it, and reads what the server notes of its backups. It changes nothing.
ask <<SQL
SET NOCOUNT ON;
IF SUSER_ID(N'berth_backup') IS NULL
  CREATE LOGIN [berth_backup] WITH PASSWORD = $backup_verifier HASHED, CHECK_POLICY = OFF, DEFAULT_DATABASE = [master];
ELSE IF NOT EXISTS (
  SELECT 1 FROM sys.sql_logins WHERE name = N'berth_backup' AND password_hash = $backup_verifier AND is_policy_checked = 0 AND is_disabled = 0
)
BEGIN
  ALTER LOGIN [berth_backup] WITH PASSWORD = $backup_verifier HASHED, CHECK_POLICY = OFF, DEFAULT_DATABASE = [master];
  ALTER LOGIN [berth_backup] ENABLE;
END
GO
-- How much of it is in use, and where its log ends.
GRANT VIEW SERVER PERFORMANCE STATE TO [berth_backup];
GO
USE [hello];
GO
IF DATABASE_PRINCIPAL_ID(N'berth_backup') IS NULL CREATE USER [berth_backup] FOR LOGIN [berth_backup];
ELSE IF NOT EXISTS (SELECT 1 FROM sys.database_principals WHERE name = N'berth_backup' AND sid = SUSER_SID(N'berth_backup'))
  ALTER USER [berth_backup] WITH LOGIN = [berth_backup];
IF IS_ROLEMEMBER(N'db_backupoperator', N'berth_backup') = 0 ALTER ROLE db_backupoperator ADD MEMBER [berth_backup];
IF IS_ROLEMEMBER(N'db_datareader', N'berth_backup') = 0 ALTER ROLE db_datareader ADD MEMBER [berth_backup];
GRANT VIEW DEFINITION TO [berth_backup];
GO
USE [msdb];
GO
IF DATABASE_PRINCIPAL_ID(N'berth_backup') IS NULL CREATE USER [berth_backup] FOR LOGIN [berth_backup];
ELSE IF NOT EXISTS (SELECT 1 FROM sys.database_principals WHERE name = N'berth_backup' AND sid = SUSER_SID(N'berth_backup'))
  ALTER USER [berth_backup] WITH LOGIN = [berth_backup];
GRANT SELECT ON dbo.backupset TO [berth_backup];
GRANT SELECT ON dbo.backupmediafamily TO [berth_backup];
GRANT EXECUTE ON dbo.sp_delete_backuphistory TO [berth_backup];
GO
SQL
