import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { leftOf } from '../../cli/describe-whole.ts';
import { Refilling } from '../../cli/refilling.ts';
import { wantedOf } from '../../cli/restore-whole.ts';
import { temporarySite } from '../generator/io/site-fixture.ts';
import { fullAt, minute } from '../runtime/jobs/chains.ts';

const holding = (rows: number) => ({ tables: 5, tablesHashed: 5, rows });
const full = (n: number, source: string, facts: object = holding(1000)) => {
  const made = fullAt(n, 100 + n, n * 10, n * 10 + 1);
  return { ...made, source, facts: { ...made.facts, ...facts } };
};
const folder = { ...full(9, 'site.configuration'), engine: 'site', kind: 'configuration' as const };

describe('what a whole site is restored from', () => {
  test('is the newest full backup of each database, and no other kind', () => {
    const wanted = wantedOf([full(1, 'database'), full(2, 'database'), full(3, 'orders'), folder], undefined);
    expect(wanted.map(({ database, full: { id }, until }) => [database, id, until])).toEqual([
      ['database', full(2, 'database').id, minute(20)],
      ['orders', full(3, 'orders').id, minute(30)],
    ]);
  });

  test('is never one that holds so little that its server may have been begun anew; a time says which is meant', () => {
    const all = [full(1, 'database'), full(2, 'database', holding(0))];
    expect(() => wantedOf(all, undefined)).toThrow(
      expect.objectContaining({ kind: 'conflict', message: expect.stringContaining('holds 0 rows, and had 1000') as string }),
    );
  });

  test('is refused as a whole where one of the databases cannot be had as it was then', () => {
    expect(() => wantedOf([full(1, 'database')], '2020-01-01T00:00Z')).toThrow(expect.objectContaining({ kind: 'damaged' }));
  });
});

describe('what a whole site has begun without', () => {
  const copy = (n: number, source: string, kind: 'cache' | 'volume') => ({ ...full(n, source), kind, finishedAt: minute(n).toISOString() });
  const all = [copy(1, 'sessions', 'cache'), copy(2, 'uploads', 'volume'), copy(3, 'sessions', 'cache'), full(4, 'database')];

  test('is put back by a command each, which names the copy that was the newest', () => {
    expect(leftOf(all, undefined, '/media/a kit/escrow.key')).toEqual([
      {
        name: 'sessions',
        command: `berth restore --only cache --name sessions --at ${minute(3).toISOString()} --into live --key '/media/a kit/escrow.key'`,
      },
      {
        name: 'uploads',
        command: `berth restore --only volume --name uploads --at ${minute(2).toISOString()} --into live --key '/media/a kit/escrow.key'`,
      },
    ]);
    expect(leftOf(all, minute(1).toISOString(), 'escrow.key').map(({ command }) => command)).toEqual([
      `berth restore --only cache --name sessions --at ${minute(1).toISOString()} --into live --key escrow.key`,
    ]);
  });
});

describe('a restore that broke off', () => {
  test('knows what it has put in its place, for the same time alone', () => {
    using site = temporarySite();
    mkdirSync(join(site.path, '.berth'));
    const first = new Refilling(site.path, null);
    expect(first.isPlaced('database')).toBe(false);
    first.place('database');
    first.place('database');
    expect(new Refilling(site.path, null).isPlaced('database')).toBe(true);
    expect(new Refilling(site.path, null).isPlaced('orders')).toBe(false);
    expect(new Refilling(site.path, '2026-03-29T14:30Z').isPlaced('database')).toBe(false);
    expect(JSON.parse(readFileSync(join(site.path, '.berth/restoring.json'), 'utf8'))).toMatchObject({ placed: ['database'] });
    new Refilling(site.path, null).end();
    expect(new Refilling(site.path, null).isPlaced('database')).toBe(false);
  });

  test('and left a record that is none begins from the start', () => {
    using site = temporarySite();
    mkdirSync(join(site.path, '.berth'));
    writeFileSync(join(site.path, '.berth/restoring.json'), '{"version":1,');
    expect(new Refilling(site.path, null).isPlaced('database')).toBe(false);
  });
});
