import { BerthError } from '../../../model/errors.ts';
import type { Manifest } from '../../../model/backup/manifest.ts';
import type { Json } from '../../../model/backup/shape.ts';
import type { Programs } from '../../ports/program.ts';
import { textOf, type SqlServerAccess } from './access.ts';
import { ask } from './sqlcmd.ts';

/** One file of a database. */
export interface DatabaseFile {
  /** By which a restore calls it. */
  readonly name: string;
  readonly path: string;
}

/** Which database it is that answers, and how its backups stand. */
export interface Identity {
  readonly version: string;
  readonly edition: string;
  readonly recoveryModel: string;
  /** Shared by all that were restored from the same origin. */
  readonly family: string;
  /** Another one from each restore on: logs of two do not follow each other. */
  readonly fork: string;
  /** Where the next log begins; none where a log cannot be had before a full backup was made. */
  readonly logFrom: string | null;
  /** The last record of its log. */
  readonly logEnd: string;
  /** The full backup since which it counts what changes. */
  readonly differentialBase: string | null;
  /** By the clock of the server, in UTC. */
  readonly now: string;
  /** Bytes in use, and of those what has changed since that full backup. */
  readonly bytes: number;
  readonly changedBytes: number;
  readonly files: readonly DatabaseFile[];
  /** Databases that somebody has made beside it, which are not copied. */
  readonly others: readonly string[];
}

type Answer = Identity & { readonly zoneMinutes: number };

const identityScript = (database: string): string => `
SELECT @answer = (
  SELECT CONVERT(varchar(128), SERVERPROPERTY('ProductVersion')) AS version,
    CONVERT(varchar(128), SERVERPROPERTY('Edition')) AS edition,
    about.recovery_model_desc AS recoveryModel,
    CONVERT(varchar(36), state.family_guid) AS family,
    CONVERT(varchar(36), state.recovery_fork_guid) AS fork,
    CONVERT(varchar(25), state.last_log_backup_lsn) AS logFrom,
    stats.log_end_lsn AS logEnd,
    CONVERT(varchar(36), (SELECT TOP (1) differential_base_guid FROM sys.database_files WHERE type = 0 ORDER BY file_id)) AS differentialBase,
    CONVERT(varchar(33), CAST(SYSUTCDATETIME() AS datetime2(3)), 126) + 'Z' AS now,
    DATEPART(tz, SYSDATETIMEOFFSET()) AS zoneMinutes,
    space.used * 8192 AS bytes,
    space.changed * 8192 AS changedBytes,
    JSON_QUERY((SELECT name, physical_name AS path FROM sys.database_files ORDER BY file_id FOR JSON PATH)) AS files,
    JSON_QUERY(ISNULL((SELECT name FROM sys.databases WHERE database_id > 4 AND name <> ${textOf(database)} ORDER BY name FOR JSON PATH), N'[]')) AS others
  FROM sys.databases AS about
    JOIN sys.database_recovery_status AS state ON state.database_id = about.database_id
    CROSS APPLY sys.dm_db_log_stats(about.database_id) AS stats
    CROSS JOIN (SELECT SUM(allocated_extent_page_count) AS used, SUM(modified_extent_page_count) AS changed FROM sys.dm_db_file_space_usage) AS space
  WHERE about.database_id = DB_ID()
  FOR JSON PATH, WITHOUT_ARRAY_WRAPPER, INCLUDE_NULL_VALUES
);`;

/** @throws BerthError `unsupported` when its log does not lead to every point in time. */
export async function identify(programs: Programs, access: SqlServerAccess, signal: AbortSignal): Promise<Identity> {
  const { database, host } = access;
  const answer = await ask<Omit<Answer, 'others'> & { readonly others: readonly { readonly name: string }[] }>(
    programs,
    access,
    identityScript(database),
    signal,
  );
  const { zoneMinutes, others, ...identity } = answer;
  if (identity.recoveryModel !== 'FULL')
    throw new BerthError(
      'unsupported',
      `${database} at ${host} has the recovery model ${identity.recoveryModel}, of which no log leads to every point in time`,
      `type ALTER DATABASE [${database}] SET RECOVERY FULL, which its accounts task does at each start as well; a new full backup is made then`,
    );
  // A restore takes a time as the server's own clock had it, and twice a year that says the same hour twice.
  if (zoneMinutes !== 0)
    throw new BerthError(
      'unsupported',
      `the clock of ${host} is ${zoneMinutes} minutes off UTC, and its log notes times by that`,
      'remove TZ from its environment, and make a full backup',
    );
  return { ...identity, others: others.map(({ name }) => name) };
}

/** What a restore, or a chain, has to know of it. */
export const lineOf = ({ family, fork }: Pick<Identity, 'family' | 'fork'>): { readonly [name: string]: Json } => ({ family, fork });

/** Why what comes from it now does not go on from a backup; nothing where it does. */
export function otherThan({ id, facts }: Manifest, { family, fork }: Pick<Identity, 'family' | 'fork'>): string | undefined {
  if (facts['family'] !== family) return `the database was made anew since ${id}, or is another one`;
  if (facts['fork'] !== fork) return `the database was put back since ${id}`;
  return undefined;
}
