import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { cpSync, globSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { realFiles } from '../../runtime/stores/folder-files.ts';
import { openFolderStore } from '../../runtime/stores/folder-store.ts';
import { copy } from '../runtime/jobs/bucket/bucket-world.ts';
import { memoryBucket } from '../runtime/jobs/bucket/memory-bucket.ts';
import { engineOf, run } from '../runtime/jobs/backup-world.ts';
import { formerSigner, operator, signer, stranger } from '../runtime/format/keys.ts';
import { noise } from '../runtime/streams/bytes.ts';

const home = mkdtempSync(join(tmpdir(), 'berth-restore-'));
afterAll(() => rmSync(home, { recursive: true }));
const folder = join(home, 'backups');
const file = (name: string): string => join(home, name);
const dump = noise(50_000);
const wal = noise(7000, 2);
let full = '';
let log = '';

/** restore.mjs as the build makes it, alone in a folder of its own. */
const restore = (...args: readonly string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [file('restore.mjs'), ...args], {
    cwd: home,
    env: { BERTH_KEY_PASSPHRASE: 'open' },
    maxBuffer: 2 ** 28,
  });
  return { status, stdout, text: stdout.toString(), stderr: stderr.toString() };
};
const from = ['--from', folder, '--signer', file('signer.pem')];

beforeAll(async () => {
  cpSync('dist/restore.mjs', file('restore.mjs'));
  const store = await openFolderStore(folder, { mode: 'create', files: realFiles, random: randomUUID });
  const layout = { partBytes: 4096, partsPerObject: 5 };
  const first = await run(store, engineOf({ 'base.tar': dump, 'globals.sql': Buffer.from('CREATE ROLE app;') }), { layout });
  const second = await run(
    store,
    engineOf({ wal }),
    { layout },
    { kind: 'log', after: { chain: first.id, parent: first.id }, newestId: first.id },
  );
  [full, log] = [first.id, second.id];
  writeFileSync(file('signer.pem'), signer.publicKey.export({ type: 'spki', format: 'pem' }));
  writeFileSync(file('other-signer.pem'), formerSigner.publicKey.export({ type: 'spki', format: 'pem' }));
  writeFileSync(
    file('operator.key'),
    operator.privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'open' }),
  );
  writeFileSync(file('stranger.key'), stranger.privateKey.export({ type: 'pkcs8', format: 'pem' }));
});

describe('restore.mjs', () => {
  test('needs nothing but Node', () => {
    expect(readFileSync(file('restore.mjs'), 'utf8')).not.toMatch(/^import .* from "(?!node:)/m);
  });

  test('lists what there is', () => {
    const { status, text } = restore('list', ...from);
    expect(status).toBe(0);
    expect(text.split('\n').map((line) => line.split('  ')[0])).toEqual([full, log, '']);
    expect(text).toContain(`shop/db  postgres  log  7.0 kB  wal  after ${full}`);
  });

  test('restores a backup and what it rests on, in order', () => {
    const out = file('restored');
    const { status, stderr } = restore('get', log, ...from, '--key', file('operator.key'), '--out', out);
    expect([status, stderr]).toEqual([0, expect.stringContaining('2 backups, 57.0 kB')]);
    expect(readdirSync(out)).toEqual([`0001-full-${full}`, `0002-log-${log}`]);
    expect(readdirSync(join(out, `0001-full-${full}`)).sort()).toEqual(['base.tar', 'globals.sql']);
    expect(readFileSync(join(out, `0001-full-${full}`, 'base.tar')).equals(dump)).toBe(true);
    expect(readFileSync(join(out, `0002-log-${log}`, 'wal')).equals(wal)).toBe(true);
  });

  test('gives one file to a pipe', () => {
    const { status, stdout } = restore('cat', full, 'base.tar', ...from, '--key', file('operator.key'));
    expect(status).toBe(0);
    expect(stdout.equals(dump)).toBe(true);
  });

  test('checks without a key', () => {
    expect(restore('check', log, ...from)).toMatchObject({ status: 0, stderr: expect.stringContaining(`${log}: sound`) as string });
  });

  test.each<[string, () => ReturnType<typeof restore>, number, RegExp]>([
    ['no command', () => restore('--any-signer'), 2, /no command/],
    ['a wrong one', () => restore('fetch', ...from), 2, /there is no command fetch/],
    ['no signer', () => restore('list', '--from', folder), 2, /--signer FILE, or --any-signer/],
    ['no endpoint', () => restore('list', '--from', 's3://b', '--any-signer'), 2, /a bucket needs --endpoint/],
    ['an unknown id', () => restore('check', '01KMVHNPM0VH7Y7KHJEV6906SV', ...from), 13, /there is no backup 01KMVH/],
    [
      'the key of somebody else',
      () => restore('cat', full, 'base.tar', ...from, '--key', file('stranger.key')),
      2,
      /operator \([0-9a-f]{16}\), escrow/,
    ],
    ['no key file', () => restore('cat', full, 'base.tar', ...from, '--key', 'nothing.key'), 6, /cannot read nothing.key/],
    ['an unknown file', () => restore('cat', full, 'base.zip', ...from, '--key', file('operator.key')), 2, /it has base.tar, globals.sql/],
    [
      'the wrong signer',
      () => restore('check', full, '--from', folder, '--signer', file('other-signer.pem')),
      13,
      /which is not trusted here/,
    ],
  ])('with %s says what is wrong', (_, act, code, words) => {
    const { status, stderr } = act();
    expect([status, stderr]).toEqual([code, expect.stringMatching(words)]);
    expect(stderr).not.toContain('at file:');
  });

  test('gives out nothing of a damaged part, and leaves no file that looks whole', () => {
    const copy = file('damaged');
    cpSync(folder, copy, { recursive: true });
    rmSync(join(copy, '.berth-store'));
    const data = join(copy, 'v1/shop/db/data', full);
    const [name = ''] = readdirSync(data).filter((each) => each.startsWith('base.tar'));
    const bytes = readFileSync(join(data, name));
    bytes[9000]! ^= 1;
    writeFileSync(join(data, name), bytes);
    const args = ['--from', copy, '--signer', file('signer.pem'), '--key', file('operator.key')];
    const piped = restore('cat', full, 'base.tar', ...args);
    expect([piped.status, piped.stderr]).toEqual([13, expect.stringContaining('part 3 of 5')]);
    expect(dump.subarray(0, piped.stdout.length).equals(piped.stdout)).toBe(true);
    const written = restore('get', full, ...args, '--out', file('half'));
    expect(written.status).toBe(13);
    expect(readdirSync(join(file('half'), `0001-full-${full}`))).not.toContain('base.tar');
    expect(restore('check', full, '--from', copy, '--any-signer').status).toBe(13);
  });
});

describe('restore.mjs, of a bucket,', () => {
  const place = file('backups-of-buckets');
  const users = memoryBucket(() => new Date('2026-03-29T01:00:00Z'));
  const args = ['--from', place, '--signer', file('signer.pem')];
  let point = '';
  beforeAll(async () => {
    for (const key of ['a', 'a/b', 'photos/ä ☂.jpg', '../up']) users.put(key, `of ${key}`);
    users.put('photos/large', noise(40_000));
    const store = await openFolderStore(place, { mode: 'create', files: realFiles, random: randomUUID });
    point = (await copy(store, users)).manifest.id;
  });

  test('lists points in time, and not what they are made of', () => {
    expect(restore('list', ...args).text).toMatch(new RegExp(`^${point}  \\S+  shop/files.uploads  s3  bucket  [^\\n]+\\n$`));
  });

  test('writes its objects as files, or those whose keys begin so', () => {
    const key = ['--key', file('operator.key')];
    const all = restore('get', point, ...args, ...key, '--out', file('bucket'));
    expect([all.status, all.stderr]).toEqual([0, expect.stringContaining('5 objects, 40.0 kB')]);
    const objects = join(file('bucket'), `0001-bucket-${point}/objects`);
    expect(readFileSync(join(objects, 'a%file'), 'utf8')).toBe('of a');
    expect(readFileSync(join(objects, 'a/b'), 'utf8')).toBe('of a/b');
    expect(readFileSync(join(objects, '%2E%2E/up'), 'utf8')).toBe('of ../up');
    expect(readFileSync(join(objects, 'photos/large')).equals(noise(40_000))).toBe(true);
    restore('get', point, ...args, ...key, '--out', file('photos'), '--objects', 'photos/');
    expect(readdirSync(join(file('photos'), `0001-bucket-${point}/objects`))).toEqual(['photos']);
  });

  test('checks the contents that a point in time refers to', () => {
    expect(restore('check', point, ...args).status).toBe(0);
    const copied = file('buckets-damaged');
    cpSync(place, copied, { recursive: true });
    const [data = ''] = globSync(join(copied, 'v1/shop/files.uploads/data/*/contents.tar.zst.aes.1'));
    const bytes = readFileSync(data);
    bytes[9]! ^= 1;
    writeFileSync(data, bytes);
    expect(restore('check', point, '--from', copied, '--any-signer').status).toBe(13);
  });
});
