import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
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
  readonly path: string;
  readonly supplied: readonly string[];
  /** The sample application in place of the real one, which is not to be had; everything else as the example says. */
  readonly set: readonly string[];
}
const rows: readonly Row[] = [
  {
    example: 'restaurant-reservation',
    path: '/api/health',
    supplied: ['web-SMTP_PASSWORD', 'reminders-SMTP_PASSWORD'],
    set: [
      `services.web.image=${hello}`,
      `services.web.migrate={ ${quiet} }`,
      `services.reminders={ kind: worker, follows: web, uses: [database, cache], replicas: 1, secrets: { SMTP_PASSWORD: { supplied: true } }, ${worker} }`,
    ],
  },
  {
    example: 'pms',
    path: '/api/health',
    supplied: [],
    set: [`services.app.image=${hello}`, `services.app.migrate={ ${quiet} }`, 'services.app.live=/livez', 'services.app.ready=/readyz'],
  },
  {
    example: 'ai-marketing',
    path: '/api/health',
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
      `services.generator={ kind: worker, follows: api, uses: { database: DATABASE_URL, jobs: QUEUE_URL }, secrets: { ANTHROPIC_API_KEY: { supplied: true }, GOOGLE_AI_API_KEY: { supplied: true } }, ${worker} }`,
    ],
  },
];
/** Of each its own: Docker may hold one for a moment longer. */
const ports: Readonly<Record<string, readonly [number, number]>> = {
  'restaurant-reservation': [9180, 9543],
  'pms': [9181, 9544],
  'ai-marketing': [9182, 9545],
};
const store = (await isFromLab('minio')) ? 'MinIO: stand-in' : 'MinIO';

describe.each(rows)(`the example $example at minimum (${store})`, ({ example, path, supplied, set }) => {
  const [http, https] = ports[example] ?? [9180, 9543];
  const name = `example-${example.slice(0, 12).replace(/-$/, '')}`;
  let operator: Operator;
  let site: LabSite;
  let visitor: Visitor;
  let up: { code: number; stdout: string; stderr: string };

  beforeAll(async () => {
    operator = await Operator.create();
    await run(['docker', 'build', '--tag', hello, '--file', 'examples/hello/Dockerfile', 'dist/examples/hello']);
    site = new LabSite(operator, name);
    const edits = ['domain=localhost', `edge.http=${http}`, `edge.https=${https}`, ...set].flatMap((one) => ['--set', one]);
    await operator.run(['berth', 'init', name, '--from', `example:${example}`, '--profile', 'minimum', ...edits], operator.home);
    mkdirSync(join(site.folder, 'secrets/supplied'), { recursive: true });
    for (const secret of supplied) writeFileSync(join(site.folder, 'secrets/supplied', secret), `value of ${secret} $HOME\n`);
    await site.berth('generate');
    up = await site.up();
    visitor = new Visitor(site.read('secrets/tls/ca.crt'), https);
  });
  afterAll(async () => {
    visitor?.close();
    await site?.remove();
    operator?.[Symbol.dispose]();
  });

  test('comes up with `docker compose up -d --wait`, healthy through the edge', async () => {
    expect(up, up.stderr.slice(-3000)).toMatchObject({ code: 0 });
    const answer = await visitor.until(
      path,
      ({ status, body }) => status === 200 && (JSON.parse(body) as { status: string }).status === 'healthy',
    );
    expect(JSON.parse(answer.body)).toMatchObject({
      status: 'healthy',
      checks: { database: { status: 'healthy' }, redis: { status: 'healthy' }, storage: { status: 'healthy' } },
    });
  });

  test('hands over what was supplied, byte for byte', async () => {
    const { services } = JSON.parse(await site.berth('plan', '--json')) as {
      services: readonly { name: string; slotted: boolean; kind: string }[];
    };
    for (const secret of supplied) {
      const [service = '', variable = ''] = secret.split(/-(?=[A-Z])/);
      const slotted = services.some((one) => one.name === service && one.slotted);
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
});
