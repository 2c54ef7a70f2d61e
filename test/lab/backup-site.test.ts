import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { berth, expectExit, host, start } from '../program/berth.ts';
import { edit } from '../program/sites.ts';
import { ensureImages } from './images.ts';
import { run } from './process.ts';
import { startS3 } from './s3.ts';

const home = mkdtempSync(join(tmpdir(), 'berth-backup-lab-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));
const at = (...path: readonly string[]): string => join(home, ...path);
const [site, usb, kit] = [at('shop'), at('usb'), at('kit')];
const here = ['--site', site] as const;
const key = ['--key', join(usb, 'shop-operator.key')] as const;

interface Listed {
  readonly backups: readonly { readonly id: string; readonly source: string }[];
}
const listed = async (): Promise<Listed['backups']> =>
  (JSON.parse((await expectExit(0, ['backup', 'list', '--json', ...here])).stdout) as Listed).backups;

describe('a site and a bucket', () => {
  let s3: Awaited<ReturnType<typeof startS3>>;
  beforeAll(async () => {
    await ensureImages(['minio']);
    s3 = await startS3('backupsite');
    const bucket = `{ endpoint: ${s3.options.endpoint.origin}, name: backups, accessKey: ${s3.accessKey} }`;
    await expectExit(0, [
      'init',
      site,
      '--profile',
      'minimum',
      '--set',
      'name=shop',
      '--set',
      `backups={ bucket: ${bucket}, databases: none, buckets: none }`,
      ...host,
    ]);
  });
  afterAll(() => s3[Symbol.asyncDispose]());

  test('needs the secret key of the bucket, says where it goes, and refuses a wrong one', async () => {
    expect((await expectExit(2, ['backup', 'store', 'create', ...here])).stderr).toContain('> secrets/supplied/backup-store');
    mkdirSync(join(site, 'secrets/supplied'), { recursive: true });
    writeFileSync(join(site, 'secrets/supplied/backup-store'), 'wrong');
    await expectExit(0, ['generate', ...here]);
    expect((await expectExit(10, ['backup', 'store', 'create', ...here])).stderr).not.toContain('wrong\n');
    writeFileSync(join(site, 'secrets/supplied/backup-store'), s3.secretKey);
    await expectExit(0, ['generate', ...here]);
    expect((await expectExit(0, ['backup', 'store', 'create', ...here])).stdout).toContain('(tier 1)');
    await expectExit(0, ['backup', 'keys', 'create', '--into', usb, ...here]);
    await expectExit(0, ['kit', 'export', '--into', kit, ...here]);
  });

  test('is copied, and comes back from its kit when its folder is gone', async () => {
    await expectExit(0, ['backup', 'now', ...here]);
    await expectExit(0, ['kit', 'confirm', '--kit', kit, ...here]);
    await expectExit(0, ['backup', 'now', ...here]);
    expect((await expectExit(0, ['backup', 'verify', ...key, ...here])).stdout).toContain('opens with this key');
    await run(['cp', '-a', site, at('as-it-was')]);
    rmSync(site, { recursive: true });
    await expectExit(0, ['restore', '--latest', '--into', site, '--site', kit]);
    await expectExit(0, ['generate', '--check', ...here]);
    expect(spawnSync('diff', ['-r', '--exclude=.berth', at('as-it-was'), site], { encoding: 'utf8' })).toMatchObject({
      status: 0,
      stdout: '',
    });
  });

  test('comes back by restore.mjs and tar alone', async () => {
    const out = at('by-hand');
    const place = ['--from', 's3://backups', '--endpoint', s3.options.endpoint.origin, '--signer', join(kit, 'backup/signers.pem')];
    const env = { PATH: process.env['PATH'], S3_ACCESS_KEY_ID: s3.accessKey, S3_SECRET_ACCESS_KEY: s3.secretKey };
    for (const source of ['site.configuration', 'site.secrets']) {
      const id = (await listed()).findLast((each) => each.source === source)?.id ?? '';
      const args = [join(kit, 'restore.mjs'), 'get', id, ...place, '--key', join(kit, 'escrow.key'), '--out', out];
      expect(spawnSync(process.execPath, args, { env, encoding: 'utf8' })).toMatchObject({ status: 0 });
    }
    for (const archive of globSync('*/*.tar', { cwd: out })) await run(['tar', '-xpf', join(out, archive), '-C', out]);
    await expectExit(0, ['generate', '--check', '--site', out]);
  });

  test('has a second place in a bucket, by an account of its own, which fills a first one that was lost', async () => {
    const [branch, first] = [at('branch'), at('first')];
    const there = ['--site', branch] as const;
    const bucket = `{ endpoint: ${s3.options.endpoint.origin}, name: backups, accessKey: ${s3.accessKey} }`;
    const places = `backups={ folder: ${first}, databases: none, buckets: none, offsite: { bucket: ${bucket} } }`;
    await expectExit(0, ['init', branch, '--profile', 'minimum', '--set', 'name=branch', '--set', places, ...host]);
    expect((await expectExit(2, ['backup', 'store', 'create', ...there])).stderr).toContain('> secrets/supplied/backup-offsite');
    mkdirSync(join(branch, 'secrets/supplied'), { recursive: true });
    writeFileSync(join(branch, 'secrets/supplied/backup-offsite'), s3.secretKey);
    await expectExit(0, ['generate', ...there]);
    expect((await expectExit(0, ['backup', 'store', 'create', ...there])).stdout).toContain('(tier 2)');
    await expectExit(0, ['backup', 'keys', 'create', '--into', at('branch-usb'), ...there]);
    await expectExit(0, ['kit', 'export', '--into', at('branch-kit'), ...there]);
    await expectExit(0, ['backup', 'now', ...there]);
    await expectExit(0, ['backup', 'copy', ...there]);
    rmSync(first, { recursive: true });
    await expectExit(0, ['restore', '--latest', '--from', 'offsite', '--into', at('branch-back'), '--site', at('branch-kit')]);
    await expectExit(0, ['generate', '--check', '--site', at('branch-back')]);
    await expectExit(0, ['backup', 'store', 'create', ...there]);
    await expectExit(0, ['backup', 'copy', '--from', 'offsite', ...there]);
    expect((await expectExit(0, ['backup', 'verify', ...there])).stdout).toContain('2 backups are as signed');
  });

  test('is copied once by two agents that begin at the same moment', async () => {
    writeFileSync(join(site, 'notes.md'), 'both saw this\n');
    const before = (await listed()).length;
    const both = await Promise.all([berth(['backup', 'now', ...here]), berth(['backup', 'now', ...here])]);
    expect(both.map(({ code, stderr }) => [code, stderr])).toEqual([
      [0, ''],
      [0, ''],
    ]);
    expect(await listed()).toHaveLength(before + 1);
  });

  test('takes no harm from agents that are killed', async () => {
    // With a lock of the kernel nobody waits a minute for the dead.
    edit(site, 'berth.yaml', (text) => text.replace(/accessKey: (\S+)/, 'accessKey: $1\n    lease: file'));
    await expectExit(0, ['generate', ...here]);
    for (const pause of [150, 300, 450]) {
      writeFileSync(join(site, 'large'), randomBytes(12_000_000));
      using running = start(['backup', 'now', ...here]);
      await sleep(pause);
      running.child.kill('SIGKILL');
      await running.ended;
    }
    writeFileSync(join(site, 'large'), 'small again');
    await expectExit(0, ['backup', 'now', ...here]);
    await expectExit(0, ['backup', 'verify', ...key, ...here]);
    await expectExit(0, ['restore', '--latest', '--into', at('after'), ...key, ...here]);
    expect(readFileSync(at('after/large'), 'utf8')).toBe('small again');
  });
});

test('a store that is full gives no backup, keeps what it has, and takes the next one once there is room', async () => {
  const [full, own] = [at('small-disk'), at('own')];
  mkdirSync(full);
  await run(['mount', '-t', 'tmpfs', '-o', 'size=6m', 'tmpfs', full]);
  try {
    await expectExit(0, [
      'init',
      own,
      '--profile',
      'minimum',
      '--set',
      'name=own',
      '--set',
      `backups={ folder: ${full}, databases: none, buckets: none }`,
      ...host,
    ]);
    const mine = ['--site', own];
    await expectExit(0, ['backup', 'store', 'create', ...mine]);
    await expectExit(0, ['backup', 'keys', 'create', '--into', at('own-usb'), ...mine]);
    await expectExit(0, ['kit', 'export', '--into', at('own-kit'), ...mine]);
    await expectExit(0, ['backup', 'now', ...mine]);
    writeFileSync(join(own, 'large'), randomBytes(8_000_000));
    const { stderr } = await expectExit(6, ['backup', 'now', ...mine]);
    expect(stderr).toMatch(/no space is left on the device[^]*what is already in the store is untouched/);
    await expectExit(0, ['backup', 'verify', '--key', at('own-usb/own-operator.key'), ...mine]);
    await run(['mount', '-o', 'remount,size=40m', full]);
    await expectExit(0, ['backup', 'now', ...mine]);
    await expectExit(0, ['restore', '--latest', '--into', at('own-back'), '--site', at('own-kit')]);
    expect(existsSync(at('own-back/large'))).toBe(true);
    await expectExit(0, ['generate', '--check', '--site', at('own-back')]);
  } finally {
    // Whoever looks about on this host at that moment does not hold it.
    await run(['umount', '--lazy', full]);
  }
});
