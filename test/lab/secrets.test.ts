import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { company } from '../generator/io/issued-certificates.ts';
import { rotateUnderLoad } from './gentle-rotation.ts';
import { LabSite, Operator } from './installed.ts';
import { Visitor, type Answer } from './visitor.ts';

const [http, https] = [38_081, 38_444];
const isHealthy = ({ status, body }: Answer): boolean => status === 200 && (JSON.parse(body) as { status: string }).status === 'healthy';
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
  interface Login {
    readonly user: string;
    readonly password: string;
  }
  /** As the files have it for the application from now on. */
  const current = (): Login => {
    const [, user = '', password = ''] = /DATABASE_URL=postgres:\/\/([^:]+):([^@]+)@/.exec(site.read('secrets/web.env')) ?? [];
    return { user, password };
  };
  /** A connection of its own, over the network as the application comes. */
  const ask = ({ user, password }: Login, sql: string) => {
    const client = `docker compose exec -T -e PGPASSWORD=${password} database psql -h database -U ${user} -d ${name} -v ON_ERROR_STOP=1 -qtA`;
    return operator.attempt(client.split(' '), site.folder, sql);
  };
  const isLetIn = async (login: Login): Promise<boolean> => {
    const { code, stderr } = await ask(login, 'SELECT 1;');
    if (code !== 0) expect(stderr).toMatch(/password authentication failed|is not permitted to log in/);
    return code === 0;
  };
  const up = async () => {
    const { code, stderr } = await site.up();
    expect(code, stderr.slice(-2000)).toBe(0);
  };

  beforeAll(async () => {
    operator = await Operator.create();
    site = await LabSite.create(operator, name);
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
    // What a company set for the account holds for whoever stands for it.
    const admin = { user: 'postgres', password: site.read('secrets/database-admin') };
    const set = `ALTER ROLE ${name} SET search_path = "$user", public; ALTER ROLE ${name} IN DATABASE ${name} SET lock_timeout = '7s';`;
    expect(await ask(admin, set)).toMatchObject({ code: 0 });
    const { old, drawn } = await rotateUnderLoad({ site, visitor, current, isLetIn });
    expect(drawn.user).not.toBe(old.user);
    expect(drawn.password).not.toBe(old.password);
    await visitor.until('/api/health', isHealthy);
  });

  test('whoever logs in after a rotation is the same account: what it makes has the same owner, and settings of the account hold', async () => {
    const login = current();
    expect(login.user).not.toBe(name);
    const made = await ask(
      login,
      `CREATE SCHEMA drawn; CREATE TABLE drawn.one (); DISCARD ALL; CREATE TABLE drawn.two (); ALTER TABLE notes ADD COLUMN drawn text;
       SELECT string_agg(DISTINCT tableowner, ',') FROM pg_tables WHERE schemaname IN ('drawn', 'public');
       SELECT nspowner::regrole FROM pg_namespace WHERE nspname = 'drawn';
       SELECT current_user, session_user, current_setting('search_path'), current_setting('lock_timeout');
       SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls FROM pg_roles WHERE rolname = session_user;
       DROP SCHEMA drawn CASCADE; ALTER TABLE notes DROP COLUMN drawn;`,
    );
    expect(made.stderr.replaceAll(/^NOTICE.*|^drop cascades.*|^DETAIL.*/gm, '').trim()).toBe('');
    expect(made.stdout.trim().split('\n')).toEqual([name, name, `${name}|${login.user}|"$user", public|7s`, 'f']);
  });

  test('a password that is drawn again comes into force at once on the short way, for the first account', async () => {
    const old = current();
    const said = JSON.parse(await site.berth('secrets', 'rotate', 'database-app', '--json')) as { short: readonly string[] };
    const drawn = current();
    expect(drawn.user).toBe(name);
    for (const command of said.short) await operator.run(['sh', '-c', command], site.folder);
    expect([await isLetIn(old), await isLetIn(drawn)]).toEqual([false, true]);
    await visitor.until('/api/health', isHealthy);
    expect((await visitor.ask({ path: '/api/visits' })).status).toBe(200);
  });

  test('a rotated password of the cache and of the store takes effect with one `up`', async () => {
    await site.berth('secrets', 'rotate', 'cache-app');
    await site.berth('secrets', 'rotate', 'files-app');
    await site.berth('secrets', 'rotate', 'files-root');
    await up();
    await visitor.until('/api/health', isHealthy);
    const variable = (await site.compose('exec', '-T', 'web-blue', 'printenv', 'REDIS_URL')).trim();
    expect(site.read('secrets/web.env')).toContain(`REDIS_URL=${variable}\n`);
  });
});
