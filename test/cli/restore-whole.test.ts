import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { chooseWhole } from '../../cli/choose-whole.ts';
import { leftOf } from '../../cli/describe-whole.ts';
import type { Manifest } from '../../model/backup/manifest.ts';
import type { Plan } from '../../model/plan.ts';
import type { BackupJob } from '../../model/runtime-config.ts';
import { Refilling } from '../../cli/refilling.ts';
import { temporarySite } from '../generator/io/site-fixture.ts';
import { fullAt, minute } from '../runtime/jobs/chains.ts';

const holding = (rows: number) => ({ tables: 5, tablesHashed: 5, rows });
const full = (n: number, source: string, facts: object = holding(1000)) => {
  const made = fullAt(n, 100 + n, n * 10, n * 10 + 1);
  return { ...made, source, facts: { ...made.facts, ...facts } };
};
const folder = { ...full(9, 'site.configuration'), engine: 'site', kind: 'configuration' as const };

const databaseJob = (name: string) => ({ name, kind: 'postgres', agent: 'agent-postgres', database: {} }) as unknown as BackupJob;
const bucketJob = (name: string) => ({ name, kind: 'bucket', agent: 'agent-files', bucket: {} }) as unknown as BackupJob;
const stores = [{ service: 'files', buckets: [{ name: 'notes' }] }] as unknown as Plan['stores'];
const point = (n: number, objects: number) => ({
  ...full(n, 'files.notes', { objects, contents: [] }),
  kind: 'bucket' as const,
  finishedAt: minute(n).toISOString(),
});
const choose = (jobs: readonly string[], manifests: readonly Manifest[], how: { at?: string; broken?: string; point?: string } = {}) =>
  chooseWhole(
    jobs.map((name) => (name.includes('.') ? bucketJob(name) : databaseJob(name))),
    stores,
    { manifests, levelOf: (id) => (id === how.broken ? -1 : 1), at: how.at, pointOf: () => how.point },
  );

describe('what a whole site is restored from', () => {
  const [one, two, three] = [full(1, 'database'), full(2, 'database'), full(3, 'orders')];

  test('is the newest full backup of each database that it had then, and no other kind', () => {
    const { wanted, empty } = choose(['database', 'orders', 'ledger'], [one, two, three, folder, full(4, 'removed-long-ago')]);
    expect(wanted.map(({ database, full: { id }, until }) => [database, id, until])).toEqual([
      ['database', two.id, minute(20)],
      ['orders', three.id, minute(30)],
    ]);
    expect(empty).toEqual(['ledger']);
  });

  test('is never one that was found to be broken', () => {
    expect(choose(['database'], [one, two], { broken: two.id }).wanted.map(({ full: { id } }) => id)).toEqual([one.id]);
  });

  test('is never one that holds so little that its server may have been begun anew; a time says which is meant', () => {
    const all = [one, full(2, 'database', holding(0))];
    expect(() => choose(['database'], all)).toThrow(
      expect.objectContaining({
        kind: 'conflict',
        message: expect.stringContaining('database: the newest full backup holds 0 rows, and had 1000') as string,
      }),
    );
  });

  test('is refused as a whole where one of the databases cannot be had as it was then, by its name', () => {
    expect(() => choose(['database', 'orders'], [one, three], { at: '2020-01-01T00:00Z' })).toThrow(/^database: /);
  });

  test('is, of a bucket, the newest point of that time, and the very same when a run broke off and others came since', () => {
    const points = [point(1, 100), point(2, 110), point(3, 2)];
    const idOf = (how: { at?: string; point?: string }) =>
      choose(['files.notes', 'elsewhere.media'], points, how).wantedBuckets.map((each) => each.point.id);
    expect(idOf({ at: minute(2).toISOString() })).toEqual([points[1]?.id]);
    expect(() => idOf({})).toThrow(/^files\.notes: the newest point of this bucket holds/);
    expect(idOf({ point: points[1]?.id ?? '' })).toEqual([points[1]?.id]);
    expect(choose(['files.notes'], points, { at: '2020-01-01T00:00Z' })).toMatchObject({ wantedBuckets: [], empty: ['files.notes'] });
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
    first.choosePoint('files.notes', 'ID');
    expect([new Refilling(site.path, null).pointOf('files.notes'), new Refilling(site.path, null).isPlaced('database')]).toEqual([
      'ID',
      true,
    ]);
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
