import { createSecretKey } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readTar, writeTar, type TarEntry } from '../../../runtime/format/tar.ts';
import { lookAt, siteProducer, type SiteSource } from '../../../runtime/site/site-producer.ts';
import { compareWith, placeEntries, stageArchive } from '../../../runtime/site/unpack.ts';
import type { SitePart } from '../../../runtime/site/walk.ts';
import { never } from '../jobs/backup-world.ts';
import { from, whole } from '../streams/bytes.ts';

let home: string;
let site: string;
const write = (path: string, text: string, mode = 0o644): void => {
  mkdirSync(join(site, dirname(path)), { recursive: true });
  writeFileSync(join(site, path), text);
  chmodSync(join(site, path), mode);
};
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'berth-site-'));
  site = join(home, 'shop');
  write('berth.yaml', 'name: shop\n');
  write('config/edge/nginx.conf', 'events {}\n');
  write('secrets/ledger.json', '{"hunter2": true}\n', 0o600);
  chmodSync(join(site, 'secrets'), 0o700);
  write('k8s/secrets/tls.yaml', 'key\n', 0o600);
  write('k8s/site/kustomization.yaml', 'resources: []\n');
  const passing = [
    '.berth/lock',
    '.berth/stage/1',
    '.berth/runtime/state.sqlite',
    '.berth/offsite/agent-postgres/store.key',
    '.berth/offsite.json',
  ];
  for (const path of passing) write(path, 'passing');
  write('.berth/hashes.json', '{}');
  symlinkSync('berth.yaml', join(site, 'current'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const source = (part: SitePart, key = 'key'): SiteSource => ({ site, part, key: createSecretKey(Buffer.from(key)), berth: '0.1.0' });

async function copy(part: SitePart) {
  await using snapshot = await siteProducer(source(part)).open(never);
  const streams = [];
  for await (const { name, bytes } of snapshot.streams) streams.push({ name, bytes: await whole(bytes) });
  return { streams, ...(await snapshot.finish()) };
}

async function namesIn(bytes: Uint8Array): Promise<readonly string[]> {
  const names = [];
  for await (const { entry, bytes: content } of readTar(from(bytes))) {
    await whole(content);
    if (entry.kind !== 'folder') names.push(entry.path);
  }
  return names;
}

describe('the folder of a site', () => {
  test('is copied without its secrets, and without what a run of Berth has for itself', async () => {
    const { streams, facts } = await copy('configuration');
    expect(streams.map(({ name }) => name)).toEqual(['configuration.tar']);
    expect(await namesIn(streams[0]!.bytes)).toEqual([
      '.berth/hashes.json',
      'berth.yaml',
      'config/edge/nginx.conf',
      'current',
      'k8s/site/kustomization.yaml',
    ]);
    expect(facts).toMatchObject({ files: 4 });
  });

  test('has its secrets in an archive of their own', async () => {
    const { streams } = await copy('secrets');
    expect(await namesIn(streams[0]!.bytes)).toEqual(['k8s/secrets/tls.yaml', 'secrets/ledger.json']);
  });

  test('is the same as long as names, modes and contents are', async () => {
    const print = async (key?: string): Promise<string> => (await lookAt(source('configuration', key), never)).fingerprint;
    const before = await print();
    write('berth.yaml', 'name: shop\n');
    write('secrets/ledger.json', 'another');
    expect(await print()).toBe(before);
    expect(await print('another key')).not.toBe(before);
    chmodSync(join(site, 'berth.yaml'), 0o600);
    const other = await print();
    expect(other).not.toBe(before);
    write('config/more', '');
    expect(await print()).not.toBe(other);
  });

  test('that changes while it is copied gives no backup', async () => {
    await using snapshot = await siteProducer(source('configuration')).open(never);
    for await (const { bytes } of snapshot.streams) await whole(bytes);
    write('config/edge/nginx.conf', 'events { }');
    await expect(snapshot.finish()).rejects.toThrow('changed while it was copied');
  });

  test('that is between two states is not copied', async () => {
    write('.berth/journal.json', '{}');
    await expect(copy('configuration')).rejects.toThrow('is half done');
  });
});

describe('an archive', () => {
  const restore = async (into: string, part: SitePart) => {
    const { streams } = await copy(part);
    const stage = join(into, '.berth/restore');
    mkdirSync(stage, { recursive: true });
    const compared = compareWith(into, stage, await stageArchive(stage, from(streams[0]!.bytes), part, never));
    return { stage, compared };
  };

  test('is put into an empty folder with its modes, times and links', async () => {
    const into = join(home, 'back');
    const { stage, compared } = await restore(into, 'secrets');
    placeEntries(into, stage, compared, join(home, 'replaced'));
    expect(readFileSync(join(into, 'secrets/ledger.json'), 'utf8')).toContain('hunter2');
    expect([statSync(join(into, 'secrets')).mode & 0o777, statSync(join(into, 'secrets/ledger.json')).mode & 0o777]).toEqual([
      0o700, 0o600,
    ]);
    const more = await restore(into, 'configuration');
    placeEntries(into, more.stage, more.compared, join(home, 'replaced'));
    expect(readlinkSync(join(into, 'current'))).toBe('berth.yaml');
    expect(statSync(join(into, 'berth.yaml')).mtime.getTime()).toBe(
      Math.floor(statSync(join(site, 'berth.yaml')).mtime.getTime() / 1000) * 1000,
    );
  });

  test('keeps a copy of what it replaces, and leaves what it does not know', async () => {
    const into = join(home, 'there');
    mkdirSync(into);
    writeFileSync(join(into, 'berth.yaml'), 'name: other\n');
    writeFileSync(join(into, 'notes.txt'), 'mine');
    const { stage, compared } = await restore(into, 'configuration');
    expect(compared.filter(({ verdict }) => verdict === 'other').map(({ entry }) => entry.path)).toEqual(['berth.yaml']);
    placeEntries(into, stage, compared, join(home, 'replaced'));
    expect(readFileSync(join(home, 'replaced/berth.yaml'), 'utf8')).toBe('name: other\n');
    expect([readFileSync(join(into, 'berth.yaml'), 'utf8'), readFileSync(join(into, 'notes.txt'), 'utf8')]).toEqual([
      'name: shop\n',
      'mine',
    ]);
    rmSync(stage, { recursive: true });
    const again = await restore(into, 'configuration');
    expect(again.compared.filter(({ verdict }) => verdict !== 'same')).toEqual([]);
  });

  test('is not written through a link that leads out of the folder', async () => {
    const into = join(home, 'linked');
    mkdirSync(join(home, 'elsewhere'));
    mkdirSync(into);
    symlinkSync(join(home, 'elsewhere'), join(into, 'config'));
    const { stage, compared } = await restore(into, 'configuration');
    expect(() => placeEntries(into, stage, compared, join(home, 'replaced'))).toThrow(/config is a (?:link|file)/);
  });

  const entry: TarEntry = { path: 'berth.yaml', kind: 'file', mode: 0o644, uid: 0, gid: 0, modified: new Date(0), bytes: 0, target: '' };
  test.each<[string, readonly TarEntry[]]>([
    ['leads out of the folder', [{ ...entry, path: '../evil' }]],
    ['is absolute', [{ ...entry, path: '/etc/passwd' }]],
    ['brings secrets with the configuration', [{ ...entry, path: 'secrets/ledger.json' }]],
    ['would be what a run of Berth has for itself', [{ ...entry, path: '.berth/journal.json' }]],
    [
      'goes through a link of its own',
      [
        { ...entry, path: 'a', kind: 'link', target: '/etc' },
        { ...entry, path: 'a/passwd' },
      ],
    ],
  ])('that %s is refused', async (_, entries) => {
    const stage = join(home, 'stage');
    mkdirSync(stage);
    const bytes = await whole(writeTar(entries, () => from()));
    await expect(stageArchive(stage, from(bytes), 'configuration', never)).rejects.toMatchObject({ kind: 'damaged' });
  });
});
