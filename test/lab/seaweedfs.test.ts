import { Client } from 'minio';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { announced, expectHardened, isHealthy } from './house.ts';
import type { House, PlanJson } from './house.ts';
import { IMAGES, ensureImages, isFromLab } from './images.ts';
import { LabSite, Operator } from './installed.ts';
import { run } from './process.ts';
import { until } from './until.ts';
import { Visitor } from './visitor.ts';

const name = 'weedy';
const https = 9556;
const filesHost = 'files.weedy.example';
await ensureImages(['seaweedfs']);
const server = (await isFromLab('seaweedfs')) ? "SeaweedFS (stand-in: Ceph's S3 gateway)" : 'SeaweedFS';

describe(`a site with ${server}`, () => {
  let operator: Operator;
  let site: LabSite;
  let visitor: Visitor;
  let up: { code: number; stdout: string; stderr: string };
  const keyOf = (account: 'app' | 'backup' | 'root') => site.read(`secrets/files-${account}`);
  const users = { app: `${name}-app`, backup: `${name}-backup`, root: 'berth-root' } as const;
  /** A request in the name of an account, from within: what the store says to it, and what the answer holds. */
  const ask = async (account: 'app' | 'backup' | 'root', path: string, ...options: readonly string[]) => {
    const said = await site.compose(
      'exec',
      '-T',
      'files',
      'curl',
      '--silent',
      '--user',
      `${users[account]}:${keyOf(account)}`,
      '--aws-sigv4',
      'aws:amz:us-east-1:s3',
      '--write-out',
      '\n%{http_code}',
      ...options,
      `http://files:8333/${path}`,
    );
    return { status: Number(said.slice(said.lastIndexOf('\n'))), body: said.slice(0, said.lastIndexOf('\n')) };
  };
  const statusOf = async (...asked: Parameters<typeof ask>) => (await ask(...asked)).status;
  const put = (text: string) => ['--request', 'PUT', '--data-binary', text];
  const isWell = () => visitor.until({ path: '/api/health' }, isHealthy);

  beforeAll(async () => {
    operator = await Operator.create();
    site = await LabSite.create(operator, name);
    const set = [
      'edge.http=9196',
      `edge.https=${https}`,
      'stores.files.engine=seaweedfs',
      `stores.files.publicHost=${filesHost}`,
      'stores.files.buckets.notes.lifecycle=[{ prefix: tmp/, expireAfter: 1d }, { expireVersionsAfter: 90d }]',
      'stores.files.buckets.exports.versioning=false',
      // Of several buckets, the sample application is told which one is its own.
      'services.web.env={ S3_BUCKET: notes }',
    ].flatMap((edit) => ['--set', edit]);
    await operator.run(['berth', 'init', name, '--profile', 'minimum', ...set], operator.home);
    up = await site.up();
    visitor = new Visitor(site.read('secrets/tls/ca.crt'), https);
  });
  afterAll(async () => {
    visitor?.close();
    await site?.remove();
    operator?.[Symbol.dispose]();
  });

  test('comes up with `docker compose up -d --wait`, and the application keeps its files there', async () => {
    expect(up, up.stderr.slice(-2000)).toMatchObject({ code: 0 });
    await isWell();
    expect(await run(['docker', 'inspect', '--format', '{{.Config.Image}}', `${name}-files-1`])).toContain(IMAGES.seaweedfs.reference);
  });

  test('runs it with the numbers of the plan, and with nothing that it may do beyond its work', async () => {
    const plan = JSON.parse(await site.berth('plan', '--json')) as PlanJson;
    const words = (await site.compose('exec', '-T', 'files', 'cat', '/proc/1/cmdline')).split('\0');
    const planned = (key: string) => plan.decisions.find((one) => one.key === `files.${key}`)?.value;
    for (const key of ['master.volumeSizeLimitMB', 'volume.max', 's3.concurrentFileUploadLimit'])
      expect(words).toContain(`-${key}=${planned(key)}`);
    const house: House = { name, site, visitor, plan, app: 'web' };
    await expectHardened(house);
  });

  test('has each account do what it is for, and nothing else', async () => {
    expect(await statusOf('app', 'notes/a.txt', ...put('first'))).toBe(200);
    expect(await statusOf('app', 'exports/a.txt', ...put('first'))).toBe(200);
    expect(await ask('app', 'notes/a.txt')).toEqual({ status: 200, body: 'first' });
    expect(await statusOf('app', 'another', '--request', 'PUT')).toBe(403);
    expect(await statusOf('app', 'notes?versioning=', ...put('<VersioningConfiguration/>'))).toBe(403);
    expect(await statusOf('root', 'notes/a.txt')).toBe(200);
    expect(
      Number(
        await site.compose('exec', '-T', 'files', 'curl', '-s', '-o', '/dev/null', '-w', '%{http_code}', 'http://files:8333/notes/a.txt'),
      ),
    ).toBe(403);
  });

  test('keeps versions where the spec says so, and lets go what expires', async () => {
    expect((await ask('root', 'notes?versioning=')).body).toContain('>Enabled<');
    expect((await ask('root', 'exports?versioning=')).body).not.toContain('>Enabled<');
    expect((await ask('root', 'notes?lifecycle=')).body).toMatch(/berth-1.*tmp\/.*berth-2.*90/s);
    // What the loop does every hour, once, and by hand: the master and the filer answer in the container alone.
    const worker = await site.compose(
      'exec',
      '-T',
      'files',
      'sh',
      '-c',
      'sed -n "s/^ *echo \'\\(s3.lifecycle.*\\)\' |/\\1/p" /etc/berth/store/start.sh | weed -logtostderr=true shell -master=127.0.0.1:9333 -filer=127.0.0.1:8888',
    );
    expect(worker).toContain('loaded lifecycle');
  });

  test('is reached by visitors with addresses that the application signed, and by nobody else', async () => {
    const env = await site.compose('exec', '-T', 'web-blue', 'printenv', 'S3_PUBLIC_ENDPOINT');
    expect(env.trim()).toBe(`https://${filesHost}:${https}`);
    const client = new Client({
      endPoint: filesHost,
      port: https,
      useSSL: true,
      accessKey: users.app,
      secretKey: keyOf('app'),
      region: 'us-east-1',
    });
    const outside = new Visitor(site.read('secrets/tls/ca.crt'), https, filesHost);
    const send = (method: string, address: string, body?: string) => {
      const { pathname, search, host } = new URL(address);
      return outside.ask({ path: pathname + search, method, headers: { host }, ...(body === undefined ? {} : { body }) });
    };
    try {
      expect(await send('PUT', await client.presignedPutObject('notes', 'signed.txt', 600), 'signed')).toMatchObject({ status: 200 });
      const get = await client.presignedGetObject('notes', 'signed.txt', 600);
      expect(await send('GET', get)).toMatchObject({ status: 200, body: 'signed' });
      expect(await send('GET', `${get.slice(0, -1)}${get.endsWith('0') ? '1' : '0'}`)).toMatchObject({ status: 403 });
      expect(await send('GET', `https://${filesHost}:${https}/healthz`)).toMatchObject({ status: 404 });
    } finally {
      outside.close();
    }
  });

  test('is noticed when it dies, and is whole when it is back', async () => {
    await site.compose('kill', 'files');
    await visitor.until({ path: '/api/health' }, (answer) => !isHealthy(answer) && answer.body.includes('"storage":{"status":"unhealthy"'));
    expect(await site.up()).toMatchObject({ code: 0 });
    await isWell();
    expect(await ask('app', 'notes/a.txt')).toEqual({ status: 200, body: 'first' });
  });

  test('has its task change nothing at a second `up`, and take back what the spec takes back', async () => {
    const before = await site.ids();
    expect(await site.up()).toMatchObject({ code: 0 });
    expect(await site.ids()).toEqual(before);
    site.edit('berth.yaml', (text) => text.replace(/, lifecycle: \[.*\](?= \})/, ''));
    expect(announced(await site.berth('generate', '--json'))).toEqual(['files']);
    expect(await site.up()).toMatchObject({ code: 0 });
    expect(await statusOf('root', 'notes?lifecycle=')).toBe(404);
    expect((await ask('root', 'notes?versioning=')).body).toContain('>Enabled<');
    await isWell();
  });

  test('lets in the new key of an account that was rotated, and the old one no more', async () => {
    const old = keyOf('app');
    await site.berth('secrets', 'rotate', 'files-app');
    expect(keyOf('app')).not.toBe(old);
    expect(await site.up()).toMatchObject({ code: 0 });
    await isWell();
    expect(await statusOf('app', 'notes/a.txt')).toBe(200);
    const stale = await until(
      async () =>
        Number(
          await site.compose(
            'exec',
            '-T',
            'files',
            'curl',
            '-s',
            '-o',
            '/dev/null',
            '-w',
            '%{http_code}',
            '--user',
            `${users.app}:${old}`,
            '--aws-sigv4',
            'aws:amz:us-east-1:s3',
            'http://files:8333/notes/a.txt',
          ),
        ),
      'an answer',
    );
    expect(stale).toBe(403);
  });
});
