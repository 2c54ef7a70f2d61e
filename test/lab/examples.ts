import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { mysql } from '../../model/engines/mysql.ts';
import { askMysql, expectCacheSettings, expectMysqlSettings, expectPostgresSettings } from './engine-settings.ts';
import {
  expectAccepted,
  expectDown,
  expectEdge,
  expectEdgeAlone,
  expectFailedMigration,
  expectHardened,
  expectHidden,
  expectKept,
  expectRuntime,
  expectSwitch,
  healthy,
  isHealthy,
} from './house.ts';
import type { House, PlanJson } from './house.ts';
import { isFromLab } from './images.ts';
import { LabSite, Operator } from './installed.ts';
import { run } from './process.ts';
import { Visitor } from './visitor.ts';

/** What stands for the commands of an application: it says that it ran, and a worker stays. */
const quiet = `entrypoint: [node], command: ["-e", "console.log('done')"]`;
const worker = `entrypoint: [node], command: ["-e", "setInterval(() => {}, 1000)"]`;
const files = `entrypoint: [node], command: ["-e", "require('http').createServer((q, r) => r.end('<html>')).listen(8080)"]`;
const hello = 'berth/hello:lab-examples';

interface Row {
  readonly example: string;
  /** The service that the sample application stands for, and its cache of sessions and store. */
  readonly app: string;
  readonly cache: string;
  readonly files: string;
  readonly supplied: readonly string[];
  /** The sample application in place of the real one, which is not to be had; everything else as the example says. */
  readonly set: readonly string[];
  /** Where its services answer while one visitor stands for many: without the limits of the example. */
  readonly open: Readonly<Record<string, string>>;
  /** At profile recommended as well, with this. */
  readonly recommended?: readonly string[];
}
const examples: readonly Row[] = [
  {
    example: 'restaurant-reservation',
    app: 'web',
    cache: 'cache',
    files: 'files',
    open: { web: '/' },
    supplied: ['web-SMTP_PASSWORD', 'reminders-SMTP_PASSWORD'],
    set: [
      `services.web.image=${hello}`,
      `services.web.migrate={ ${quiet} }`,
      `services.reminders={ kind: worker, follows: web, uses: [database, cache], replicas: 1, healthcheck: [node, --version], secrets: { SMTP_PASSWORD: { supplied: true } }, ${worker} }`,
    ],
  },
  {
    example: 'pms',
    app: 'app',
    cache: 'redis',
    files: 'files',
    supplied: [],
    set: [`services.app.image=${hello}`, `services.app.migrate={ ${quiet} }`, 'services.app.live=/livez', 'services.app.ready=/readyz'],
    open: { app: '/' },
    recommended: ['caches.redis.topology=single'],
  },
  {
    example: 'ai-marketing',
    app: 'api',
    cache: 'sessions',
    files: 'assets',
    supplied: [
      'api-ANTHROPIC_API_KEY',
      'api-GOOGLE_AI_API_KEY',
      'api-META_APP_SECRET',
      'api-RAZORPAY_KEY_SECRET',
      'generator-ANTHROPIC_API_KEY',
      'generator-GOOGLE_AI_API_KEY',
    ],
    set: [
      `services.api.image=${hello}`,
      'services.api.port=3000',
      'services.api.runtime=node',
      `services.api.migrate={ ${quiet} }`,
      'services.api.live=/livez',
      'services.api.ready=/readyz',
      'services.api.env={ S3_BUCKET: documents }',
      `services.studio={ kind: static, image: "${hello}", runtime: node, port: 8080, routes: [{ path: / }], ${files} }`,
      `services.generator={ kind: worker, follows: api, healthcheck: [node, --version], uses: { database: DATABASE_URL, jobs: QUEUE_URL }, secrets: { ANTHROPIC_API_KEY: { supplied: true }, GOOGLE_AI_API_KEY: { supplied: true } }, ${worker} }`,
    ],
    open: { api: '/', studio: '/studio/' },
    recommended: ['caches.sessions.topology=single', 'caches.jobs.topology=single'],
  },
];
const rows = examples.flatMap((row) => [
  { ...row, profile: 'minimum', more: [] as readonly string[] },
  ...(row.recommended ? [{ ...row, profile: 'recommended', more: row.recommended }] : []),
]);
const store = (await isFromLab('minio')) ? 'MinIO: stand-in' : 'MinIO';

/** Brings the examples up at a profile: at `recommended` all holds that does for a site of the sample. */
export const proveExamples = (at: 'minimum' | 'recommended'): void =>
  describe.each(rows.filter(({ profile }) => profile === at))(`the example $example at $profile (${store})`, (row) => {
    const { example, app, cache, files: bucket, supplied, set, open, profile, more } = row;
    // Of each its own: Docker may hold one for a moment longer.
    const number = rows.indexOf(row);
    const [http, https] = [9180 + number, 9543 + number];
    const name = `example-${example.slice(0, 12).replace(/-$/, '')}${more.length > 0 ? '-more' : ''}`;
    let operator: Operator;
    let site: LabSite;
    let visitor: Visitor;
    let up: { code: number; stdout: string; stderr: string };
    let house: House;

    beforeAll(async () => {
      operator = await Operator.create();
      await run(['docker', 'build', '--tag', hello, '--file', 'examples/hello/Dockerfile', 'dist/examples/hello']);
      site = await LabSite.create(operator, name);
      const edits = ['domain=localhost', `edge.http=${http}`, `edge.https=${https}`, ...set, ...more].flatMap((one) => ['--set', one]);
      await operator.run(['berth', 'init', name, '--from', `example:${example}`, '--profile', profile, ...edits], operator.home);
      mkdirSync(join(site.folder, 'secrets/supplied'), { recursive: true });
      for (const secret of supplied) writeFileSync(join(site.folder, 'secrets/supplied', secret), `value of ${secret} $HOME\n`);
      await site.berth('generate');
      up = await site.up();
      visitor = new Visitor(site.read('secrets/tls/ca.crt'), https);
      house = { name, site, visitor, plan: JSON.parse(await site.berth('plan', '--json')) as PlanJson, app };
    });
    afterAll(async () => {
      visitor?.close();
      await site?.remove();
      operator?.[Symbol.dispose]();
    });

    test('comes up with `docker compose up -d --wait`, healthy through the edge', async () => {
      expect(up, up.stderr.slice(-3000)).toMatchObject({ code: 0 });
      const answer = await visitor.until('/api/health', isHealthy);
      expect(JSON.parse(answer.body)).toMatchObject({
        status: 'healthy',
        checks: { database: { status: 'healthy' }, redis: { status: 'healthy' }, storage: { status: 'healthy' } },
      });
    });

    test('hands over what was supplied, byte for byte', async () => {
      for (const secret of supplied) {
        const [service = '', variable = ''] = secret.split(/-(?=[A-Z])/);
        const slotted = house.plan.services.some((one) => one.name === service && one.slotted);
        expect(await site.compose('exec', '-T', slotted ? `${service}-blue` : service, 'node', '-p', `process.env.${variable}`)).toBe(
          `value of ${secret} $HOME\n`,
        );
      }
    });

    test('is what its spec says, and keeps every container that runs at a second `up`', async () => {
      await site.berth('generate', '--check');
      const running = async () => Object.entries(await site.ids()).filter(([container]) => !/accounts|buckets|migrate/.test(container));
      const before = await running();
      expect(await site.up()).toMatchObject({ code: 0 });
      expect(await running()).toEqual(before);
    });

    test('is accepted by both versions of Compose', async () => {
      await expectAccepted(house);
    });

    test('runs its database with exactly the settings of the plan, as nginx and Node run', async () => {
      const settings = house.plan.databases[0]?.settings ?? [];
      if (example === 'ai-marketing') await expectPostgresSettings(site, settings);
      else await expectMysqlSettings((sql) => askMysql(site, mysql.clients.sql, sql), 'mysql', mysql, settings);
      await expectEdge(house);
      await expectRuntime(house);
    });

    test('runs its cache with exactly the settings of the plan', async () => {
      await expectCacheSettings(site, cache, 'redis-cli', house.plan.caches.find(({ service }) => service === cache) ?? { settings: [] });
      await healthy(house);
    });

    test('hardens every container', async () => {
      await expectHardened(house);
    });

    test('shows a drawn secret nowhere but in declared env deliveries', async () => {
      const carried = readdirSync(join(site.folder, 'secrets')).filter((file) => file.endsWith('.env'));
      const variables = (file: string) => [...site.read(`secrets/${file}`).matchAll(/^(\w+)=/gm)].map(([, variable]) => variable ?? '');
      await expectHidden(
        house,
        { up: up.stdout + up.stderr },
        Object.fromEntries(carried.map((file) => [file.replace(/\.env$/, ''), variables(file)])),
      );
    });

    test.each([
      { service: cache, check: 'redis', status: 'degraded' },
      { service: bucket, check: 'storage', status: 'degraded' },
      { service: 'database', check: 'database', status: 'unhealthy' },
    ])('says $status while $service is down, and recovers', async ({ service, check, status }) => {
      await expectDown(house, service, check, status);
    });

    test('recreates the edge, and nothing else, for a setting of the edge', async () => {
      await expectEdgeAlone(house);
    });

    describe('with more visitors than its limits let in', () => {
      beforeAll(async () => {
        site.edit('berth.yaml', (text) => {
          const spec = parse(text) as { services: Record<string, object> };
          const services = Object.entries(open).map(
            ([service, path]) => [service, { ...spec.services[service], routes: [{ path }] }] as const,
          );
          return stringify({ ...spec, services: { ...spec.services, ...Object.fromEntries(services) } });
        });
        await site.berth('generate');
        expect(await site.up()).toMatchObject({ code: 0 });
      });

      test('leaves visitors where they are when the migrations of a new version fail', async () => {
        await expectFailedMigration(house, hello);
      });

      test('switches slots under load without a failed request', async () => {
        const [image = '', tag = ''] = hello.split(':');
        // Another file is at work on this machine: few enough that each request tells of the site alone.
        await expectSwitch(house, image, [tag, `${tag}-next`], { migrates: true, perSecond: 15 });
      });

      test("keeps the data through `--profile '*' down` and `up`", async () => {
        await expectKept(house);
      });
    });
  });
