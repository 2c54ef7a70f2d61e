import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import type { Relations } from '../../../../runtime/engines/postgres/relations.ts';
import type { WalVersion } from '../../../../runtime/engines/postgres/wal-reader.ts';
import { parseLsn } from '../../../../runtime/engines/postgres/lsn.ts';

export const segmentBytes = 2 ** 20;

/** What wal/record.sh has recorded of a version. */
function recorded(version: WalVersion) {
  const read = (name: string): Buffer => readFileSync(join(import.meta.dirname, 'wal', String(version), name));
  const json = (name: string): unknown => JSON.parse(read(name).toString('utf8'));
  const place = json('place.json') as { readonly from: string; readonly to: string; readonly next: string };
  return {
    version,
    place,
    relations: json('relations.json') as Relations,
    log: zstdDecompressSync(read('log.zst')),
    start: { at: parseLsn(place.from), segmentBytes, timeline: 1, version, atRecord: true },
    /** What pg_waldump says, record for record. */
    dump: () => parseDump(zstdDecompressSync(read('waldump.zst')).toString('utf8')),
  } as const;
}

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
    .map((path) => path.split('/').slice(-2).join('/').replace('global', '0'));

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
    // What goes into another partition is deleted from this one.
    const told = what === 'DELETE' && /flags: 0x1\d/.test(said) ? 'updated' : change;
    return told === undefined ? undefined : [told, xid, `${database}/${file}`, Number(/ntuples: (\d+)/.exec(said)?.[1] ?? 1)];
  }
  if (manager === 'Storage') {
    const [, emptied] = /^TRUNCATE (\S+) to 0 blocks flags [1357]$/.exec(said) ?? [];
    if (emptied !== undefined) return ['EMPTY', xid, ...files(emptied)];
    const [, path] = /^CREATE (\S+?)(?:_init)?$/.exec(said) ?? [];
    return path === undefined || /_(?:fsm|vm)$/.test(path) ? undefined : ['CREATE', xid, ...files(path)];
  }
  if (manager !== 'Transaction') return undefined;
  const [, what, prepared, at = ''] = /^(COMMIT|ABORT)(?:_PREPARED (\d+):)? (\d{4}-\d\d-\d\d [\d:.]+)/.exec(said) ?? [];
  if (what === undefined) return undefined;
  const dropped = files(/; rels: ([^;]+)/.exec(said)?.[1]);
  return [what, Number(prepared ?? xid), milliseconds(at), numbers(/; subxacts: ([\d ]+)/.exec(said)?.[1]), dropped];
}

export const parseDump = (text: string): readonly Dumped[] =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [, manager = '', bytes, xid, lsn = '', said = ''] =
        /^rmgr: (\S+) +len \(rec\/tot\): +\d+\/ *(\d+), tx: +(\d+), lsn: (\S+), prev \S+, desc: (.*)$/.exec(line) ?? [];
      return { lsn, bytes: Number(bytes), told: toldBy(manager, Number(xid), said) };
    });

export type Recording = ReturnType<typeof recorded>;
export const [seventeen, eighteen] = [recorded(17), recorded(18)] as const;
