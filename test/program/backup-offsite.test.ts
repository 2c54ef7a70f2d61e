import { spawnSync } from 'node:child_process';
import { chmodSync, globSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { expectExit, host } from './berth.ts';

const home = mkdtempSync(join(tmpdir(), 'berth-offsite-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));
const at = (...path: readonly string[]): string => join(home, ...path);
const [site, store, offsite, kit] = [at('shop'), at('store'), at('offsite'), at('kit')];
const here = ['--site', site] as const;
const backup = async (...args: readonly string[]) => (await expectExit(0, ['backup', ...args, ...here])).stdout;
const json = async <T>(...args: readonly string[]): Promise<T> => JSON.parse(await backup(...args, '--json')) as T;

interface Listed {
  readonly backups: readonly { readonly id: string; readonly source: string }[];
  readonly lacks: readonly { readonly source: string; readonly what: string }[];
  readonly offsite?: {
    readonly store: { readonly name: string; readonly tier: number };
    readonly restorable: readonly { readonly id: string }[];
    readonly missing: number;
    readonly lagSeconds: number;
    readonly trouble: string | null;
  };
}

let ready: string;
beforeAll(async () => {
  const places = `backups={ folder: ${store}, databases: none, buckets: none, offsite: { folder: ${offsite} }, drill: { key: /home/shop/operator.key } }`;
  await expectExit(0, ['init', site, '--profile', 'minimum', '--set', 'name=shop', '--set', places, ...host]);
  ready = await backup('store', 'create');
  await backup('keys', 'create', '--into', at('usb'));
  await expectExit(0, ['kit', 'export', '--into', kit, ...here]);
});

describe('a site with a second place for its backups', () => {
  test('is told what is not there yet, and copies it', async () => {
    expect(ready).toMatch(/store is ready \(tier 0: lost with this host\)[\s\S]*offsite is ready \(tier 1\)/);
    const lacking = (await json<Listed>('list')).lacks.map(({ source, what }) => `${what} of ${source}`);
    expect(lacking).toEqual(['backup of site.configuration', 'backup of site.secrets']);
    await backup('now');
    expect((await json<Listed>('list')).lacks).toEqual([]);
    expect((await json<Listed>('list')).offsite).toMatchObject({
      store: { name: offsite, tier: 1 },
      restorable: [],
      missing: 2,
      trouble: null,
    });
    expect(await backup('list')).toMatch(/note: 2 backups are not in \S+offsite yet, the oldest made \d+ s ago; `berth\s+backup copy`/);
    expect(await backup('copy')).toMatch(
      /configuration +1 backup +[\d.]+ \wB\n +secrets +1 backup[\s\S]*copied to \S+offsite \(tier 1\), and read back there/,
    );
    const listed = await json<Listed>('list');
    expect(listed.offsite).toMatchObject({ missing: 0, lagSeconds: 0 });
    expect(listed.offsite?.restorable.map(({ id }) => id).sort()).toEqual(listed.backups.map(({ id }) => id).sort());
    expect(await backup('list')).toMatch(/secrets +restorable to \S+ \(\d+ s ago\) +tier 1, offsite\n$/);
    expect(await backup('copy')).toContain('Nothing to copy');
  });

  test('misses nothing there of a source that left the spec, and nothing that the rules of that place removed', async () => {
    const [manifests, removed, runtime] = [
      at('offsite/v1/shop/site.secrets/manifests'),
      at('offsite/v1/shop/site.secrets/removed'),
      join(site, 'runtime.yaml'),
    ];
    const missing = async () => (await json<Listed>('list')).offsite?.missing;
    renameSync(manifests, removed);
    expect(await missing()).toBe(0);
    renameSync(removed, at('gone'));
    expect(await missing()).toBe(1);
    const text = readFileSync(runtime, 'utf8');
    const config = parse(text) as { readonly backups: { readonly jobs: readonly { readonly name: string }[] } };
    const jobs = config.backups.jobs.filter(({ name }) => name !== 'site.secrets');
    writeFileSync(runtime, stringify({ ...config, backups: { ...config.backups, jobs } }));
    expect(await missing()).toBe(0);
    writeFileSync(runtime, text);
    renameSync(at('gone'), manifests);
  });

  test('looks at both, each by its name', async () => {
    expect(await backup('verify', '--from', 'offsite')).toContain('2 backups are as signed');
    expect(await backup('prune', '--dry-run', '--from', 'offsite')).toContain('keep');
    expect((await json<Listed>('list', '--from', 'offsite')).backups).toEqual(
      (await json<Listed>('list')).backups.map((each) => ({ ...each, ageSeconds: expect.any(Number) })),
    );
    // Drills are made from the first place, and written down there.
    expect(await backup('list')).toContain('no drill has passed yet');
    expect(await backup('list', '--from', 'offsite')).not.toContain('drill');
    expect(await json('list', '--from', 'offsite')).not.toHaveProperty('drillDue');
    expect(await backup('show', (await json<Listed>('list')).backups[0]?.id ?? '', '--from', 'offsite')).toContain('opens with');
  });

  test('says that the second place is away, and shows the first', async () => {
    renameSync(offsite, at('unplugged'));
    const listed = await json<Listed>('list');
    expect(listed.offsite?.trouble).toContain('offsite');
    expect(listed.backups).toHaveLength(2);
    expect(await backup('list')).toContain('note: the second place cannot be looked at: ');
    const { stderr } = await expectExit(6, ['backup', 'copy', ...here]);
    expect(stderr).toContain(offsite);
    renameSync(at('unplugged'), offsite);
  });

  test('comes back from its kit and the second place when the host and the first are gone', async () => {
    writeFileSync(join(site, 'notes.md'), 'the last word\n');
    await backup('now');
    await backup('copy');
    renameSync(store, at('burnt'));
    const back = at('back');
    await expectExit(0, ['restore', '--latest', '--from', 'offsite', '--into', back, '--site', kit]);
    expect(spawnSync('diff', ['-r', '--exclude=.berth', site, back], { encoding: 'utf8' })).toMatchObject({ status: 0, stdout: '' });
    await expectExit(6, ['restore', '--latest', '--into', at('never'), '--site', kit]);
  });

  test('fills a new first place from the second', async () => {
    await backup('store', 'create');
    expect((await json<Listed>('list')).backups).toEqual([]);
    expect(await backup('copy', '--from', 'offsite')).toMatch(/configuration +2 backups[\s\S]*copied to the first place/);
    expect((await json<Listed>('list')).backups).toHaveLength(3);
    expect((await json<Listed>('list')).offsite?.missing).toBe(0);
    expect(await backup('verify')).toContain('3 backups are as signed');
  });

  test('has each place open for others by itself, and tells both of what a key does not open and of what has none', async () => {
    const rotate = (key: string, ...args: readonly string[]) => ['backup', 'keys', 'rotate', '--key', at('usb', key), ...args, ...here];
    await backup('keys', 'create', '--name', 'successor', '--into', at('usb'));
    rmSync(join(site, 'backup/recipients/operator.pem'));
    await expectExit(0, rotate('shop-operator.key', '--from', 'offsite'));
    await backup('verify', '--from', 'offsite', '--key', at('usb/shop-successor.key'));
    await backup('verify', '--key', at('usb/shop-operator.key'));
    expect(await backup('copy')).toContain('Nothing to copy');
    const refused = await expectExit(2, ['backup', 'verify', '--from', 'offsite', '--key', at('usb/shop-operator.key'), ...here]);
    expect(refused.stderr).toContain('was not made for key');
    const [broken = ''] = globSync('v1/shop/site.secrets/keys/*', { cwd: store });
    rmSync(join(store, broken), { recursive: true });
    const { stdout, stderr } = await expectExit(13, rotate('shop-successor.key'));
    expect(stdout).toMatch(/secrets +0 rotated +0 as they were +broken: \w{26}\n/);
    expect(stderr).toMatch(/2 backups were not made for \S+, and open [^;]+; the key files of \w{26} are damaged or gone/);
    expect(stderr).toContain('copy --from offsite');
    await backup('copy', '--from', 'offsite');
    await expectExit(0, rotate('shop-successor.key'));
    await backup('verify', '--key', at('usb/shop-successor.key'));
  });

  test('restores from there what is broken here, and says so', async () => {
    const ids = (await json<Listed>('list')).backups.filter(({ source }) => source === 'site.configuration').map(({ id }) => id);
    for (const id of ids) {
      const [data = ''] = globSync(`v1/shop/site.configuration/data/${id}/*`, { cwd: store });
      chmodSync(join(store, data), 0o600);
      writeFileSync(join(store, data), 'nothing of it\n');
    }
    await expectExit(13, ['backup', 'verify', ...here]);
    const restore = ['restore', '--latest', '--only', 'config', '--into', at('sound'), '--key', at('usb/shop-successor.key'), ...here];
    const { stderr } = await expectExit(13, restore);
    expect(stderr).toMatch(/no backup of the configuration can be used: \w{26}, \w{26} were found to be broken\n→ .* --from offsite/);
    expect(stderr).toContain(ids[0]);
    await expectExit(0, [...restore, '--from', 'offsite']);
  });

  test('restores no database from there by itself', async () => {
    const { stderr } = await expectExit(2, [
      'restore',
      '--only',
      'database',
      '--latest',
      '--from',
      'offsite',
      '--into',
      'scratch',
      ...here,
    ]);
    expect(stderr).toContain('`berth backup copy --from offsite`');
    const proven = await expectExit(2, ['backup', 'verify', '--restore', '--from', 'offsite', ...here]);
    expect(proven.stderr).toContain('from the first place alone');
  });

  test('copies all other sources where one cannot be read, and says so', async () => {
    writeFileSync(join(site, 'notes.md'), 'a first word\n');
    await backup('now', '--label', 'both');
    const manifests = join(store, 'v1/shop/site.configuration/manifests');
    renameSync(manifests, at('unread'));
    symlinkSync('manifests', manifests);
    const { stdout, stderr } = await expectExit(6, ['backup', 'copy', ...here]);
    expect(stdout).toMatch(/^ *secrets +1 backup[\s\S]*copied to/);
    expect(stderr).toContain('manifests');
    rmSync(manifests);
    renameSync(at('unread'), manifests);
    expect(await backup('copy')).toMatch(/configuration +1 backup/);
  });
});

test('a site with one place is told how to have another', async () => {
  const alone = at('alone');
  await expectExit(0, [
    'init',
    alone,
    '--profile',
    'minimum',
    '--set',
    `backups={ folder: ${at('one')}, databases: none, buckets: none }`,
    ...host,
  ]);
  for (const verb of [['copy'], ['list', '--from', 'offsite']])
    expect((await expectExit(2, ['backup', ...verb, '--site', alone])).stderr).toContain('name one under backups.offsite in berth.yaml');
});
