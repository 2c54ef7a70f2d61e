import { describe, expect, test } from 'vitest';
import { clockNotes, lateBy, lateNotes } from '../../../cli/backup/late-view.ts';
import type { Restorable } from '../../../cli/backup/restorable.ts';
import { manifest } from '../../runtime/format/manifests.ts';

const now = new Date('2026-03-29T14:30:00Z');
const ago = (seconds: number): Date => new Date(now.getTime() - seconds * 1000);
const nightly = { schedule: '30 1 * * *', timeZone: 'UTC' };
const job = { name: 'database', agent: 'agent-postgres', ...nightly, database: { rpo: 60 } as never };

/** Can be restored up to so many seconds ago. */
const upTo = (seconds: number, spans = true): Restorable => ({
  newest: manifest({ source: 'database' }),
  spans: spans ? [{ from: ago(9000), until: ago(seconds) }] : undefined,
  earlier: [],
  trustedUntil: undefined,
  shrunk: undefined,
});

describe('the log of a database', () => {
  test('that was not shipped for longer than one that nobody writes to is told, with what would be lost and who knows why', () => {
    expect(lateNotes([upTo(2 * 3600)], [job], now)).toEqual([
      'the log of database was shipped 2 h ago, and is to be 60 s behind at most: what was written since would be lost; see what agent-postgres says',
    ]);
  });

  test('that was never shipped is as old as its newest full backup', () => {
    const never = { ...upTo(0), spans: [], newest: manifest({ source: 'database', startedAt: ago(86_400).toISOString() }) };
    expect(lateBy(never, [job], now)).toBe(86_400_000);
  });

  test('is in time as long as its database may just be quiet, which is said every quarter of an hour', () => {
    expect(lateBy(upTo(900 + 120), [job], now)).toBeUndefined();
    expect(lateBy(upTo(900 + 121), [job], now)).toBe(1_021_000);
    expect(lateBy(upTo(4000), [{ ...job, database: { rpo: 3600 } as never }], now)).toBeUndefined();
  });

  test('whose clock was ahead is as late as its newest log was made, and what cannot be chosen any more is told', () => {
    const shipped = (seconds: number) => ({
      ...upTo(90_000),
      trustedUntil: ago(90_000),
      newest: manifest({ source: 'database', finishedAt: ago(seconds).toISOString() }),
    });
    expect(lateBy(shipped(60), [job], now)).toBeUndefined();
    expect(lateBy(shipped(7200), [job], now)).toBe(7_200_000);
    expect(clockNotes([shipped(60), upTo(60)], [job])).toEqual([
      'a clock was ahead when a backup of database was made: what was written since is in `--latest` and in no time that could be chosen; `berth backup now database` makes a full backup behind which times count again',
    ]);
    expect(clockNotes([shipped(60)], [])).toEqual([]);
  });

  test('is not asked for of what has none, nor of a database that is no longer copied', () => {
    expect(lateNotes([upTo(90_000, false)], [job], now)).toEqual([]);
    expect(lateNotes([upTo(90_000)], [], now)).toEqual([]);
    expect(lateNotes([upTo(90_000)], [{ name: 'database', agent: 'agent-files', ...nightly, database: undefined }], now)).toEqual([]);
  });
});

describe('a database that stands elsewhere and whose log nobody receives', () => {
  const unlogged = { ...job, database: { rpo: 60, elsewhere: { tls: 'verify', log: false } } as never };
  const begunAt = (startedAt: string): Restorable => ({ ...upTo(0), spans: [], newest: manifest({ source: 'database', startedAt }) });

  test('is late once a night went by without a backup, and told in the terms of its schedule', () => {
    expect(lateNotes([begunAt('2026-03-28T01:29:00Z')], [unlogged], now)).toEqual([
      'the newest backup of database was begun 37 h ago, and is to be made at "30 1 * * *" (UTC): what was written since would be lost; see what agent-postgres says',
    ]);
  });

  test('is in time while that of the last night may still be under way', () => {
    expect(lateBy(begunAt('2026-03-28T01:30:10Z'), [unlogged], now)).toBeUndefined();
    expect(lateBy(begunAt('2026-03-28T01:30:10Z'), [job], now)).toBeDefined();
  });
});
