import { randomBytes, randomUUID } from 'node:crypto';
import { chmodSync, copyFileSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pathOfKey } from '../../model/backup/object-row.ts';
import { usualBucketLayout } from '../../runtime/jobs/bucket/survey.ts';
import { leaveInstructions } from '../../runtime/jobs/leave-instructions.ts';
import { usualLayout } from '../../runtime/jobs/upload-stream.ts';
import { realFiles } from '../../runtime/stores/folder-files.ts';
import { openFolderStore } from '../../runtime/stores/folder-store.ts';
import { S3Store } from '../../runtime/stores/s3/s3-store.ts';
import type { Store } from '../../runtime/ports/store.ts';
import { suiteNames, type SuiteName } from '../../model/backup/suites.ts';
import { formatIdentity, lockedIdentity } from '../../runtime/format/age/identity-file.ts';
import { peopleOf, signer } from '../runtime/format/keys.ts';
import { engineOf, never, runOf } from '../runtime/jobs/backup-world.ts';
import { copy } from '../runtime/jobs/bucket/bucket-world.ts';
import { memoryBucket } from '../runtime/jobs/bucket/memory-bucket.ts';
import { noise } from '../runtime/streams/bytes.ts';
import { ensureImages, IMAGES } from './images.ts';
import { attempt, run } from './process.ts';
import { startS3 } from './s3.ts';

const home = mkdtempSync(join(tmpdir(), 'berth-by-hand-'));
afterAll(() => rmSync(home, { recursive: true }));
/** Several frames, several parts. */
const files = {
  'base.tar': Buffer.concat([noise(20_000_000), Buffer.alloc(9_000_000, 'rows and rows ')]),
  'globals.sql': Buffer.from('CREATE ROLE app;'),
  'empty': Buffer.alloc(0),
};
const instructions = new Map(['RESTORE.md', 'restore.mjs'].map((name) => [name, readFileSync(`dist/${name}`)]));
const pem = { type: 'spki', format: 'pem' } as const;

/** A backup and the instructions, and nothing else. */
async function fill(store: Store, suite: SuiteName): Promise<string> {
  await leaveInstructions(store, instructions, never);
  return (await runOf(suite)(store, engineOf(files), { layout: usualLayout })).id;
}

beforeAll(() => ensureImages(['node', 'postgres', 'rescue']));

/** What people of a suite have, one key with a passphrase and one without. */
function writeKeys(folder: string, suite: SuiteName): void {
  const { operator, escrow } = peopleOf[suite];
  mkdirSync(folder, { recursive: true });
  const isOfAge = suite === 'age';
  const plain = isOfAge ? formatIdentity(operator.privateKey) : operator.privateKey.export({ type: 'pkcs8', format: 'pem' });
  const locked = isOfAge
    ? lockedIdentity(escrow.privateKey, 'open', randomBytes)
    : escrow.privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'open' });
  writeFileSync(join(folder, 'signer.pem'), signer.publicKey.export(pem));
  writeFileSync(join(folder, 'operator.key'), plain);
  writeFileSync(join(folder, 'escrow.key'), locked);
}

/** An image of a database has what one suite needs; the other asks for a program that none of them has. */
const bare = { aes256: IMAGES.postgres.reference, age: IMAGES.rescue.reference };

const expectRestored = (folder: string): void => {
  for (const [name, content] of Object.entries(files)) expect(readFileSync(join(folder, name)).equals(content), name).toBe(true);
};

/** A bucket of users. */
const users = memoryBucket(() => new Date('2026-03-29T01:00:00Z'));
for (const [key, body] of Object.entries({
  'photos/Ümläut photo.jpg': noise(5_000_000, 3),
  'photos/twin.jpg': noise(5_000_000, 3),
  "a'b $HOME `id`/-rf *": Buffer.from('quoted'),
  '../up': Buffer.from('not above'),
  'empty': Buffer.alloc(0),
}))
  users.put(key, body);
const expectObjects = (objects: string): void => {
  for (const [key, { body }] of users.objects) expect(readFileSync(join(objects, pathOfKey(key))).equals(body), key).toBe(true);
};

describe.each(suiteNames)('without Berth, by %s,', (suite) => {
  const { operator, recipients } = peopleOf[suite];
  const base = join(home, suite);
  const ending = suite === 'age' ? 'age' : 'aes';
  let folder: string;
  let id: string;
  let listing: string;
  beforeAll(async () => {
    writeKeys(join(base, 'keys'), suite);
    folder = join(base, 'backups');
    const store = await openFolderStore(folder, { mode: 'create', files: realFiles, random: randomUUID });
    id = await fill(store, suite);
    const { manifest } = await copy(store, users, {
      layout: usualLayout,
      suite,
      recipients: () => recipients,
      identity: operator.privateKey,
      bucketLayout: { ...usualBucketLayout, batchEntries: 2 },
    });
    listing = manifest.id;
  });

  /** The blocks of RESTORE.md as somebody would paste them, with his own five values. */
  const pasted = (place: string, one: string): string => {
    const blocks = [...readFileSync(join(folder, 'RESTORE.md'), 'utf8').matchAll(/^```sh\n([^]*?)^```/gm)].map((match) => match[1] ?? '');
    expect(blocks.length).toBeGreaterThan(4);
    const values = `STORE=/backups\nPLACE=${place}\nID=${one}\nKEY=/keys/operator.key\nSIGNER=/keys/signer.pem\n`;
    return ['set -e', values, ...blocks.slice(1)].join('\n');
  };
  const shell = (store: string, out: string, place = 'v1/shop/db', one = id, script = pasted(place, one)) => {
    mkdirSync(out);
    const mounts = ['-v', `${store}:/backups:ro`, '-v', `${join(base, 'keys')}:/keys:ro`, '-v', `${out}:/out`];
    return attempt(['docker', 'run', '--rm', '-i', '--network', 'none', ...mounts, '-w', '/out', '--entrypoint', 'sh', bare[suite]], {
      input: script,
    });
  };

  test('a folder is restored by the shell alone, as RESTORE.md says', async () => {
    const out = join(base, 'by-shell');
    const { code, stdout, stderr } = await shell(folder, out);
    expect([code, stderr.replaceAll(/.*warning.*\n/gi, '')]).toEqual([0, expect.any(String)]);
    expect(stdout).toContain('Signature Verified Successfully');
    expect(stdout).toContain('the key fits');
    expect(stdout).toContain('base.tar is whole');
    expectRestored(out);
    // What was in the backup is for nobody else.
    for (const name of Object.keys(files)) expect(statSync(join(out, name)).mode & 0o077, name).toBe(0);
  });

  test.runIf(suite === 'age')('age and zstd are enough where there is no openssl', async () => {
    const out = join(base, 'by-age');
    const without = pasted('v1/shop/db', id).replace(/^openssl pkeyutl -verify .*\n/m, '');
    const script = `openssl() { echo 'there is none' >&2; return 127; }\n${without}`;
    const { code, stdout, stderr } = await shell(folder, out, 'v1/shop/db', id, script);
    expect([code, stderr]).toEqual([0, expect.not.stringContaining('there is none')]);
    expect(stdout).toContain('the key fits');
    expectRestored(out);
  });

  test('a bucket is restored by the shell alone, as RESTORE.md says', async () => {
    const out = join(base, 'bucket-by-shell');
    const { code, stdout, stderr } = await shell(folder, out, 'v1/shop/files.uploads', listing);
    expect([code, stderr.replaceAll(/.*warning.*\n/gi, '')]).toEqual([0, expect.any(String)]);
    expect(stdout).toContain('the objects are whole');
    expectObjects(join(out, 'objects'));
  });

  test('the shell finds a byte of an object that was changed', async () => {
    const copied = join(base, 'bucket-damaged');
    await run(['cp', '-a', folder, copied]);
    const [data = ''] = globSync(join(copied, `v1/shop/files.uploads/data/*/contents.tar.zst.${ending}.1`));
    const bytes = readFileSync(data);
    bytes[40]! ^= 1;
    chmodSync(data, 0o600);
    writeFileSync(data, bytes);
    const { stdout } = await shell(copied, join(base, 'bucket-by-shell-damaged'), 'v1/shop/files.uploads', listing);
    expect(stdout).toMatch(/contents \w+ are damaged/);
    expect(stdout).not.toContain('the objects are whole');
  });

  test('the shell finds a byte that was changed, before it decrypts', async () => {
    const copy = join(base, 'damaged');
    await run(['cp', '-a', folder, copy]);
    const data = join(copy, 'v1/shop/db/data', id, `base.tar.zst.${ending}.1`);
    const bytes = readFileSync(data);
    bytes[17_000_000]! ^= 1;
    chmodSync(data, 0o600);
    writeFileSync(data, bytes);
    const { stdout } = await shell(copy, join(base, 'by-shell-damaged'));
    expect(stdout).toContain('base.tar is damaged');
    expect(stdout).not.toContain('base.tar is whole');
  });

  test('the shell finds a manifest that somebody else has written', async () => {
    const copy = join(base, 'forged');
    await run(['cp', '-a', folder, copy]);
    const manifest = join(copy, 'v1/shop/db/manifests', `${id}.full.json`);
    writeFileSync(manifest, readFileSync(manifest, 'utf8').replace('"site": "shop"', '"site": "shob"'));
    const { code, stdout, stderr } = await shell(copy, join(base, 'by-shell-forged'));
    expect(code).not.toBe(0);
    expect(stdout + stderr).toContain('Signature Verification Failure');
  });

  test('a folder is restored by the restore.mjs that lies in it', async () => {
    const out = join(base, 'by-node');
    mkdirSync(out);
    const mounts = ['-v', `${folder}:/backups:ro`, '-v', `${join(base, 'keys')}:/keys:ro`, '-v', `${out}:/out`];
    const args = [
      '/backups/restore.mjs',
      'get',
      id,
      '--from',
      '/backups',
      '--signer',
      '/keys/signer.pem',
      '--key',
      '/keys/escrow.key',
      '--out',
      '/out',
    ];
    await run([
      'docker',
      'run',
      '--rm',
      '--network',
      'none',
      '-e',
      'BERTH_KEY_PASSPHRASE=open',
      ...mounts,
      '--entrypoint',
      'node',
      IMAGES.node.reference,
      ...args,
    ]);
    expectRestored(join(out, `0001-full-${id}`));
    const from = ['--from', '/backups', '--signer', '/keys/signer.pem'];
    const node = (...words: readonly string[]) =>
      run([
        'docker',
        'run',
        '--rm',
        '--network',
        'none',
        ...mounts,
        '--entrypoint',
        'node',
        IMAGES.node.reference,
        '/backups/restore.mjs',
        ...words,
      ]);
    await node('check', listing, ...from);
    await node('get', listing, ...from, '--key', '/keys/operator.key', '--out', '/out');
    expectObjects(join(out, `0001-bucket-${listing}/objects`));
  });

  // Where the objects lie is no matter of how they are encrypted.
  test.runIf(suite === 'aes256')('a bucket is restored by the restore.mjs that lies in it', async () => {
    await using server = await startS3('byhand');
    const inBucket = await fill(new S3Store(server.options), suite);
    const out = join(base, 'from-bucket');
    mkdirSync(out);
    await run(['docker', 'exec', server.container, 'mc', 'cp', 'lab/backups/restore.mjs', '/tmp/restore.mjs']);
    await run(['docker', 'cp', `${server.container}:/tmp/restore.mjs`, join(out, 'restore.mjs')]);
    copyFileSync(join(base, 'keys/signer.pem'), join(out, 'signer.pem'));
    const mounts = ['-v', `${join(base, 'keys')}:/keys:ro`, '-v', `${out}:/out`];
    const env = ['-e', `S3_ACCESS_KEY_ID=${server.accessKey}`, '-e', `S3_SECRET_ACCESS_KEY=${server.secretKey}`];
    const place = ['--from', 's3://backups', '--endpoint', 'http://127.0.0.1:9000', '--signer', '/keys/signer.pem'];
    const node = [
      'docker',
      'run',
      '--rm',
      '--network',
      `container:${server.container}`,
      ...env,
      ...mounts,
      '--entrypoint',
      'node',
      IMAGES.node.reference,
      '/out/restore.mjs',
    ];
    expect(await run([...node, 'list', ...place])).toContain(inBucket);
    await run([...node, 'get', inBucket, ...place, '--key', '/keys/operator.key', '--out', '/out']);
    expectRestored(join(out, `0001-full-${inBucket}`));
  });
});
