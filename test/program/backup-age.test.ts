import { spawnSync } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Decrypter } from 'age-encryption';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectExit, host } from './berth.ts';
import { farAway } from './far-away.ts';
import { edit } from './sites.ts';

const home = mkdtempSync(join(tmpdir(), 'berth-age-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));
const at = (...path: readonly string[]): string => join(home, ...path);
const [site, store, usb, oldKit, kit] = [at('shop'), at('store'), at('usb'), at('kit'), at('kit-age')];
const here = ['--site', site] as const;
const opened = { env: { BERTH_KEY_PASSPHRASE: 'open' } };
const [oldKey, newKey] = [join(usb, 'shop-operator.key'), join(usb, 'shop-operator-age.key')];

const restore = (...args: readonly string[]) =>
  spawnSync(process.execPath, [join(store, 'restore.mjs'), ...args, '--from', store, '--signer', join(site, 'backup/signers.pem')], {
    encoding: 'utf8',
    env: opened.env,
  });

interface Shown {
  readonly id: string;
  readonly source: string;
  readonly cipher: { readonly suite: string };
}
const backups = (): readonly Shown[] =>
  globSync('v1/shop/*/manifests/*.json', { cwd: store })
    .map((file) => JSON.parse(readFileSync(join(store, file), 'utf8').replace(/\n[^\n]*\n$/, '')) as Shown)
    .sort((a, b) => (a.id < b.id ? -1 : 1));
const dataIn = (): ReadonlyMap<string, string> =>
  new Map(
    globSync('v1/shop/*/{manifests,data}/**', { cwd: store, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => [join(entry.parentPath, entry.name), readFileSync(join(entry.parentPath, entry.name), 'latin1')]),
  );

beforeAll(async () => {
  const without = `databases: none, buckets: none, configuration: { schedule: "${farAway()}" }, secrets: { schedule: "${farAway()}" }`;
  const set = ['--set', 'name=shop', '--set', `backups={ folder: ${store}, ${without} }`];
  await expectExit(0, ['init', site, '--profile', 'minimum', ...set, ...host]);
  await expectExit(0, ['backup', 'store', 'create', ...here]);
  await expectExit(0, ['backup', 'keys', 'create', '--into', usb, ...here]);
  await expectExit(0, ['kit', 'export', '--into', oldKit, ...here]);
  await expectExit(0, ['backup', 'now', ...here]);
  edit(site, 'berth.yaml', (text) => text.replace(`folder: ${store}`, `folder: ${store}\n  suite: age`));
  await expectExit(0, ['generate', ...here]);
});

// Each of these goes on where the one before has ended.
describe('a site whose suite becomes age', () => {
  test('makes nothing before there are keys that age opens, and says how to get them', async () => {
    expect(readFileSync(join(site, 'runtime.yaml'), 'utf8')).toContain('  suite: "age"\n');
    const { stderr } = await expectExit(2, ['backup', 'now', ...here]);
    expect(stderr).toContain('two recipients with different keys of age, as their suite is age');
    expect(stderr).toContain('`berth backup keys create --into FOLDER` and `berth kit export --into FOLDER`');
  });

  test('draws keys in the form of age, beside the old ones, encrypted where there is a passphrase', async () => {
    await expectExit(0, ['backup', 'keys', 'create', '--into', usb, ...here]);
    await expectExit(0, ['kit', 'export', '--into', kit, ...here], opened);
    expect(readdirSync(join(site, 'backup/recipients')).sort()).toEqual(['escrow.pem', 'escrow.pub', 'operator.pem', 'operator.pub']);
    expect(readFileSync(join(site, 'backup/recipients/operator.pub'), 'utf8')).toMatch(/^age1[a-z0-9]{58}\n$/);
    expect(readFileSync(newKey, 'utf8')).toMatch(/^# public key: age1\w+\nAGE-SECRET-KEY-1\w+\n$/);
    expect(readFileSync(join(kit, 'escrow.key'), 'utf8')).toMatch(/^-----BEGIN AGE ENCRYPTED FILE-----\n/);
    expect([newKey, join(kit, 'escrow.key')].map((file) => statSync(file).mode & 0o777)).toEqual([0o600, 0o600]);
    expect(readdirSync(join(kit, 'backup/recipients')).sort()).toEqual(['escrow.pem', 'escrow.pub', 'operator.pem', 'operator.pub']);
    expect(readFileSync(join(kit, 'KIT.md'), 'utf8')).toContain(
      'What was made when the suite was aes256 opens with the key of the kit of then',
    );
    expect((await expectExit(2, ['backup', 'keys', 'create', '--name', 'agent', '--into', usb, ...here])).stderr).toContain('take another');
  });

  test('copies what has not changed once more, in the new suite, and the kit opens that', async () => {
    await expectExit(0, ['backup', 'now', ...here]);
    expect(backups().map(({ source, cipher }) => [source, cipher.suite])).toEqual([
      ['site.configuration', 'aes256'],
      ['site.secrets', 'aes256'],
      ['site.configuration', 'age'],
      ['site.secrets', 'age'],
    ]);
    expect((await expectExit(0, ['backup', 'now', ...here])).stdout.match(/nothing to copy/g)).toHaveLength(2);
    const { stderr } = await expectExit(2, ['kit', 'confirm', '--kit', kit, ...here], { env: { BERTH_KEY_PASSPHRASE: 'wrong' } });
    expect(stderr).toContain('its passphrase is another one');
    expect((await expectExit(2, ['kit', 'confirm', '--kit', kit, ...here])).stderr).toContain('variable BERTH_KEY_PASSPHRASE');
    await expectExit(0, ['kit', 'confirm', '--kit', kit, ...here], opened);
  });

  test('has old keys open all of it, and new ones what is new', async () => {
    const [first] = backups();
    await expectExit(0, ['backup', 'verify', '--key', oldKey, ...here]);
    expect((await expectExit(2, ['backup', 'verify', first!.id, '--key', newKey, ...here])).stderr).toContain('was not made for key');
  });

  test('opens for its new keys alone once they were rotated, without a byte of data written again', async () => {
    const before = dataIn();
    const rotated = async (key: string): Promise<number> => {
      const { stdout } = await expectExit(0, ['backup', 'keys', 'rotate', '--key', key, '--json', ...here]);
      const { sources } = JSON.parse(stdout) as { readonly sources: readonly { readonly rotated: readonly string[] }[] };
      return sources.reduce((sum, each) => sum + each.rotated.length, 0);
    };
    const refused = await expectExit(9, ['backup', 'keys', 'rotate', '--key', newKey, ...here]);
    expect(refused.stderr).toContain('2 backups were not made for');
    expect(await rotated(oldKey)).toBe(2);
    expect(await rotated(oldKey)).toBe(0);
    await expectExit(0, ['backup', 'verify', '--key', newKey, ...here]);
    for (const name of ['operator.pem', 'escrow.pem']) rmSync(join(site, 'backup/recipients', name));
    expect(await rotated(newKey)).toBe(4);
    expect(dataIn()).toEqual(before);
    await expectExit(0, ['backup', 'verify', '--key', newKey, ...here]);
    expect((await expectExit(2, ['backup', 'verify', backups()[0]!.id, '--key', oldKey, ...here])).stderr).toContain(
      'was not made for key',
    );
  });

  test('comes back from its kit, of the newest and of before the change', async () => {
    const back = at('back');
    await expectExit(0, ['restore', '--latest', '--into', back, '--site', kit], opened);
    await expectExit(0, ['generate', '--check', '--site', back]);
    const [first] = backups();
    const { stdout } = await expectExit(0, ['backup', 'show', first!.id, '--json', ...here]);
    const { manifest } = JSON.parse(stdout) as { readonly manifest: { readonly finishedAt: string } };
    await expectExit(0, ['restore', '--at', manifest.finishedAt, '--only', 'config', '--into', at('then'), '--site', kit], opened);
    expect(readFileSync(at('then/berth.yaml'), 'utf8')).not.toContain('suite: age');
  });

  test('comes back by restore.mjs, in either suite, and by age', async () => {
    for (const { id } of backups())
      expect(restore('get', id, '--key', join(kit, 'escrow.key'), '--out', at('by-hand'))).toMatchObject({ status: 0 });
    expect(restore('get', backups()[3]!.id, '--key', oldKey, '--out', at('no'))).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('was not made for key') as string,
    });
    // By the package of the makers of age: what is wrapped, and what that opens.
    const newest = backups().findLast(({ source }) => source === 'site.secrets')!;
    const [keys = ''] = globSync(`v1/shop/site.secrets/keys/${newest.id}/*.json`, { cwd: store });
    const { wraps } = JSON.parse(readFileSync(join(store, keys), 'utf8')) as {
      readonly wraps: readonly { readonly name: string; readonly algorithm: string; readonly wrapped: string }[];
    };
    expect(wraps.map(({ name, algorithm }) => [name, algorithm])).toEqual([
      ['escrow', 'age'],
      ['operator', 'age'],
    ]);
    const openWith = async (key: string, file: Buffer): Promise<Buffer> => {
      const decrypter = new Decrypter();
      decrypter.addIdentity(key.trim());
      return Buffer.from(await decrypter.decrypt(file));
    };
    const dataKey = await openWith(readFileSync(newKey, 'utf8').split('\n')[1]!, Buffer.from(wraps[1]!.wrapped, 'base64'));
    const data = readFileSync(join(store, `v1/shop/site.secrets/data/${newest.id}/secrets.tar.zst.age.1`));
    expect((await openWith(dataKey.toString(), data)).subarray(0, 4).toString('hex')).toBe('28b52ffd');
  });

  test.each([
    ['cut short', (body: Buffer) => body.subarray(0, -1)],
    ['changed in one bit', (body: Buffer) => Buffer.concat([body.subarray(0, -9), Buffer.from([body.at(-9)! ^ 1]), body.subarray(-8)])],
  ])('finds an object that was %s, and restores nothing of it', async (_, change) => {
    const { id } = backups().at(-1)!;
    const [file = ''] = globSync(`v1/shop/*/data/${id}/*.age.1`, { cwd: store });
    const path = join(store, file);
    const whole = readFileSync(path);
    writeFileSync(path, change(whole));
    expect((await expectExit(13, ['backup', 'verify', id, ...here])).stderr).toContain(id);
    const out = at(`damaged-${id}`);
    expect(restore('get', id, '--key', newKey, '--out', out)).toMatchObject({
      status: 13,
      stderr: expect.stringContaining('.age.1 is damaged') as string,
    });
    expect(globSync('**/*.tar', { cwd: out })).toEqual([]);
    writeFileSync(path, whole);
  });

  test('names a recipient whose file is no key of age', async () => {
    writeFileSync(join(site, 'backup/recipients/third.pub'), 'ssh-ed25519 AAAA me@here\n');
    expect((await expectExit(2, ['backup', 'now', '--label', 'x', ...here])).stderr).toMatch(/third\.pub is not a public key of age/);
    rmSync(join(site, 'backup/recipients/third.pub'));
  });
});

test.runIf(process.getuid?.() === 0)(
  'keys that root has rotated belong to the agents whose folder it is, and so do its leases',
  async () => {
    const [owned, folder, keys] = [at('owned'), at('owned-store'), at('owned-usb')];
    const there = ['--site', owned] as const;
    await expectExit(0, ['init', owned, '--profile', 'minimum', '--set', 'name=owned', '--set', `backups={ folder: ${folder} }`, ...host]);
    await expectExit(0, ['backup', 'store', 'create', ...there]);
    await expectExit(0, ['backup', 'keys', 'create', '--into', keys, ...there]);
    await expectExit(0, ['kit', 'export', '--into', at('owned-kit'), ...there]);
    await expectExit(0, ['backup', 'now', 'configuration', ...there]);
    await expectExit(0, ['backup', 'keys', 'create', '--name', 'successor', '--into', keys, ...there]);
    await expectExit(0, ['backup', 'keys', 'rotate', '--key', join(keys, 'owned-operator.key'), ...there]);
    const written = globSync(['v1/owned/*/keys/*/*', '.berth-leases/owned/*'], { cwd: folder }).map((file) => statSync(join(folder, file)));
    expect(written.length).toBeGreaterThan(1);
    expect([...new Set(written.map(({ uid, gid }) => `${uid}:${gid}`))]).toEqual(['999:999']);
  },
);
