import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import type { Relations } from '../../../../runtime/engines/postgres/relations.ts';
import { parseLsn } from '../../../../runtime/engines/postgres/lsn.ts';

/** What wal/record.sh has recorded. */
const read = (name: string): Buffer => readFileSync(join(import.meta.dirname, 'wal', name));
const json = (name: string): unknown => JSON.parse(read(name).toString('utf8'));

export const place = json('place.json') as { readonly from: string; readonly to: string; readonly next: string };
export const relations = json('relations.json') as Relations;
export const log = zstdDecompressSync(read('log.zst'));
export const segmentBytes = 2 ** 20;
export const start = { at: parseLsn(place.from), segmentBytes, timeline: 1, version: 17, atRecord: true } as const;

/** A change of rows, or the end of a transaction, as one line. */
export interface Dumped {
  readonly lsn: string;
  readonly bytes: number;
  readonly told: readonly unknown[] | undefined;
}

const milliseconds = (text: string): number => Date.parse(`${text.replace(' ', 'T').slice(0, 23)}Z`);
const numbers = (text = ''): readonly number[] => text.split(' ').filter(Boolean).map(Number);
const files = (text = ''): readonly string[] =>
  text
    .split(' ')
    .filter(Boolean)
    .map((path) => path.split('/').slice(-2).join('/'));

const changes: Readonly<Record<string, string>> = {
  INSERT: 'inserted',
  MULTI_INSERT: 'inserted',
  UPDATE: 'updated',
  HOT_UPDATE: 'updated',
  DELETE: 'deleted',
};

function toldBy(manager: string, xid: number, said: string): readonly unknown[] | undefined {
  if (manager === 'Heap' || manager === 'Heap2') {
    const [, what = '', database = '', file = ''] = /^([A-Z_]+?)(?:\+INIT)? .*?blkref #0: rel \d+\/(\d+)\/(\d+)/.exec(said) ?? [];
    const change = changes[what];
    return change === undefined ? undefined : [change, xid, `${database}/${file}`, Number(/ntuples: (\d+)/.exec(said)?.[1] ?? 1)];
  }
  if (manager !== 'Transaction') return undefined;
  const [, what, prepared, at = ''] = /^(COMMIT|ABORT)(?:_PREPARED (\d+):)? (\d{4}-\d\d-\d\d [\d:.]+)/.exec(said) ?? [];
  if (what === undefined) return undefined;
  const dropped = files(/; rels: ([^;]+)/.exec(said)?.[1]);
  return [what, Number(prepared ?? xid), milliseconds(at), numbers(/; subxacts: ([\d ]+)/.exec(said)?.[1]), dropped];
}

/** What pg_waldump says, record for record. */
export const parseDump = (text: string): readonly Dumped[] =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [, manager = '', bytes, xid, lsn = '', said = ''] =
        /^rmgr: (\S+) +len \(rec\/tot\): +\d+\/ *(\d+), tx: +(\d+), lsn: (\S+), prev \S+, desc: (.*)$/.exec(line) ?? [];
      return { lsn, bytes: Number(bytes), told: toldBy(manager, Number(xid), said) };
    });

export const dump = (): readonly Dumped[] => parseDump(zstdDecompressSync(read('waldump.zst')).toString('utf8'));
