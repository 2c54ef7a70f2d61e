import { BerthError } from '../../model/errors.ts';
import { hashesFile } from './berth-folder.ts';
import { isSitePath } from './site-path.ts';

const version = 1;

/** One file a line, in the order given, so that it makes a good diff where a site is kept in version control. */
export const printHashes = (hashes: ReadonlyMap<string, string>): string =>
  `${JSON.stringify({ version, files: Object.fromEntries(hashes) }, undefined, 2)}\n`;

/** Trusts nothing: a path in here may be deleted by the next run. */
export function parseHashes(text: string): ReadonlyMap<string, string> {
  const document = parseJson(text);
  if (!isRecord(document) || !isRecord(document['files'])) throw corrupt();
  if (document['version'] !== version)
    throw new BerthError(
      'unsupported',
      `${hashesFile} was written by another version of Berth`,
      'use that version of Berth, or a newer one',
    );
  return new Map(
    Object.entries(document['files']).map(([path, hash]) => {
      if (typeof hash !== 'string' || !/^[0-9a-f]{64}$/.test(hash) || !isSitePath(path)) throw corrupt();
      return [path, hash];
    }),
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw corrupt();
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

const corrupt = (): BerthError =>
  new BerthError(
    'io',
    `${hashesFile} is damaged`,
    `restore it from a backup or delete it, then run the command again: files that are as Berth writes them are taken over, others are reported`,
  );
