import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { Client } from 'minio';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { certify } from './certified.ts';
import { LabSite, Operator } from './installed.ts';
import { IMAGES } from './images.ts';
import { attempt, run } from './process.ts';
import { Visitor } from './visitor.ts';

const name = 'kinds';
const https = 9443;
/** What stands for the commands of an application: each says in the cache which version of it ran. */
const say = (what: string, then = '') =>
  `const u = new URL(process.env.REDIS_URL); const s = require('net').connect(u.port, u.hostname); s.end(\`AUTH app \${u.password}\\r\\nRPUSH ${what} \${process.env.APP_VERSION}\\r\\n\`); s.resume(); s.on('error', () => process.exit(1)); s.on('close', () => { ${then} })`;
const stayAlive = "require('fs').writeFileSync('/tmp/alive', ''); setInterval(() => {}, 1000)";
const program = (what: string, then?: string) => `entrypoint: [node], command: ${JSON.stringify(['-e', say(what, then)])}`;

const filesHost = 'files.kinds.example';
interface Passed {
  readonly status: number;
  readonly bytes: number;
  /** Of the body, or of the answer where there is none. */
  readonly md5: string;
  readonly etag: string;
  readonly range: string;
}
const mebibyte = (number: number): Buffer => Buffer.alloc(2 ** 20, `block ${number} `);
/** So many MiB, each another, made as they go: nothing here holds more than a few. */
function* mebibytesOf(count: number, sum: Hash): Iterable<Buffer> {
  for (let number = 0; number < count; number++) {
    const block = mebibyte(number);
    sum.update(block);
    yield block;
  }
}
/** One request to the public name of the store, whatever its address says of the host. */
function send(method: string, address: URL, ca: string, mebibytes = 0, headers: Readonly<Record<string, string>> = {}): Promise<Passed> {
  const sum = createHash('md5');
  return new Promise((resolve, reject) => {
    const request = httpsRequest(
      {
        host: '127.0.0.1',
        port: https,
        servername: address.hostname,
        ca,
        agent: false,
        method,
        path: address.pathname + address.search,
        headers: { 'host': address.host, 'content-length': mebibytes * 2 ** 20, ...headers },
      },
      (response) => {
        let bytes = 0;
        response.on('error', reject).on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (mebibytes === 0) sum.update(chunk);
        });
        response.on('end', () => {
          const { etag = '', 'content-range': range = '' } = response.headers;
          resolve({ status: response.statusCode ?? 0, bytes, md5: sum.digest('hex'), etag: etag.replaceAll('"', ''), range });
        });
      },
    );
    request.on('error', reject);
    Readable.from(mebibytesOf(mebibytes, sum)).pipe(request);
  });
}

/** A server of the corporate network, whose certificate is of an authority that only the site knows. Docker's own bridge lies outside of every site. */
const hooks = { container: 'kinds-hooks', address: '172.17.0.1', port: 9444 };
const serve =
  "require('https').createServer({ key: require('fs').readFileSync('/tls/key.pem'), cert: require('fs').readFileSync('/tls/cert.pem') }, (q, r) => r.end('heard')).listen(8443)";

async function startHooks({ home }: Operator): Promise<string> {
  const folder = join(home, 'hooks');
  const authority = await certify(folder, [hooks.address]);
  await attempt(['docker', 'rm', '--force', hooks.container]);
  const where = ['--publish', `${hooks.port}:8443`, '--volume', `${folder}:/tls:ro`, '--entrypoint', 'node'];
  await run(['docker', 'run', '--detach', '--name', hooks.container, ...where, IMAGES.node.reference, '-e', serve]);
  return authority;
}

describe('a site with migrations, a worker, a job and Redis', () => {
  let operator: Operator;
  let site: LabSite;
  let visitor: Visitor;
  let up: { code: number; stdout: string; stderr: string };

  const said = async (what: string): Promise<readonly string[]> => {
    const [, password = ''] = /REDIS_URL=redis:\/\/app:([^@]+)@/.exec(site.read('secrets/web.env')) ?? [];
    const cli = ['exec', '-T', '-e', `REDISCLI_AUTH=${password}`, 'cache', 'redis-cli', '--user', 'app', 'lrange', what, '0', '-1'];
    return (await site.compose(...cli)).split('\n').filter((line) => line !== '');
  };
  const idsOf = async (...services: readonly string[]) => {
    const ids = await site.ids();
    return services.map((service) => ids[`${name}-${service}-1`]);
  };

  beforeAll(async () => {
    operator = await Operator.create();
    site = await LabSite.create(operator, name);
    const authority = await startHooks(operator);
    await operator.run(
      [
        'berth',
        'init',
        name,
        '--profile',
        'minimum',
        '--set',
        'edge.http=9080',
        '--set',
        `edge.https=${https}`,
        '--set',
        'caches.cache.engine=redis',
        '--set',
        'volumes.uploads={ disk: 1Gi }',
        '--set',
        `stores.files.publicHost=${filesHost}`,
        '--set',
        'stores.files.buckets.notes.lifecycle=[{ prefix: tmp/, expireAfter: 1d }, { expireVersionsAfter: 90d }]',
        '--set',
        `trust=${JSON.stringify({ corp: authority })}`,
        '--set',
        `services.web.egress=${JSON.stringify([`${hooks.address}:${hooks.port}`])}`,
        // Folders that the image has, and that belong to root there.
        '--set',
        'services.web.volumes={ uploads: /srv }',
        '--set',
        `services.web.migrate={ ${program('migrate')} }`,
        '--set',
        `services.jobs={ kind: worker, follows: web, replicas: 1, runtime: node, uses: [cache], volumes: { uploads: { path: /opt, readOnly: true } }, ${program('jobs', stayAlive)}, healthcheck: [cat, /tmp/alive] }`,
        '--set',
        `services.report={ kind: cron, follows: web, runtime: node, uses: [cache], schedule: "30 2 * * 1-5", timeZone: Europe/Berlin, ${program('report')} }`,
      ],
      operator.home,
    );
    up = await site.up();
    visitor = new Visitor(site.read('secrets/tls/ca.crt'), https);
  });
  afterAll(async () => {
    visitor?.close();
    await attempt(['docker', 'rm', '--force', hooks.container]);
    await site?.remove();
    operator?.[Symbol.dispose]();
  });

  test('comes up with `docker compose up -d --wait`, after its migrations', async () => {
    expect(up, up.stderr.slice(-2000)).toMatchObject({ code: 0 });
    expect(await said('migrate')).toEqual(['0.1.0']);
    expect(await said('jobs')).toEqual(['0.1.0']);
    const { status } = await visitor.until('/livez', ({ status: code }) => code === 200);
    expect(status).toBe(200);
  });

  test('runs Redis with the settings of the plan, and none of its modules', async () => {
    const { caches } = JSON.parse(await site.berth('plan', '--json')) as {
      caches: readonly { settings: readonly { name: string; value: string }[] }[];
    };
    const info = await site.compose('exec', '-T', 'cache', 'sh', '-c', 'cat /proc/1/cmdline | tr "\\0" " "; redis-cli -h 127.0.0.1 ping');
    expect(info).toContain('redis-server');
    expect(info).toContain('PONG');
    const conf = await site.compose('exec', '-T', 'cache', 'cat', '/etc/berth/cache/redis.conf');
    for (const { name: setting, value } of caches[0]?.settings ?? []) expect(conf).toContain(`${setting} "${value}"`);
  });

  test('starts no job by itself; by hand it runs with all that it was given, and leaves nothing behind', async () => {
    expect(Object.keys(await site.ids()).filter((container) => container.includes('report'))).toEqual([]);
    await site.compose('run', '--rm', '--no-deps', '--no-TTY', '--name', 'kinds-report-job', 'report');
    expect(await said('report')).toEqual(['0.1.0']);
    expect(Object.keys(await site.ids()).filter((container) => container.includes('report'))).toEqual([]);
  });

  test('has timers that systemd understands, at the times of the schedule', async () => {
    const units = readdirSync(join(site.folder, 'systemd'));
    expect(units.sort()).toEqual(['kinds-report@.service', 'kinds-report@.timer']);
    const [, calendar = ''] = /^OnCalendar=(.*)$/m.exec(site.read('systemd/kinds-report@.timer')) ?? [];
    // The first Monday of 2027 and the day after: 02:30 in Berlin is 01:30 UTC in winter.
    const next = await run([
      'env',
      'TZ=UTC',
      'systemd-analyze',
      'calendar',
      '--iterations=2',
      '--base-time=2027-01-03 00:00:00 UTC',
      calendar,
    ]);
    expect([...next.matchAll(/(?:Next elapse|Iter\. #2): (.*)$/gm)].map((match) => match[1])).toEqual([
      'Mon 2027-01-04 01:30:00 UTC',
      'Tue 2027-01-05 01:30:00 UTC',
    ]);
    const folder = join(operator.home, 'units');
    await run(['cp', '-r', join(site.folder, 'systemd'), folder]);
    expect(await run(['systemd-analyze', 'verify', '--man=no', join(folder, 'kinds-report@tmp.timer')])).toBe('');
  });

  test('keeps every container that runs at a second `up`', async () => {
    const before = await idsOf('web-blue', 'jobs', 'edge', 'database', 'web-migrate-blue');
    expect(await site.up()).toMatchObject({ code: 0 });
    expect(await idsOf('web-blue', 'jobs', 'edge', 'database', 'web-migrate-blue')).toEqual(before);
    expect(await said('migrate')).toEqual(['0.1.0', '0.1.0']);
  });

  test('shares a volume between replicas and services, none of them root, and keeps it through a `down`', async () => {
    const at = (service: string, index: number, script: string) =>
      operator.attempt(['docker', 'compose', 'exec', '-T', '--index', String(index), service, 'sh', '-c', script], site.folder);
    expect(await at('web-blue', 1, 'id -u; mkdir /srv/day && echo kept > /srv/day/note')).toMatchObject({ code: 0, stdout: '10001\n' });
    expect(await at('web-blue', 2, 'cat /srv/day/note && echo more >> /srv/day/note')).toMatchObject({ code: 0, stdout: 'kept\n' });
    expect(await at('jobs', 1, 'cat /opt/day/note')).toMatchObject({ code: 0, stdout: 'kept\nmore\n' });
    expect(await at('jobs', 1, 'echo mine > /opt/mine')).toMatchObject({ code: 2, stderr: expect.stringContaining('Read-only') as string });
    expect((await at('web-blue', 1, 'touch /there')).stderr).toContain('Read-only');
    await site.compose('--profile', '*', 'down', '--timeout', '5');
    expect(await site.up()).toMatchObject({ code: 0 });
    expect(await at('web-blue', 2, 'cat /srv/day/note && rm -r /srv/day')).toMatchObject({ code: 0, stdout: 'kept\nmore\n' });
  });

  test('reaches a server outside whose authority it trusts, and only from a service that may', async () => {
    const call = `fetch('https://${hooks.address}:${hooks.port}', { signal: AbortSignal.timeout(Number(process.argv[1])) }).then((r) => r.text()).then(console.log, (e) => { console.error(String(e.cause ?? e)); process.exit(7); })`;
    const from = (service: string, patienceMs: number, ...env: readonly string[]) =>
      operator.attempt(
        ['docker', 'compose', 'exec', '-T', ...env.flatMap((one) => ['-e', one]), service, 'node', '-e', call, String(patienceMs)],
        site.folder,
      );
    expect(await from('web-blue', 60_000)).toMatchObject({ code: 0, stdout: 'heard\n' });
    const distrusting = await from('web-blue', 60_000, 'NODE_EXTRA_CA_CERTS=');
    expect([distrusting.code, distrusting.stderr]).toEqual([
      7,
      expect.stringContaining('unable to verify the first certificate') as string,
    ]);
    expect((await from('jobs', 5000)).code).toBe(7);
  });

  test('takes 1 GiB by a signed address through the edge, which holds nothing of it, and shows nothing else of the store', async () => {
    const env = (variable: string): string =>
      new RegExp(`^${variable}=(.*)$`, 'm').exec(site.read('secrets/web.env'))?.[1]?.replaceAll("'", '') ?? '';
    const ca = site.read('secrets/tls/ca.crt');
    const told = (await site.compose('exec', '-T', 'web-blue', 'printenv', 'S3_PUBLIC_ENDPOINT', 'S3_ACCESS_KEY', 'S3_REGION'))
      .trim()
      .split('\n');
    expect(told[0]).toBe(`https://${filesHost}:${https}`);
    const client = new Client({
      endPoint: filesHost,
      port: https,
      useSSL: true,
      accessKey: told[1] ?? '',
      secretKey: env('S3_SECRET_KEY'),
      region: told[2] ?? '',
    });
    const peak = async () => {
      const places = '/sys/fs/cgroup/memory.peak /sys/fs/cgroup/memory/memory.max_usage_in_bytes';
      return Number(
        await site.compose('exec', '-T', 'edge', 'sh', '-c', `for file in ${places}; do if [ -e $file ]; then cat $file; fi; done`),
      );
    };
    const before = await peak();
    const put = new URL(await client.presignedPutObject('notes', 'large.bin', 600));
    const sent = await send('PUT', put, ca, 1024);
    expect(sent).toMatchObject({ status: 200, etag: sent.md5 });
    const get = new URL(await client.presignedGetObject('notes', 'large.bin', 600));
    // All of it is there, as the store's own sum and the size say, and its end comes back as it was sent.
    expect(await send('GET', get, ca, 0, { range: `bytes=-${2 ** 20}` })).toEqual({
      status: 206,
      bytes: 2 ** 20,
      md5: createHash('md5').update(mebibyte(1023)).digest('hex'),
      etag: sent.md5,
      range: `bytes ${1023 * 2 ** 20}-${2 ** 30 - 1}/${2 ** 30}`,
    });
    expect((await peak()) - before).toBeLessThan(32 * 2 ** 20);
    const of = (path: string) => send('GET', new URL(path, put), ca).then(({ status }) => status);
    expect(await of(`/notes/large.bin${get.search.slice(0, -1)}`)).toBe(403);
    expect([await of('/minio/health/live'), await of('/minio/admin/v3/info'), await of('/'), await of('/other/x')]).toEqual([
      404, 404, 404, 404,
    ]);
    const rules =
      'export MC_HOST_store="http://${MINIO_ROOT_USER}:$(cat /run/secrets/files-root)@files:9000"; mc ilm rule export store/notes';
    const exported = await site.compose('run', '--rm', '--no-deps', '-T', '--entrypoint', '/bin/sh', 'files-buckets', '-c', rules);
    expect(exported).toMatch(/berth-1.*tmp\/.*berth-2.*90/s);
  });

  test('migrates with the image of the new slot before that starts, and leaves the live one alone', async () => {
    await run(['docker', 'tag', 'berth/hello:0.1.0', 'berth/hello:0.1.1']);
    site.edit('release.yaml', (text) =>
      text.replace(/ {4}blue:\n(?: {6}.*\n)+/, (blue) => `${blue}    green: { image: "berth/hello:0.1.1", weight: 0 }\n`),
    );
    const refused = await operator.attempt(['berth', 'generate'], site.folder);
    expect(refused.code).toBe(3);
    expect(refused.stderr).toContain('which of the two images brings the schema up to date?');
    site.edit('release.yaml', (text) => text.replace('    green:', '    migrations: green\n    green:'));
    await site.berth('generate');
    const live = await idsOf('web-blue', 'jobs', 'edge', 'database');
    expect(await site.up()).toMatchObject({ code: 0 });
    expect(await idsOf('web-blue', 'jobs', 'edge', 'database')).toEqual(live);
    expect((await said('migrate')).slice(-2)).toEqual(['0.1.0', '0.1.1']);
    const green = JSON.parse(await run(['docker', 'inspect', `${name}-web-green-1`, `${name}-web-migrate-green-1`])) as readonly {
      State: { StartedAt: string; FinishedAt: string };
    }[];
    expect(Date.parse(green[1]?.State.FinishedAt ?? '')).toBeLessThanOrEqual(Date.parse(green[0]?.State.StartedAt ?? ''));
  });

  test('changes what follows with the slot that takes most of the traffic', async () => {
    site.edit('release.yaml', (text) =>
      text
        .replace('weight: 100', 'weight: 0')
        .replace('weight: 0 }', 'weight: 100 }')
        .replace('weight: 100        #', 'weight: 0          #'),
    );
    await site.berth('generate');
    expect(await site.up()).toMatchObject({ code: 0 });
    expect((await said('jobs')).at(-1)).toBe('0.1.1');
    expect((await said('migrate')).at(-1)).toBe('0.1.1');
  });

  test('does not start a slot whose migrations fail, and goes on with the live one', async () => {
    await run(['docker', 'tag', 'berth/hello:0.1.0', 'berth/hello:0.1.2']);
    const live = await idsOf('web-green', 'edge');
    site.edit('release.yaml', (text) =>
      text.replace('migrations: green', 'migrations: blue').replace('berth/hello:0.1.0', 'berth/hello:0.1.2'),
    );
    // Its command becomes one that ends with 1.
    site.edit('berth.yaml', (text) => text.replace(/(migrate:\n {6}entrypoint:\n {8}- )node/, '$1/bin/false'));
    await site.berth('generate');
    const failed = await site.up();
    expect(failed.code).not.toBe(0);
    expect(failed.stderr).toContain('web-migrate-blue');
    expect(await idsOf('web-green', 'edge')).toEqual(live);
    expect((await visitor.until('/livez', ({ status }) => status === 200)).status).toBe(200);
  });
});
