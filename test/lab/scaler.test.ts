import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { drawAuthority, drawLeaf } from '../../generator/io/draw-certificates.ts';
import { Secret } from '../../model/secret.ts';
import { service } from '../generator/plan/plans.ts';
import { byTheClock, helloPlan } from '../generator/render/hello.ts';
import { IMAGES } from './images.ts';
import { removeNetwork } from './leftovers.ts';
import { attempt, run } from './process.ts';
import { until } from './until.ts';

const network = 'berth-lab-scaler';
const server = 'berth-lab-scaler-api';
/** Answers as the API server would: it writes down what it was asked, and refuses a test that fails. */
const apiServer = `
let fewest = { 'web-blue': 1, 'web-green': 4 };
require('https').createServer({ cert: process.env.CERT, key: process.env.KEY }, (request, response) => {
  let body = '';
  request.on('data', (chunk) => (body += chunk)).on('end', () => {
    const name = request.url.split('/').at(-1);
    const sent = JSON.parse(body);
    const refused = Array.isArray(sent) && sent[0].value !== fewest[name];
    const denied = request.headers.authorization !== 'Bearer the-token';
    if (!refused && !denied) fewest[name] = Array.isArray(sent) ? sent[1].value : sent.spec.minReplicas;
    console.log(JSON.stringify({ method: request.method, url: request.url, type: request.headers['content-type'], fewest, denied }));
    response.writeHead(denied ? 403 : refused ? 422 : 200).end(denied ? 'forbidden' : '{}');
  });
}).listen(443, () => console.error('listens'));`;

describe('the jobs that change replicas by the clock (API server: stand-in)', () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-lab-scaler-'));
  const account = join(folder, 'account');
  const plan = helloPlan({ target: 'kubernetes', set: byTheClock });

  /** The container as its pod describes it: its own user, a read-only root, its token mounted. */
  const start = (name: string) => {
    const { entrypoint = [], user, tmpfs } = service(plan, name);
    const [program = '', ...args] = entrypoint;
    const memory = tmpfs.flatMap(({ path, mode }) => ['--tmpfs', `${path}:mode=${mode}`]);
    const shared = ['--network', network, '--volume', `${account}:/var/run/secrets/kubernetes.io/serviceaccount:ro`];
    const hardened = ['--user', user, '--read-only', '--cap-drop', 'ALL', ...memory];
    return attempt(['docker', 'run', '--rm', ...shared, ...hardened, '--entrypoint', program, IMAGES.nginx.reference, ...args]);
  };
  /** What was asked so far, once it is so much: what a container says is in its log a moment later. */
  const asked = (count: number): Promise<readonly { url: string; type: string; fewest: Record<string, number>; denied: boolean }[]> =>
    until(async () => {
      const lines = (await run(['docker', 'logs', server])).split('\n').filter((line) => line !== '');
      return lines.length >= count && lines.map((line) => JSON.parse(line) as Awaited<ReturnType<typeof asked>>[number]);
    }, `${count} requests`);

  beforeAll(async () => {
    const now = new Date();
    const draw = { now, notAfter: new Date(now.getTime() + 86_400_000), random: randomBytes, version: 1 };
    const authority = await drawAuthority({ ...draw, site: 'lab' });
    const leaf = await drawLeaf({
      ...draw,
      names: ['kubernetes.default.svc'],
      authority: { ...authority, key: new Secret(authority.key) },
    });
    mkdirSync(account);
    writeFileSync(join(account, 'ca.crt'), authority.certificate);
    writeFileSync(join(account, 'token'), 'the-token');
    for (const path of [folder, account]) chmodSync(path, 0o755);
    await removeNetwork(network);
    await run(['docker', 'network', 'create', network]);
    await run([
      'docker',
      'run',
      '--detach',
      '--name',
      server,
      '--network',
      network,
      '--network-alias',
      'kubernetes.default.svc',
      '--env',
      `CERT=${leaf.certificate}`,
      '--env',
      `KEY=${leaf.key}`,
      '--entrypoint',
      'node',
      IMAGES.node.reference,
      '-e',
      apiServer,
    ]);
    await until(async () => (await attempt(['docker', 'logs', server])).stderr.includes('listens'), 'the API server listens');
  });
  afterAll(async () => {
    await removeNetwork(network);
    rmSync(folder, { recursive: true });
  });

  test('give a new autoscaler its first number, and leave one alone that a schedule has set', async () => {
    expect(await start('web-scale')).toMatchObject({ code: 0, stderr: '' });
    expect((await asked(2)).at(-1)?.fewest).toEqual({ 'web-blue': 2, 'web-green': 4 });
  });

  test('set the number of their time in both slots', async () => {
    expect(await start('web-scale-1')).toMatchObject({ code: 0, stderr: '' });
    const last = (await asked(4)).slice(-2);
    expect(last.map(({ url }) => url)).toEqual(
      ['web-blue', 'web-green'].map((name) => `/apis/autoscaling/v2/namespaces/hello/horizontalpodautoscalers/${name}`),
    );
    expect(last.at(-1)).toMatchObject({ type: 'application/merge-patch+json', fewest: { 'web-blue': 4, 'web-green': 4 } });
  });

  test('fail with what the server said when it refuses them', async () => {
    writeFileSync(join(account, 'token'), 'another');
    const { code, stderr } = await start('web-scale-2');
    expect(code).toBe(1);
    expect(stderr).toContain('forbidden');
  });
});
