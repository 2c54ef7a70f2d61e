import { chmod, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describeBytes } from '../../../model/backup/bytes.ts';
import { BerthError } from '../../../model/errors.ts';
import type { EngineTools } from '../tools.ts';
import { nameOf, textOf, type SqlServerAccess } from './access.ts';
import type { Identity } from './identity.ts';
import { ask } from './sqlcmd.ts';
import { freeIn } from '../free-room.ts';

export interface SqlServerTools extends EngineTools<SqlServerAccess> {
  /** A folder that the server has under the same path. It writes backups there, and nowhere else. */
  readonly exchange: string;
  /** Some digits and small letters, others each time. */
  readonly tag: () => string;
  /** Bytes that are free in a folder; by what its file system says, unless something else is given. */
  readonly room?: (folder: string) => Promise<number>;
}

export type FileKind = 'full' | 'differential' | 'log';

/** What the server has written down about one backup. */
interface BackupRow {
  readonly firstLsn: string;
  /** Of the first record that is not in it. */
  readonly lastLsn: string;
  readonly family: string;
  readonly firstFork: string;
  readonly fork: string;
  /** Its own name, by which others rest on it. */
  readonly backupSet: string;
  /** Of a differential one: the full backup that it rests on. */
  readonly base: string | null;
  readonly damaged: boolean;
  readonly checksums: boolean;
  /** Something in it can only be restored as a whole. */
  readonly bulkLogged: boolean;
}

/** A row, and the moments between which it was made, by the clock of the server. */
export interface Written extends BackupRow {
  readonly begun: string;
  readonly ended: string;
}

export const fileOf = (exchange: string, kind: FileKind, tag: string): string =>
  join(exchange, `${kind}-${tag}.${kind === 'log' ? 'trn' : 'bak'}`);
const setName = (kind: FileKind, tag: string): string => `berth ${kind} ${tag}`;

/** Nobody but the server and its agent has the volume, and both are one user; a class of a cluster may give them a group alone. */
export async function openExchange(exchange: string): Promise<void> {
  await mkdir(exchange, { recursive: true, mode: 0o770 });
  await chmod(exchange, 0o770).catch(() => undefined);
}

const rowScript = (database: string, kind: FileKind, tag: string): string =>
  `SELECT TOP (1)
    CONVERT(varchar(25), first_lsn) AS firstLsn,
    CONVERT(varchar(25), last_lsn) AS lastLsn,
    CONVERT(varchar(36), family_guid) AS family,
    CONVERT(varchar(36), first_recovery_fork_guid) AS firstFork,
    CONVERT(varchar(36), last_recovery_fork_guid) AS fork,
    CONVERT(varchar(36), backup_set_uuid) AS backupSet,
    CONVERT(varchar(36), differential_base_guid) AS base,
    is_damaged AS damaged,
    has_backup_checksums AS checksums,
    has_bulk_logged_data AS bulkLogged`.concat(`,
    CONVERT(varchar(33), @begun, 126) + 'Z' AS begun,
    CONVERT(varchar(33), CAST(SYSUTCDATETIME() AS datetime2(3)), 126) + 'Z' AS ended
  FROM msdb.dbo.backupset
  WHERE database_name = ${textOf(database)} AND name = ${textOf(setName(kind, tag))}
  ORDER BY backup_set_id DESC
  FOR JSON PATH, WITHOUT_ARRAY_WRAPPER, INCLUDE_NULL_VALUES`);

const statement = { full: 'BACKUP DATABASE', differential: 'BACKUP DATABASE', log: 'BACKUP LOG' } as const;

/** Express and Web do not compress. */
const compresses = ({ edition }: Identity): boolean => !/^(?:Express|Web)\b/.test(edition);

/** Has the server write one backup, and tells what it wrote. Whoever asks deletes the file. */
export async function writeFileOf(
  { programs, access, exchange }: SqlServerTools,
  kind: FileKind,
  tag: string,
  identity: Identity,
  signal: AbortSignal,
): Promise<Written> {
  const { database } = access;
  const path = fileOf(exchange, kind, tag);
  const options = [
    ...(kind === 'differential' ? ['DIFFERENTIAL'] : []),
    'FORMAT',
    'INIT',
    'CHECKSUM',
    compresses(identity) ? 'COMPRESSION' : 'NO_COMPRESSION',
    `NAME = ${textOf(setName(kind, tag))}`,
  ];
  const script = `
DECLARE @begun datetime2(3) = SYSUTCDATETIME();
${statement[kind]} ${nameOf(database)} TO DISK = ${textOf(path)} WITH ${options.join(', ')};
SELECT @answer = (
  ${rowScript(database, kind, tag)}
);`;
  const written = await ask<Written>(programs, access, script, signal);
  if (!written.damaged && written.checksums) return written;
  await rm(path, { force: true });
  throw new BerthError(
    'damaged',
    `${database} has pages that are damaged: its server says so of the backup that it made`,
    `type DBCC CHECKDB ([${database}]) to see which, and restore from the last backup that was proven`,
  );
}

/** One that was written while nobody waited for it any more; nothing where the server knows of none. */
export async function rowOf(
  { programs, access }: SqlServerTools,
  kind: FileKind,
  tag: string,
  signal: AbortSignal,
): Promise<Written | undefined> {
  const { database } = access;
  // When it began is not known to the millisecond, so it counts from the second in which the server began it.
  const script = `
DECLARE @begun datetime2(3) = (SELECT TOP (1) backup_start_date FROM msdb.dbo.backupset WHERE database_name = ${textOf(database)} AND name = ${textOf(setName(kind, tag))} ORDER BY backup_set_id DESC);
SELECT @answer = ISNULL((
  ${rowScript(database, kind, tag)}
), N'{}');`;
  const row = await ask<Written | Record<string, never>>(programs, access, script, signal);
  return 'lastLsn' in row ? (row as Written) : undefined;
}

/** A compressed backup is begun with a third of what it might become. */
const compressedTo = 3;

/** What fills the volume would stop the log from being shipped as well. So what cannot fit is not begun. */
export async function checkRoom({ exchange, room = freeIn }: SqlServerTools, identity: Identity, bytes: number): Promise<void> {
  const takes = Math.ceil(compresses(identity) ? bytes / compressedTo : bytes);
  const free = await room(exchange);
  if (takes > free)
    throw new BerthError(
      'io',
      `the backup takes about ${describeBytes(takes)} on its way, and ${exchange} has ${describeBytes(free)} left`,
      'make room in the volume that the server and its agent share',
    );
}
