import { describe, expect, test } from 'vitest';
import { describeRestorable, type Restorable } from '../../../cli/backup/restorable.ts';
import { manifest } from '../../runtime/format/manifests.ts';

const now = new Date('2026-03-29T14:30:00Z');
const span = { from: new Date('2026-03-27T02:00:00Z'), until: new Date('2026-03-28T12:00:00Z') };
const found = (spans: Restorable['spans'], kind: 'full' | 'log' = 'full'): Restorable => ({
  newest: manifest({ source: 'database', kind, finishedAt: '2026-03-29T01:31:00Z' }),
  spans,
  earlier: [],
  trustedUntil: undefined,
  shrunk: undefined,
});

describe('up to when a database can be restored', () => {
  test('is the end of its log, and any time since its full backup', () => {
    expect(describeRestorable(found([span]), [], now)).toEqual([
      'database',
      'restorable to 2026-03-28T12:00:00.000Z (27 h ago), and any time since 2026-03-27T02:00:00.000Z',
    ]);
    expect(describeRestorable(found([]), [], now)[1]).toContain('until its log was shipped');
  });

  test('is the end of a backup where nobody receives its log, with what was received before', () => {
    const toBackup = 'restorable to the end of its newest backup, 2026-03-29T01:31:00Z (13 h ago), and of each before it';
    expect(describeRestorable(found([]), ['database'], now)).toEqual(['database', toBackup]);
    expect(describeRestorable(found([span]), ['database'], now)).toEqual([
      'database',
      `${toBackup}; and to any time from 2026-03-27T02:00:00.000Z to 2026-03-28T12:00:00.000Z`,
    ]);
    expect(describeRestorable(found([span], 'log'), ['database'], now)[1]).toContain('restorable to 2026-03-28T12:00');
  });
});
