import { describe, expect, test } from 'vitest';
import { shrinkageOf } from '../../../runtime/jobs/shrinkage.ts';
import { manifest } from '../format/manifests.ts';

const holding = (tables: number, rows: number, tablesHashed = tables) => manifest({ facts: { tables, rows, tablesHashed } });

describe('a full backup', () => {
  test('that holds less than half of the one before is worth a look', () => {
    expect(shrinkageOf(holding(40, 1000), holding(19, 1000))).toBe('19 tables, and had 40');
    expect(shrinkageOf(holding(40, 1000), holding(40, 499))).toBe('499 rows, and had 1000');
    expect(shrinkageOf(holding(40, 1000), holding(0, 0))).toBe('0 tables, and had 40; 0 rows, and had 1000');
  });

  test('that holds half of it or more, or never held much, is not', () => {
    expect(shrinkageOf(holding(40, 1000), holding(20, 500))).toBeUndefined();
    expect(shrinkageOf(holding(3, 99), holding(1, 0))).toBeUndefined();
    expect(shrinkageOf(holding(4, 100), holding(8, 100_000))).toBeUndefined();
  });

  test('or a point in time of a bucket', () => {
    const point = (objects: number) => manifest({ facts: { objects } });
    expect(shrinkageOf(point(301), point(0))).toBe('0 objects, and had 301');
    expect(shrinkageOf(point(301), point(151))).toBeUndefined();
    expect(shrinkageOf(point(9), point(0))).toBeUndefined();
  });

  test('or a copy of a volume or a cache, of which a few files or keys say nothing', () => {
    const files = (files: number, kind: 'volume' | 'full' = 'volume') => manifest({ kind, facts: { files } });
    const keys = (keys: number) => manifest({ kind: 'cache', facts: { keys } });
    expect(shrinkageOf(files(300), files(2))).toBe('2 files, and had 300');
    expect(shrinkageOf(keys(100), keys(0))).toBe('0 keys, and had 100');
    expect([shrinkageOf(files(9), files(0)), shrinkageOf(keys(99), keys(0)), shrinkageOf(keys(100), keys(50))]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    // Of a database they are those of the server, not what it holds.
    expect(shrinkageOf(files(3000, 'full'), files(900, 'full'))).toBeUndefined();
  });

  test('whose rows were not all counted says nothing of them', () => {
    expect(shrinkageOf(holding(40, 1000), holding(40, 10, 39))).toBeUndefined();
    expect(shrinkageOf(holding(40, 1000, 39), holding(40, 10))).toBeUndefined();
    expect(shrinkageOf(manifest({ facts: {} }), holding(0, 0))).toBeUndefined();
  });
});
