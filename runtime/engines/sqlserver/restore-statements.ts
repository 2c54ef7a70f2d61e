import type { RestoreTarget } from '../../ports/scratch-engine.ts';
import { nameOf, textOf } from './access.ts';
import type { DatabaseFile } from './identity.ts';
import { parseLsn } from './lsn.ts';

const done = `SELECT @answer = N'{}';`;

/** The place that a target names; a time, and the end of all, name none. */
export function wantedLsn(target: RestoreTarget): string | undefined {
  switch (target.kind) {
    case 'latest':
    case 'time':
      return undefined;
    case 'position':
      return target.position;
    case 'transaction':
      return target.id;
  }
}

/** Where each log is stopped; one that ends before is read whole. */
export function stopFor(target: RestoreTarget): string {
  switch (target.kind) {
    case 'latest':
      return '';
    case 'time':
      return `STOPAT = '${target.at.toISOString().slice(0, 23)}'`;
    case 'position':
      return mark('STOPATMARK', target.position);
    case 'transaction':
      return mark(target.inclusive ? 'STOPATMARK' : 'STOPBEFOREMARK', target.id);
  }
}

const mark = (word: string, lsn: string): string => `${word} = 'lsn:${parseLsn(lsn)}'`;

/** Restores one backup, and leaves the database ready for the next. @param files - Where each file is to lie. */
export function restoreScript(
  database: string,
  what: 'DATABASE' | 'LOG',
  path: string,
  files: readonly DatabaseFile[],
  stop: string,
): string {
  const options = [
    'NORECOVERY',
    'CHECKSUM',
    ...files.map((file) => `MOVE ${textOf(file.name)} TO ${textOf(file.path)}`),
    ...(stop === '' ? [] : [stop]),
  ];
  return `RESTORE ${what} ${nameOf(database)} FROM DISK = ${textOf(path)} WITH ${options.join(', ')};\n${done}`;
}

/** From where the next log would have to go on. */
export const atRestScript = (database: string): string => `SELECT @answer = (
  SELECT CONVERT(varchar(25), MAX(redo_start_lsn)) AS at FROM sys.master_files WHERE database_id = DB_ID(${textOf(database)}) AND type = 0
  FOR JSON PATH, WITHOUT_ARRAY_WRAPPER, INCLUDE_NULL_VALUES
);`;

/** What was not committed by then is rolled back, and the database opened. */
export const finishScript = (database: string): string => `RESTORE DATABASE ${nameOf(database)} WITH RECOVERY;\n${done}`;

/** Every page, and what pages say of each other. Nobody else is there, so it needs no snapshot, which would take room. */
export const checkScript = (database: string): string =>
  `DBCC CHECKDB (${textOf(database)}) WITH NO_INFOMSGS, ALL_ERRORMSGS, TABLOCK;\n${done}`;
