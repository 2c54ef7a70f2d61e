import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { chooseWhole } from '../../../cli/restore/choose-whole.ts';
import { chosenAsJson, commandFor, say, tell } from '../../../cli/restore/describe-whole.ts';
import type { FolderPlan } from '../../../cli/restore/site.ts';
import type { Manifest } from '../../../model/backup/manifest.ts';
import type { Plan } from '../../../model/plan.ts';
import type { BackupJob } from '../../../model/runtime-config.ts';
import { Refilling } from '../../../cli/restore/refilling.ts';
import { temporarySite } from '../../generator/io/site-fixture.ts';
import { context } from '../../generator/render/hello.ts';
import { fullAt, incrementAfter, minute } from '../../runtime/jobs/chains.ts';

const holding = (rows: number) => ({ tables: 5, tablesHashed: 5, rows });
const full = (n: number, source: string, facts: object = holding(1000)) => {
  const made = fullAt(n, 100 + n, n * 10, n * 10 + 1);
  return { ...made, source, facts: { ...made.facts, ...facts } };
};
const folder = { ...full(9, 'site.configuration'), engine: 'site', kind: 'configuration' as const };

const databaseJob = (name: string) =>
  ({
    name,
    kind: 'postgres',
    agent: 'agent-postgres',
    database: name === 'theirs' ? { elsewhere: { tls: 'verify', log: true } } : {},
  }) as unknown as BackupJob;
const bucketJob = (name: string) => ({ name, kind: 'bucket', agent: 'agent-files', bucket: {} }) as unknown as BackupJob;
const stores = [{ service: 'files', buckets: [{ name: 'notes' }] }] as unknown as Plan['stores'];
const point = (n: number, objects: number) => ({
  ...full(n, 'files.notes', { objects, contents: [] }),
  kind: 'bucket' as const,
  finishedAt: minute(n).toISOString(),
});
const cacheJob = (name: string) => ({ name, kind: 'valkey', agent: 'agent-files', cache: {} }) as unknown as BackupJob;
const volumeJob = (name: string) => ({ name, kind: 'volume', agent: 'agent-files', volume: {} }) as unknown as BackupJob;
const jobOf = (name: string): BackupJob =>
  name.includes('.')
    ? bucketJob(name)
    : name.startsWith('sessions')
      ? cacheJob(name)
      : name === 'uploads'
        ? volumeJob(name)
        : databaseJob(name);
const cluster = { shards: [0, 1, 2].map((shard) => [`sessions-shard-${shard}-0`, `sessions-shard-${shard}-1`]), forgets: false };
const caches = [
  { cache: 'sessions', service: 'sessions', engine: 'valkey' },
  { cache: 'sessions-divided', service: 'sessions-divided-shard', engine: 'valkey', cluster },
] as unknown as Plan['caches'];
interface How {
  readonly at?: string;
  readonly broken?: string;
  readonly point?: string;
  readonly appends?: boolean;
}
const choose = (jobs: readonly string[], manifests: readonly Manifest[], how: How = {}) =>
  chooseWhole(
    jobs.map(jobOf),
    { stores, caches },
    { manifests, levelOf: (id) => (id === how.broken ? -1 : 1), at: how.at, pointOf: () => how.point, appends: () => how.appends ?? true },
  );
const stream = (name: string) => ({ ...full(1, 'database').streams[0], name });
const copyAt = (n: number, source: string, facts: object = {}, files: readonly string[] = ['dump.rdb']): Manifest => {
  const kind = source === 'uploads' ? ('volume' as const) : ('cache' as const);
  const made = full(n, source, { keys: 1000, files: 200, ...facts });
  return { ...made, kind, finishedAt: minute(n).toISOString(), streams: files.map(stream) as Manifest['streams'] };
};

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

  test('is nothing of a database that stands elsewhere: it was not lost, and is told to be left as it is', () => {
    const chosen = choose(['database', 'theirs'], [one, full(3, 'theirs')]);
    expect(chosen.wanted.map(({ database }) => database)).toEqual(['database']);
    expect(chosen).toMatchObject({ elsewhere: ['theirs'], empty: [] });
    expect(chosenAsJson(chosen)).toMatchObject({ elsewhere: ['theirs'] });
    expect(choose(['database'], [one])).not.toHaveProperty('elsewhere');
  });

  test('is an increment with what it rests on, where that is the newest; never one that rests on what is broken', () => {
    // As the rules of PostgreSQL want it: of one server, and since the place at which the one before had begun.
    const placed = (made: Manifest): Manifest => ({
      ...made,
      source: 'database',
      position: { from: '0/2000028', to: '0/2000120' },
      facts: { ...made.facts, ...holding(1000), timeline: 1, changedSince: '0/2000028' },
    });
    const [older, newer] = [placed(one), placed(two)];
    const four = placed(incrementAfter(newer, 4, 104, [40, 41]));
    const five = placed(incrementAfter(four, 5, 105, [50, 51]));
    const all = [older, newer, four, five];
    expect(choose(['database'], all).wanted).toMatchObject([
      { full: { id: two.id }, increments: [{ id: four.id }, { id: five.id }], until: minute(50) },
    ]);
    expect(choose(['database'], all, { broken: four.id }).wanted).toMatchObject([
      { full: { id: two.id }, increments: [], until: minute(20) },
    ]);
    expect(choose(['database'], all, { broken: two.id }).wanted).toMatchObject([{ full: { id: one.id }, increments: [] }]);
    const shrunk = { ...five, facts: { ...five.facts, ...holding(10) } };
    expect(() => choose(['database'], [older, newer, four, shrunk])).toThrow('the newest increment holds 10 rows, and had 1000');
  });

  test('is never one that was found to be broken', () => {
    expect(choose(['database'], [one, two], { broken: two.id }).wanted.map(({ full: { id } }) => id)).toEqual([one.id]);
  });

  test('is refused where all full backups of a database are broken, rather than begun empty; the choices are named', () => {
    const broken = () => choose(['database', 'orders'], [one, three], { broken: one.id });
    expect(broken).toThrow(
      expect.objectContaining({
        kind: 'damaged',
        message: `database: its only full backup was found to be broken: ${one.id}`,
        hint: expect.stringMatching(/--from offsite.*leave out --with-data/) as string,
      }),
    );
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

describe('what the caches and volumes of a whole site are restored from', () => {
  const all = [
    copyAt(1, 'sessions'),
    copyAt(2, 'uploads', {}, ['volume.tar']),
    copyAt(3, 'sessions'),
    copyAt(4, 'sessions'),
    copyAt(5, 'uploads', {}, ['volume.tar']),
  ];
  const idsOf = (how: How = {}) => choose(['uploads', 'sessions'], all, how).copies.map(({ kind, name, copy }) => [kind, name, copy.id]);

  test('is the newest copy of each, or that of a time; what was not copied by then begins empty', () => {
    expect(idsOf()).toEqual([
      ['volume', 'uploads', all[4]?.id],
      ['cache', 'sessions', all[3]?.id],
    ]);
    expect(idsOf({ at: minute(3).toISOString() })).toEqual([
      ['volume', 'uploads', all[1]?.id],
      ['cache', 'sessions', all[2]?.id],
    ]);
    expect(choose(['uploads', 'sessions'], all, { at: minute(1).toISOString() })).toMatchObject({ empty: ['uploads'] });
    expect(choose(['database', 'sessions'], [], {})).toMatchObject({ copies: [], empty: ['database', 'sessions'] });
  });

  test('is never one that was found to be broken, which is named', () => {
    const broken = all[3]?.id ?? '';
    const chosen = choose(['sessions'], all, { broken });
    expect([chosen.copies.map(({ copy }) => copy.id), chosen.broken]).toEqual([[all[2]?.id], [broken]]);
    expect(choose(['sessions'], all, { broken, at: minute(3).toISOString() }).broken).toEqual([]);
    const alone = choose(['sessions'], all.slice(0, 1), { broken: all[0]?.id ?? '' });
    expect(alone).toMatchObject({ copies: [], empty: ['sessions'], broken: [all[0]?.id] });
  });

  test('is the newest copy of a cache however little is in it, as applications empty one every day', () => {
    const drained = copyAt(6, 'sessions', { keys: 3 });
    expect(choose(['sessions'], [...all, drained]).copies.map(({ copy }) => copy.id)).toEqual([drained.id]);
  });

  test('is never a volume that holds so little that it may be one that was begun anew; a time says which is meant', () => {
    const files = [...all, copyAt(7, 'uploads', { files: 1 }, ['volume.tar'])];
    expect(() => choose(['uploads'], files)).toThrow(/uploads holds 1 files, and had 200/);
  });

  test('is the very same that a run began with, whatever came since', () => {
    const since = [...all, copyAt(6, 'sessions', { keys: 0 })];
    expect(choose(['sessions'], since, { point: all[2]?.id ?? '' }).copies.map(({ copy }) => copy.id)).toEqual([all[2]?.id]);
  });

  test('is named with a command where servers could not begin with it: of other parts, or of another kind of file', () => {
    const because = (copy: Manifest, how: How = {}) =>
      choose([copy.source], [copy], how).apart.map((one) => [one.because, commandFor(one, 'a key')]);
    expect(because(copyAt(3, 'sessions-divided'))).toEqual([
      [
        'is divided into 3, and its copy is of 1: its files come with this',
        `berth restore --only cache --name sessions-divided --at ${minute(3).toISOString()} --into ../sessions-divided-files --key 'a key'`,
      ],
    ]);
    const parts = [0, 1, 2].map((shard) => `shard-${shard}.rdb`);
    const slots = ['0-5460', '5461-10922', '10923-16383'].map((each) => ({ slots: each }));
    expect(because(copyAt(3, 'sessions-divided', { shards: slots }, parts))).toEqual([]);
    // One slot was in neither of two shards, or in both, while it moved.
    for (const first of ['0-5459', '0-5461'])
      expect(because(copyAt(3, 'sessions-divided', { shards: [{ slots: first }, ...slots.slice(1)] }, parts))).toHaveLength(1);
    expect(because(copyAt(3, 'sessions-divided', { shards: [{ slots: "0'; reboot" }, ...slots.slice(1)] }, parts))).toMatchObject([
      [expect.stringContaining('its copy does not say how') as string, expect.any(String) as string],
    ]);
    expect(because(copyAt(3, 'sessions', {}, parts))).toHaveLength(1);
    expect(because(copyAt(3, 'sessions'), { appends: false })).toEqual([
      [
        expect.stringContaining('has no appendonly yes in config/sessions,') as string,
        `berth restore --only cache --name sessions --at ${minute(3).toISOString()} --into live --key 'a key'`,
      ],
    ]);
  });
});

describe('who restores a whole site is told', () => {
  const chosen = choose(
    ['sessions', 'uploads', 'files.notes', 'ledger', 'sessions-divided'],
    [copyAt(1, 'sessions'), copyAt(2, 'sessions', { keys: 1 }), copyAt(3, 'uploads', { files: 1 }), copyAt(4, 'sessions-divided')],
    { at: minute(60).toISOString() },
  );
  const heard = () => {
    const said: string[] = [];
    const world = { ...context, uninterrupted: (step: () => void) => step(), signals: undefined, env: {}, now: () => minute(62) };
    return { said, world: { ...world, out: (text: string) => void said.push(text), err: (text: string) => void said.push(text) } as never };
  };
  const asked = {
    site: 'kit',
    from: 'store',
    json: false,
    at: undefined,
    into: '/srv/a shop',
    key: undefined,
    yes: false,
    dryRun: true,
  } as const;

  test('before it is done what each will hold and how old that is, what begins empty, and what was broken', () => {
    const { said, world } = heard();
    const plan: FolderPlan = { config: 'shop', store: '/srv/backups', chosen: [], compared: [], stage: '' };
    say(asked, plan, { ...chosen, broken: ['01BROKEN'] }, world);
    const text = said.join('');
    expect(text).toMatch(/sessions +[0-9A-Z]{26} +1 key +as it was at 2026-03-01 00:02:00 UTC, 60 min ago/);
    expect(text).toMatch(/uploads +[0-9A-Z]{26} +1 file +as it was at/);
    expect(text).toContain('empty, as there is no backup: ledger, files.notes\n');
    expect(text).toContain('empty at first: sessions-divided; the last lines say why');
    expect(text).toContain('01BROKEN was found to be broken, and is left out');
  });

  test('after it what came back, with the time of its copy, and the command for what did not', () => {
    const { said, world } = heard();
    const madeAt = minute(2).toISOString();
    const copies = [
      { kind: 'cache', name: 'sessions', copy: '', madeAt, holds: 12, already: false, seconds: 3 },
      { kind: 'volume', name: 'uploads', copy: '', madeAt, holds: 1, already: true, seconds: 0 },
    ] as const;
    tell(asked, { outcomes: [], buckets: [], copies, empty: ['ledger'], apart: chosen.apart, key: '/media/kit/key', seconds: 9 }, world);
    const text = said.join('');
    expect(text).toMatch(/sessions +as it was at 2026-03-01 00:02:00 UTC +12 keys, in 3 s/);
    expect(text).toMatch(/uploads +as it was at .* was back already/);
    expect(text).toContain('ledger has begun empty: there is no backup of it by then');
    expect(text).toContain(
      "sessions-divided has begun empty. It is divided into 3, and its copy is of 1: its files come with this, in '/srv/a shop':\n    berth restore --only cache",
    );
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
