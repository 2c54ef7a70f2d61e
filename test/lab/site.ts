import { execFileSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { expectCacheSettings, expectPostgresSettings } from './engine-settings.ts';
import { ensureSecondCompose } from './engine.ts';
import {
  announced,
  changed,
  expectAccepted,
  expectDown,
  expectEdge,
  expectEdgeAlone,
  expectHardened,
  expectHidden,
  expectKept,
  expectRuntime,
  expectSwitch,
  healthy,
  inspectAll,
  isHealthy,
  writeNote,
} from './house.ts';
import type { House, PlanJson } from './house.ts';
import { isFromLab } from './images.ts';
import { LabSite, Operator } from './installed.ts';
import { run } from './process.ts';
import { until } from './until.ts';
import { Visitor } from './visitor.ts';

/** What stands behind the rows that use the store. An image of that name that the lab did not build is the real one. */
const store = (await isFromLab('minio')) ? 'MinIO: stand-in' : 'MinIO';

/** Brings a site of the sample up, and asks it for all that holds for one. Each profile is a file of its own, so that both may run at the same time. */
export const proveSite = ({ profile, http, https }: { readonly profile: string; readonly http: number; readonly https: number }): void => {
  describe(`a site of profile ${profile}, made and run by a user who is not root`, () => {
    const replica = profile === 'recommended' ? ['database-replica'] : [];
    let operator: Operator;
    let site: LabSite;
    let visitor: Visitor;
    let plan: PlanJson;
    let house: House;
    let firstUp: { code: number; stdout: string; stderr: string };
    const initOutput: string[] = [];

    const appPassword = () => /REDIS_URL=redis:\/\/app:([^@]+)@/.exec(site.read('secrets/web.env'))?.[1] ?? '';
    const cacheAs = (user: string, password: string, ...command: readonly string[]) =>
      site.compose('exec', '-T', '-e', `REDISCLI_AUTH=${password}`, 'cache', 'valkey-cli', '--user', user, ...command);
    beforeAll(async () => {
      operator = await Operator.create();
      site = await LabSite.create(operator, profile);
      initOutput.push(
        await operator.run(
          [
            'berth',
            'init',
            profile,
            '--profile',
            profile,
            ...[`edge.http=${http}`, `edge.https=${https}`, 'caches.cache.topology=single'].flatMap((one) => ['--set', one]),
          ],
          operator.home,
        ),
      );
      initOutput.push(await site.berth('plan', '--json'));
      plan = JSON.parse(initOutput[1] ?? '') as PlanJson;
      firstUp = await site.up();
      visitor = new Visitor(site.read('secrets/tls/ca.crt'), https);
      house = { name: profile, site, visitor, plan, app: 'web' };
    });
    afterAll(async () => {
      visitor?.close();
      await site?.remove();
      operator?.[Symbol.dispose]();
    });

    test(`comes up healthy from an empty folder with \`docker compose up -d --wait\` (${store})`, () => {
      expect(firstUp, firstUp.stderr.slice(-2000)).toMatchObject({ code: 0 });
    });

    test('is accepted by both versions of Compose', async () => {
      await expectAccepted(house);
    });

    test('keeps every container under the second Compose, but for those that the two versions name differently', async () => {
      const second = await ensureSecondCompose();
      const up = () => operator.attempt([second, 'up', '-d', '--wait'], site.folder);
      const before = await site.ids();
      expect(await up()).toMatchObject({ code: 0 });
      const taken = await site.ids();
      // 2.26 counts `depends_on` and `profiles` among what makes a container, 2.40 does not: the first `up` of the other one makes these services anew.
      const { services } = parse(site.read('compose.yaml')) as {
        services: Readonly<Record<string, { readonly depends_on?: object; readonly profiles?: readonly string[] }>>;
      };
      const named = Object.entries(services)
        .filter(
          ([name, service]) =>
            (service.depends_on ?? service.profiles) &&
            Object.keys(before).some((container) => container.startsWith(`${profile}-${name}-`)),
        )
        .map(([name]) => name);
      expect(changed(house, before, taken)).toEqual(named.sort());
      expect(named.sort()).toEqual([...replica, 'edge', 'web-blue']);
      expect(await up()).toMatchObject({ code: 0 });
      expect(await site.ids()).toEqual(taken);
      // Back, as everything below is done with the engine's own Compose.
      expect(await site.up()).toMatchObject({ code: 0 });
      expect(changed(house, taken, await site.ids())).toEqual(named.sort());
      await healthy(house);
    });

    test(`answers through the edge with a certificate of its own authority, every check healthy (${store})`, async () => {
      const answer = await healthy(house);
      expect(JSON.parse(answer.body)).toMatchObject({
        status: 'healthy',
        version: '0.1.0',
        slot: 'blue',
        checks: { database: { status: 'healthy' }, redis: { status: 'healthy' }, storage: { status: 'healthy' } },
      });
      await expect(
        new Visitor(execFileSync('cat', ['/etc/ssl/certs/ca-certificates.crt'], { encoding: 'utf8' }), https).ask({ path: '/' }),
      ).rejects.toThrow(/certificate/);
      expect((await visitor.ask({ path: '/' })).body).toContain('<html');
    });

    test('sends plain http on to https', async () => {
      const head = await run([
        'curl',
        '-sS',
        '-o',
        '/dev/null',
        '-w',
        '%{http_code} %{redirect_url}',
        `http://localhost:${http}/notes?x=1`,
      ]);
      expect(head).toBe(`308 https://localhost${https === 443 ? '' : `:${https}`}/notes?x=1`);
    });

    test('runs PostgreSQL with exactly the settings of the plan', async () => {
      await expectPostgresSettings(site, plan.databases[0]?.settings ?? []);
    });

    test('runs Valkey with exactly the settings of the plan', async () => {
      await expectCacheSettings(site, 'cache', 'valkey-cli', plan.caches[0] ?? { settings: [] });
      expect(await cacheAs('lab', 'any', 'CONFIG', 'GET', 'port').catch(String)).toMatch(/WRONGPASS|NOAUTH|NOPERM/);
      await healthy(house);
    });

    test('lets nobody into the cache without a password, and the application not near its administration', async () => {
      expect(await site.compose('exec', '-T', 'cache', 'valkey-cli', 'GET', 'x')).toContain('NOPERM');
      expect(await cacheAs('app', appPassword(), 'CONFIG', 'GET', '*')).toContain('NOPERM');
    });

    test('runs nginx with the workers, connections and file descriptors of the plan', async () => {
      await expectEdge(house);
    });

    test('runs Node with the heap of the plan', async () => {
      await expectRuntime(house);
    });

    test('hardens every container', async () => {
      expect(plan.services.filter(({ shm }) => shm !== undefined).map(({ name }) => name)).toEqual(['database', ...replica]);
      await expectHardened(house);
    });

    test('heeds a wish for a slot from this host only', async () => {
      // Nothing runs in green, so a wish for it that is heeded ends on the maintenance page.
      expect((await visitor.ask({ path: '/livez', headers: { 'x-berth-slot': 'green' } })).status).toBe(503);
      const ask = `require('https').get({ host: 'edge', port: 8443, servername: 'localhost', rejectUnauthorized: false, path: '/livez', headers: { host: 'localhost', 'x-berth-slot': 'green' } }, (a) => { console.log(a.statusCode); process.exit(0); })`;
      expect((await site.compose('exec', '-T', 'web-blue', 'node', '-e', ask)).trim()).toBe('200');
    });

    test('keeps the data network closed to the outside', async () => {
      const networks = JSON.parse(await run(['docker', 'network', 'inspect', `${profile}_data`, `${profile}_app`, `${profile}_edge`])) as {
        Name: string;
        Internal: boolean;
      }[];
      expect(Object.fromEntries(networks.map(({ Name, Internal }) => [Name, Internal]))).toEqual({
        [`${profile}_data`]: true,
        [`${profile}_app`]: true,
        [`${profile}_edge`]: false,
      });
      const members = (await inspectAll(house)).map(({ Name, NetworkSettings }) => [
        Name,
        Object.keys(NetworkSettings.Networks)
          .map((name) => name.replace(`${profile}_`, ''))
          .sort()
          .join(' '),
      ]);
      expect(Object.fromEntries(members)).toMatchObject({
        [`/${profile}-edge-1`]: 'app edge',
        [`/${profile}-web-blue-1`]: 'app data',
        [`/${profile}-database-1`]: 'data',
        [`/${profile}-cache-1`]: 'data',
        [`/${profile}-files-1`]: 'data',
      });
    });

    test('gives the application an account that owns its database and nothing else', async () => {
      const asApp = (sql: string) =>
        site.operator.attempt(
          [
            'docker',
            'compose',
            'exec',
            '-T',
            '-e',
            `URL=${/DATABASE_URL=(.*)/.exec(site.read('secrets/web.env'))?.[1]?.replace('@database:', '@127.0.0.1:') ?? ''}`,
            'database',
            'sh',
            '-c',
            `psql "$URL" -Atc "${sql}"`,
          ],
          site.folder,
        );
      expect(
        (
          await asApp(
            'SELECT rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls FROM pg_roles WHERE rolname = current_user',
          )
        ).stdout.trim(),
      ).toBe('f');
      expect((await asApp('CREATE TABLE berth_lab (x int); DROP TABLE berth_lab')).code).toBe(0);
      expect((await asApp('SELECT * FROM pg_authid')).stderr).toContain('permission denied');
      expect((await asApp('CREATE DATABASE other')).stderr).toContain('permission denied');
    });

    test(`gives the application an account that enters its own bucket and no other (${store})`, async () => {
      const mc = (script: string) =>
        site.operator.attempt(
          ['docker', 'compose', 'run', '--rm', '--no-deps', '-T', '--entrypoint', '/bin/sh', 'files-buckets', '-c', script],
          site.folder,
        );
      const root = 'export MC_HOST_store="http://$MINIO_ROOT_USER:$(cat /run/secrets/files-root)@files:9000"';
      expect((await mc(`${root}; mc mb --ignore-existing store/not-yours`)).code).toBe(0);
      const app = `export MC_HOST_app="http://${profile}-app:$(cat /run/secrets/files-app)@files:9000"`;
      expect((await mc(`${app}; mc ls app/notes`)).code).toBe(0);
      expect((await mc(`${app}; mc ls app/not-yours`)).code).not.toBe(0);
      expect((await mc(`${app}; mc admin user info app ${profile}-app`)).code).not.toBe(0);
    });

    test.each([
      { service: 'cache', title: 'cache', check: 'redis', status: 'degraded' },
      { service: 'files', title: `files (${store})`, check: 'storage', status: 'degraded' },
      { service: 'database', title: 'database', check: 'database', status: 'unhealthy' },
    ])('says $status while $title is down, and recovers', async ({ service, check, status }) => {
      await expectDown(house, service, check, status);
    });

    test('restarts an engine whose process died', async () => {
      const [database] = (await inspectAll(house)).filter(({ Name }) => Name.endsWith('-database-1'));
      const pid = await run(['docker', 'inspect', '--format', '{{.State.Pid}}', database?.Id ?? '']);
      await run(['kill', '-9', pid]);
      const restarts = async () => Number(await run(['docker', 'inspect', '--format', '{{.RestartCount}}', database?.Id ?? '']));
      await until(async () => (await restarts()) > 0, 'it is started anew');
      await healthy(house);
    });

    test('keeps every container on a second `up`', async () => {
      const before = await site.ids();
      expect(await site.up()).toMatchObject({ code: 0 });
      expect(await site.ids()).toEqual(before);
    });

    test('writes nothing on a second `generate`', async () => {
      expect(await site.berth('generate')).toContain('Nothing to write');
      expect(await site.berth('generate', '--check')).toContain('is what its spec says');
    });

    test('recreates exactly the service whose mounted file was edited', async () => {
      const before = await site.ids();
      site.edit('config/cache/valkey.conf', (text) => text.replace('timeout "0"', 'timeout "300"'));
      const said = await site.berth('generate');
      expect(said).toContain('recreates cache: config/cache/valkey.conf');
      expect(said.match(/recreates/g)).toHaveLength(1);
      expect(await site.up()).toMatchObject({ code: 0 });
      expect(changed(house, before, await site.ids())).toEqual(['cache']);
      await healthy(house);
    });

    test('hands plain variables over byte for byte, and recreates only the application for them', async () => {
      const odd = {
        A: `$HOME $$ \${X} " ' \` # : \\ % {{x}} {`,
        B: '  leading and trailing  ',
        C: 'two\nlines\ttab\r',
        D: 'grüße 日本 🚢 \u0085\u2028',
        E: 'x'.repeat(5000),
        F: '{{',
        G: '',
        H: 'key: value # no comment',
        I: '"quoted"',
        J: "'single'",
      };
      const before = await site.ids();
      site.edit('berth.yaml', (text) => text.replace('    runtime: node', () => `    env: ${JSON.stringify(odd)}\n    runtime: node`));
      const said = await site.berth('generate', '--json');
      expect(announced(said)).toEqual(['web-blue']);
      expect(await site.up()).toMatchObject({ code: 0 });
      expect(changed(house, before, await site.ids())).toEqual(['web-blue']);
      const seen = JSON.parse(
        await site.compose(
          'exec',
          '-T',
          'web-blue',
          'node',
          '-e',
          "const e=require('fs').readFileSync('/proc/1/environ','utf8').split('\\0');console.log(JSON.stringify(Object.fromEntries(e.filter(Boolean).map(x=>[x.slice(0,x.indexOf('=')),x.slice(x.indexOf('=')+1)]))))",
        ),
      ) as Record<string, string>;
      expect(Object.fromEntries(Object.keys(odd).map((name) => [name, seen[name]]))).toEqual(odd);
    });

    test('switches slots under load without a failed request, without recreating the edge', async () => {
      await expectSwitch(house, 'berth/hello', ['0.1.0', '0.2.0']);
    });

    test('keeps the live slot through an edge restart and a second generate', async () => {
      await site.compose('restart', 'edge');
      await site.berth('generate');
      expect(await site.up()).toMatchObject({ code: 0 });
      expect(JSON.parse((await visitor.until('/api/health', isHealthy)).body)).toMatchObject({ slot: 'green' });
    });

    test('shows the maintenance page while no slot is live, and `up` still ends well', async () => {
      const kept = site.read('release.yaml');
      site.edit('release.yaml', () => 'apiVersion: berth/v1\nservices: { web: {} }\n');
      await site.berth('generate');
      expect(await site.up()).toMatchObject({ code: 0 });
      const page = await visitor.until('/', (answer) => answer.status === 503);
      expect(page.headers['retry-after']).toBeDefined();
      expect((await visitor.ask({ path: '/', headers: { accept: 'text/html' } })).body).toContain('<html');
      site.edit('release.yaml', () => kept);
      await site.berth('generate');
      expect(await site.up()).toMatchObject({ code: 0 });
      await healthy(house);
    });

    test("keeps the data through `--profile '*' down` and `up`", async () => {
      await expectKept(house);
    });

    test(`is backed up and restored by the commands of SITE.md, into files that only their owner reads (${store})`, async () => {
      const [backup = '', restore = ''] = [
        ...(site
          .read('SITE.md')
          .split('## Backup and restore')[1]
          ?.split('## Upgrade')[0]
          ?.matchAll(/```sh\n([\s\S]*?)```/g) ?? []),
      ].map(([, block]) => block ?? '');
      expect(backup).toContain('pg_dump');
      await writeNote(house, 'in the backup');
      await visitor.until('/api/notes', (answer) => answer.body.includes('in the backup'));
      const around = new Set(readdirSync(operator.home));
      await site.operator.run(['sh', '-ec', backup], site.folder);
      const written = readdirSync(operator.home).filter((name) => !around.has(name) && !name.startsWith('.'));
      expect(written.length).toBeGreaterThanOrEqual(3);
      expect(Object.fromEntries(written.map((name) => [name, (statSync(join(operator.home, name)).mode & 0o777).toString(8)]))).toEqual(
        Object.fromEntries(written.map((name) => [name, '600'])),
      );
      await healthy(house);
      const kept = (await visitor.json<{ visits: number }>('/api/visits')).visits;
      await writeNote(house, 'written after the backup');
      await visitor.until('/api/notes', (answer) => answer.body.includes('written after the backup'));
      await site.operator.run(['sh', '-ec', restore], site.folder);
      await healthy(house);
      expect((await visitor.json<{ visits: number }>('/api/visits')).visits).toBe(kept);
      const notes = (await visitor.ask({ path: '/api/notes' })).body;
      expect(notes).toContain('in the backup');
      expect(notes).not.toContain('written after the backup');
    });

    test('recreates the edge, and nothing else, for a setting of the edge', async () => {
      await expectEdgeAlone(house);
    });

    test('turns a cache into a store of sessions, and recreates exactly what it announced', async () => {
      const before = await site.ids();
      site.edit('berth.yaml', (text) => text.replace('use: cache', 'use: sessions'));
      const expected = announced(await site.berth('generate', '--json'));
      expect(expected).toContain('cache');
      expect(await site.up()).toMatchObject({ code: 0 });
      expect(changed(house, before, await site.ids())).toEqual(expected);
      expect(await cacheAs('app', appPassword(), 'INFO', 'persistence')).toMatch(/^aof_enabled:1\r?$/m);
      const [cache] = (await inspectAll(house)).filter(({ Name }) => Name.endsWith('-cache-1'));
      expect(cache?.Mounts.filter(({ Type }) => Type === 'volume')).toMatchObject([
        { Name: `${profile}_cache-data`, Destination: '/data', RW: true },
      ]);
      await healthy(house);
    });

    test('shows a drawn secret nowhere but in declared env deliveries', async () => {
      site.edit('berth.yaml', (text) => text.replace('profile:', '# one more comment\nprofile:'));
      const written = await site.berth('generate');
      const spoken = { init: [...initOutput, written, firstUp.stdout, firstUp.stderr].join(''), refused: await speakOfEdits() };
      await expectHidden(house, spoken, { web: ['DATABASE_URL', 'DATABASE_READ_URL', 'REDIS_URL', 'S3_SECRET_KEY'] });
    });

    /** What `generate` says of files that were edited by hand, some of them secret; afterwards everything is as it was. */
    async function speakOfEdits(): Promise<string> {
      const edits: Readonly<Record<string, (text: string) => string>> = {
        'compose.yaml': (text) => text.replace('services:\n', 'services:\n  # by hand\n'),
        'runtime.yaml': (text) => `${text}# by hand\n`,
        'secrets/web.env': (text) => `${text}BY_HAND=1\n`,
        'secrets/cache-acl': (text) => text.replace('user app on', 'user app off'),
        'secrets/files-app': (text) => `${text}x`,
        // The same line by hand and by the spec, so that a merge cannot decide.
        'config/edge/nginx.conf': (text) => text.replace(/limit_conn per_address \d+;/, 'limit_conn per_address 99;'),
      };
      const spec = (text: string) => text.replace(/^edge:\n(?: {2}connections: \d+\n)?/m, 'edge:\n  connections: 160\n');
      const kept = new Map([...Object.keys(edits), 'berth.yaml'].map((path) => [path, site.read(path)]));
      const said: string[] = [];
      try {
        for (const [path, change] of Object.entries({ ...edits, 'berth.yaml': spec })) site.edit(path, change);
        for (const args of [['generate'], ['generate', '--json'], ['generate', '--check'], ['generate', '--check', '--json']]) {
          const { code, stdout, stderr } = await operator.attempt(['berth', ...args], site.folder);
          expect({ args, code }).toEqual({ args, code: 5 });
          said.push(stdout, stderr);
          expect(
            Object.keys(edits).filter((path) => !(stdout + stderr).includes(path)),
            args.join(' '),
          ).toEqual([]);
        }
        expect(said.join('')).toContain('limit_conn per_address 99;');
      } finally {
        for (const [path, text] of kept) if (site.read(path) !== text) site.edit(path, () => text);
      }
      expect(await site.berth('generate', '--check')).toContain('is what its spec says');
      return said.join('');
    }

    test('has a compose.yaml that names every image by a version and pulls nothing that images does not list', async () => {
      const listed = (JSON.parse(await site.berth('images', '--json')) as { reference: string }[]).map(({ reference }) => reference);
      const used = (await site.compose('--profile', '*', 'config', '--images')).trim().split('\n');
      expect([...new Set(used)].filter((reference) => !listed.includes(reference))).toEqual([]);
      expect(Object.keys((parse(site.read('compose.yaml')) as { services: object }).services).length).toBeGreaterThan(6);
    });
  });
};
