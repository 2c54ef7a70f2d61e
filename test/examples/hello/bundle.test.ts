import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { builtinModules } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildHello, OPTIONAL } from '../../../examples/hello/build.ts';

let folder: string;
let bundle: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hello-')); // far from any node_modules
  bundle = join(folder, 'server.mjs');
  await buildHello(bundle);
});
afterAll(() => rm(folder, { recursive: true }));

const nowhere = {
  PORT: '0',
  DATABASE_URL: 'postgres://hello:s3cr3t@127.0.0.1:1/hello',
  DATABASE_POOL_SIZE: '2',
  REDIS_URL: 'redis://hello:s3cr3t@127.0.0.1:1/0',
  S3_ENDPOINT: 'http://127.0.0.1:1',
  S3_REGION: 'site-1',
  S3_ACCESS_KEY: 'AK',
  S3_SECRET_KEY: 's3cr3t',
  S3_BUCKET: 'hello',
  APP_VERSION: '1.4.0',
  BERTH_SLOT: 'blue',
  BERTH_DOMAIN: 'hello.example.org',
};

const start = (env: Record<string, string>): ChildProcess =>
  spawn(process.execPath, [bundle], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });

test('the bundle needs nothing but Node', async () => {
  const source = await readFile(bundle, 'utf8');
  const foreign = (pattern: RegExp): string[] =>
    [...source.matchAll(pattern)].map((match) => match[1] ?? '').filter((name) => !builtinModules.includes(name.replace(/^node:/, '')));
  expect(foreign(/^import .*? from ["']([^"']+)["'];$/gm)).toEqual([]);
  expect(foreign(/__require\("([^"]+)"\)/g).sort()).toEqual(OPTIONAL);
});

test('a missing variable is named, and the process ends with 78 and no stack', async () => {
  const { REDIS_URL: _, ...rest } = nowhere;
  const child = start(rest);
  const [complaint, output, [code]] = await Promise.all([text(child.stderr!), text(child.stdout!), once(child, 'exit')]);
  expect([complaint, output, code]).toEqual(['hello: cannot start: REDIS_URL is missing\n', '', 78]);
});

test('without any of its dependencies it starts, serves, reports without secrets and stops on SIGTERM', async () => {
  const child = start(nowhere);
  let output = '';
  child.stdout!.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
  const complaint = text(child.stderr!);
  await expect.poll(() => output, { timeout: 10_000 }).toMatch(/"event":"listening".*"port":\d+/);
  const url = `http://127.0.0.1:${/"port":(\d+)/.exec(output)?.[1]}`;

  expect((await fetch(`${url}/livez`)).status).toBe(200);
  expect((await fetch(`${url}/readyz`)).status).toBe(503);
  const health = await fetch(`${url}/api/health`);
  expect(health.status).toBe(503);
  expect(await health.json()).toMatchObject({
    status: 'unhealthy',
    checks: { database: { error: 'ECONNREFUSED' }, redis: { error: 'ECONNREFUSED' }, storage: { error: 'ECONNREFUSED' } },
  });
  expect((await fetch(url)).status).toBe(200);

  child.kill('SIGTERM');
  const [code] = (await once(child, 'exit')) as [number | null];
  expect(code).toBe(0);
  expect(await complaint).toBe('');
  expect(output).toContain('"event":"stopped"');
  expect(output).not.toContain('s3cr3t');
  for (const line of output.trim().split('\n')) expect(() => JSON.parse(line)).not.toThrow();
}, 20_000);
