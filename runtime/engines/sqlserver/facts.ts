import type { Programs } from '../../ports/program.ts';
import type { FactLimits, ServerFacts, TableFacts } from '../table-facts.ts';
import type { SqlServerAccess } from './access.ts';
import { ask } from './sqlcmd.ts';

/** Definitions of whatever is no table: the text of what has one, the keys of indexes, and the names of accounts. */
const objectsScript = `
    SELECT CONCAT(LOWER(about.type_desc COLLATE DATABASE_DEFAULT), N' ', SCHEMA_NAME(about.schema_id), N'.', about.name) AS name,
      CONVERT(varchar(64), HASHBYTES('SHA2_256', module.definition), 2) AS hash
    FROM sys.objects AS about LEFT JOIN sys.sql_modules AS module ON module.object_id = about.object_id
    WHERE about.is_ms_shipped = 0 AND about.type IN ('V', 'P', 'FN', 'IF', 'TF', 'TR', 'SN', 'SO', 'F', 'C')
    UNION ALL
    SELECT CONCAT(N'index ', SCHEMA_NAME(tables.schema_id), N'.', tables.name, N'.', one.name),
      CONVERT(varchar(64), HASHBYTES('SHA2_256', CONCAT(one.type, N' ', one.is_unique, N' ', (
        SELECT STRING_AGG(CONCAT(keys.column_id, N':', keys.is_descending_key, N':', keys.is_included_column), N',') WITHIN GROUP (ORDER BY keys.index_column_id)
        FROM sys.index_columns AS keys WHERE keys.object_id = one.object_id AND keys.index_id = one.index_id))), 2)
    FROM sys.indexes AS one JOIN sys.tables AS tables ON tables.object_id = one.object_id
    WHERE one.name IS NOT NULL AND tables.is_ms_shipped = 0
    UNION ALL
    SELECT CONCAT(N'user ', name), NULL FROM sys.database_principals WHERE type IN ('S', 'R') AND is_fixed_role = 0 AND principal_id > 4`;

/**
 * Counts all rows and sums checksums of them, in the server, in one transaction that sees one moment and locks nobody out. Between the two readings of the end of
 * the log in which that moment lies, nothing may have been written: then it is known which place in the log it is. It is looked for several times, as somebody may write.
 *
 * Where the database keeps no versions of rows, the place is unknown. Tables in memory and elsewhere are counted by nobody.
 */
const factsScript = ({ bytes, attempts, pauseMs }: FactLimits): string => `
DECLARE @tables TABLE (id int PRIMARY KEY, name nvarchar(300), quoted nvarchar(600), bytes bigint, countable bit, [rows] bigint NULL, [hash] bigint NULL);
INSERT INTO @tables (id, name, quoted, bytes, countable)
  SELECT about.object_id, CONCAT(SCHEMA_NAME(about.schema_id), N'.', about.name),
    CONCAT(QUOTENAME(SCHEMA_NAME(about.schema_id)), N'.', QUOTENAME(about.name)),
    ISNULL((SELECT SUM(size.used_page_count) * 8192 FROM sys.dm_db_partition_stats AS size WHERE size.object_id = about.object_id), 0),
    CASE WHEN about.is_memory_optimized = 1 OR about.is_external = 1 THEN 0 ELSE 1 END
  FROM sys.tables AS about WHERE about.is_ms_shipped = 0;
DECLARE @objects nvarchar(max) = (SELECT name, hash FROM (${objectsScript}) AS every ORDER BY name FOR JSON PATH, INCLUDE_NULL_VALUES);
DECLARE @versions bit = (SELECT CASE WHEN snapshot_isolation_state = 1 THEN 1 ELSE 0 END FROM sys.databases WHERE database_id = DB_ID());
DECLARE @before nvarchar(24), @after nvarchar(24), @attempt int = 0, @statement nvarchar(max);
DECLARE @first nvarchar(max) = (SELECT TOP (1) CONCAT(N'DECLARE @one int; SELECT TOP (1) @one = 1 FROM ', quoted, N';') FROM @tables WHERE countable = 1 ORDER BY bytes, id);
IF @versions = 1 SET TRANSACTION ISOLATION LEVEL SNAPSHOT;
WHILE 1 = 1
BEGIN
  SET @before = (SELECT log_end_lsn FROM sys.dm_db_log_stats(DB_ID()));
  BEGIN TRANSACTION;
  IF @first IS NOT NULL EXEC (@first);
  SET @after = (SELECT log_end_lsn FROM sys.dm_db_log_stats(DB_ID()));
  SET @attempt += 1;
  IF @before = @after OR @versions = 0 OR @attempt >= ${attempts} BREAK;
  ROLLBACK TRANSACTION;
  WAITFOR DELAY '00:00:00.${String(pauseMs).padStart(3, '0')}';
END
DECLARE @at nvarchar(24) = CASE WHEN @versions = 1 AND @before = @after THEN @after END;
DECLARE @left bigint = ${bytes}, @id int, @quoted nvarchar(600), @size bigint, @rows bigint, @hash bigint;
DECLARE each CURSOR LOCAL FAST_FORWARD FOR SELECT id, quoted, bytes FROM @tables WHERE countable = 1 ORDER BY bytes, id;
OPEN each;
FETCH NEXT FROM each INTO @id, @quoted, @size;
WHILE @@FETCH_STATUS = 0
BEGIN
  SET @left -= @size;
  IF @left < 0 BREAK;
  SELECT @rows = NULL, @hash = NULL, @statement = CONCAT(N'SELECT @rows = COUNT_BIG(*), @hash = SUM(CAST(BINARY_CHECKSUM(*) AS bigint)) FROM ', @quoted, N';');
  BEGIN TRY
    EXEC sp_executesql @statement, N'@rows bigint OUTPUT, @hash bigint OUTPUT', @rows OUTPUT, @hash OUTPUT;
    UPDATE @tables SET [rows] = @rows, [hash] = @hash WHERE id = @id;
  END TRY
  BEGIN CATCH
    -- The versions that it saw were given up: what comes after would be of another moment.
    IF XACT_STATE() = -1 BEGIN ROLLBACK TRANSACTION; SET @at = NULL; BREAK; END
  END CATCH
  FETCH NEXT FROM each INTO @id, @quoted, @size;
END
IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
IF @objects <> (SELECT name, hash FROM (${objectsScript}) AS every ORDER BY name FOR JSON PATH, INCLUDE_NULL_VALUES) SET @at = NULL;
SELECT @answer = (
  SELECT @at AS at,
    JSON_QUERY(ISNULL((SELECT name, CONVERT(varchar(20), [rows]) AS [rows], CONVERT(varchar(20), ISNULL([hash], CASE WHEN [rows] = 0 THEN 0 END)) AS [hash]
      FROM @tables ORDER BY name FOR JSON PATH, INCLUDE_NULL_VALUES), N'[]')) AS tables,
    JSON_QUERY(ISNULL(@objects, N'[]')) AS objects
  FOR JSON PATH, WITHOUT_ARRAY_WRAPPER, INCLUDE_NULL_VALUES
);`;

interface Answer {
  readonly at: string | null;
  readonly tables: readonly TableFacts[];
  readonly objects: readonly { readonly name: string; readonly hash: string | null }[];
}

/** The facts of the database at one place of its log, as far as that could be had. */
export async function takeFacts(
  programs: Programs,
  access: SqlServerAccess,
  limits: FactLimits,
  signal: AbortSignal,
): Promise<ServerFacts> {
  const { at, tables, objects } = await ask<Answer>(programs, access, factsScript(limits), signal);
  return { position: at, databases: [{ name: access.database, tables, objects }] };
}
