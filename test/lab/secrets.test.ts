import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { company } from '../generator/io/issued-certificates.ts';
import { LabSite, Operator } from './installed.ts';
import { Visitor } from './visitor.ts';

const [http, https] = [38_081, 38_444];
const name = 'rotated';

/** Connects anew, as a client does that has never been there; tells which certificate it was shown. */
const handshake = (ca: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: https, servername: 'localhost', ca }, () => {
      resolve(new X509Certificate(socket.getPeerCertificate().raw).fingerprint256);
      socket.end();
    });
    socket.on('error', reject);
  });

/** New connections without a pause until told to stop. */
function connecting(ca: () => string): { stop: () => Promise<{ readonly made: number; readonly failed: readonly string[] }> } {
  const failed: string[] = [];
  const stopped = new AbortController();
  let made = 0;
  const one = async () => {
    while (!stopped.signal.aborted) {
      await handshake(ca()).catch((error: unknown) => failed.push(String(error)));
      made += 1;
    }
  };
  const all = Promise.all([one(), one(), one()]);
  return {
    stop: async () => {
      stopped.abort();
      await all;
      return { made, failed };
    },
  };
}

describe('secrets and certificates of a site that runs', () => {
  let operator: Operator;
  let site: LabSite;
  let visitor: Visitor;
  const authority = () => site.read('secrets/tls/ca.crt');
  const password = () => /DATABASE_URL=postgres:\/\/[^:]+:([^@]+)@/.exec(site.read('secrets/web.env'))?.[1] ?? '';
  const login = (secret: string) =>
    operator.attempt(
      [
        'docker',
        'compose',
        'exec',
        '-T',
        '-e',
        `PGPASSWORD=${secret}`,
        'database',
        'psql',
        '-h',
        '127.0.0.1',
        '-U',
        name,
        '-d',
        name,
        '-c',
        'SELECT 1',
      ],
      site.folder,
    );
  const up = async () => {
    const { code, stderr } = await site.up();
    expect(code, stderr.slice(-2000)).toBe(0);
  };

  beforeAll(async () => {
    operator = await Operator.create();
    site = new LabSite(operator, name);
    await operator.run(
      ['berth', 'init', name, '--profile', 'minimum', '--set', `edge.http=${http}`, '--set', `edge.https=${https}`],
      operator.home,
    );
    await up();
    visitor = new Visitor(authority(), https);
    await visitor.until('/api/health', ({ status }) => status === 200);
  });
  afterAll(async () => {
    visitor?.close();
    await site?.remove();
    operator?.[Symbol.dispose]();
  });

  test('a renewed certificate is served at once, and no connection fails', async () => {
    const before = await handshake(authority());
    const load = connecting(authority);
    for (let renewal = 0; renewal < 6; renewal += 1) await site.berth('certs', 'renew');
    await sleep(1000);
    const { made, failed } = await load.stop();
    expect(failed, `${failed.length} of ${made} connections failed`).toEqual([]);
    const after = await handshake(authority());
    expect(after).not.toBe(before);
    expect(after).toBe(new X509Certificate(site.read('secrets/tls/site.crt')).fingerprint256);
    console.info(`${made} new connections during six renewals, none failed`);
  });

  test('an imported certificate is served at once, and given up again', async () => {
    const { root, intermediate, leaf } = await company(new Date());
    const own = await leaf({ names: ['localhost'] });
    for (const [file, text] of Object.entries({ 'own.crt': own.pem + intermediate.pem + root.pem, 'own.key': own.keyPem }))
      writeFileSync(join(operator.home, file), text);
    await site.berth('certs', 'import', '--cert', '../own.crt', '--key', '../own.key');
    expect(await handshake(root.pem)).toBe(new X509Certificate(own.pem).fingerprint256);
    await site.berth('generate');
    expect(await handshake(root.pem)).toBe(new X509Certificate(own.pem).fingerprint256);
    await site.berth('certs', 'renew', '--own');
    expect(await handshake(authority())).not.toBe(new X509Certificate(own.pem).fingerprint256);
  });

  test('a rotated password of the database takes effect on the gentle way without a failed request', async () => {
    const old = password();
    expect((await login(old)).code).toBe(0);
    const said = JSON.parse(await site.berth('secrets', 'rotate', `database-app`, '--json')) as { gentle: readonly string[] };
    expect(password()).not.toBe(old);
    // Nothing that runs has changed yet.
    expect((await login(old)).code).toBe(0);
    const image = /WEB_BLUE_IMAGE="?([^"\n]+)/.exec(site.read('.env'))?.[1] ?? '';
    const release = (blue: string, green: string) =>
      writeFileSync(
        join(site.folder, 'release.yaml'),
        `apiVersion: berth/v1\nservices:\n  web:\n    blue: { image: "${image}", ${blue} }\n${green}`,
      );
    // Each of these requests writes to the database.
    const failed: string[] = [];
    const stopped = new AbortController();
    let [sent, phase] = [0, 'before'];
    const ask = async () => {
      while (!stopped.signal.aborted) {
        sent += 1;
        const answer = await visitor.ask({ path: '/api/visits' }).catch((error: unknown) => ({ status: 0, body: String(error) }));
        if (answer.status !== 200) failed.push(`${phase}: ${answer.status} ${answer.body.slice(0, 120)}`);
        // Below what the edge allows one address.
        await sleep(300);
      }
    };
    const asking = Promise.all([ask(), ask(), ask(), ask()]);
    // The steps as they are printed, with `berth generate` after each edit of release.yaml.
    const shell = (command: string | undefined) => {
      phase = command ?? '';
      return operator.run(['sh', '-c', command ?? 'false'], site.folder);
    };
    release('weight: 100', `    green: { image: "${image}", replicas: 1, weight: 0 }\n`);
    await site.berth('generate');
    await shell(said.gentle[1]);
    expect((await login(old)).code).not.toBe(0);
    expect((await login(password())).code).toBe(0);
    phase = 'weight to green';
    release('weight: 0', `    green: { image: "${image}", replicas: 1, weight: 100 }\n`);
    await site.berth('generate');
    await sleep(5000);
    await shell(said.gentle[3]);
    phase = 'weight to blue';
    release('weight: 100', `    green: { image: "${image}", replicas: 1, weight: 0 }\n`);
    await site.berth('generate');
    await sleep(3000);
    stopped.abort();
    await asking;
    console.info(`${sent} requests during a rotation, ${failed.length} failed`);
    expect(failed).toEqual([]);
    const health = await visitor.json<{ status: string }>('/api/health');
    expect(health.status).toBe('healthy');
    await up();
  });

  test('a rotated password of the cache and of the store takes effect with one `up`', async () => {
    await site.berth('secrets', 'rotate', 'cache-app');
    await site.berth('secrets', 'rotate', 'files-app');
    await site.berth('secrets', 'rotate', 'files-root');
    await up();
    await visitor.until(
      '/api/health',
      ({ status, body }) => status === 200 && (JSON.parse(body) as { status: string }).status === 'healthy',
    );
    const variable = (await site.compose('exec', '-T', 'web-blue', 'printenv', 'REDIS_URL')).trim();
    expect(site.read('secrets/web.env')).toContain(`REDIS_URL=${variable}\n`);
  });
});
