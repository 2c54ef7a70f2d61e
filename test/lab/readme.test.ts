import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { attempt, run, step } from './process.ts';

/** The README's promises, kept in a fresh clone, on Node 20, and with nothing else of this process's environment. */
const root = resolve(import.meta.dirname, '../..');
const [write = '', start = '', cluster = '', check = ''] = [
  ...readFileSync(join(root, 'README.md'), 'utf8').matchAll(/^```sh\n(.+)\n```$/gm),
].map((match) => match[1] ?? '');

const minutes = 10;
const work = mkdtempSync(join(tmpdir(), 'berth-readme-'));
const clone = join(work, 'berth');
const { PATH = '', HOME = work } = process.env;

/** The machine's own programs: without what `npm` and `vitest` put in front. */
const machine = PATH.split(delimiter).filter((folder) => !folder.includes('node_modules'));
const bare = { HOME, LANG: 'C.UTF-8', CI: '1', NO_COLOR: '1', TMPDIR: work, npm_config_cache: join(work, 'npm') };
const inside = (folders: readonly string[], argv: readonly string[]) => [
  'env',
  '-i',
  ...Object.entries({ ...bare, PATH: folders.join(delimiter) }).map(([name, value]) => `${name}=${value}`),
  ...argv,
];

/**
 * Run a command of a shell as a person would who has just cloned the repository; its output.
 * @throws unless it ends with 0, with the end of everything it said.
 */
async function typed(command: string): Promise<string> {
  const { code, stdout, stderr } = await attempt(
    inside([join(work, 'bin'), ...machine], ['timeout', '--kill-after=10', String(minutes * 60 - 20), 'sh', '-c', command]),
    { cwd: clone },
  );
  if (code !== 0) throw new Error(`\`${command}\` ended with ${code}:\n${stdout.slice(-12_000)}\n${stderr.slice(-4000)}`);
  return stdout;
}

/** A Node 20: the machine's, else one that npm brings. @throws when there is neither; nothing here is skipped. */
async function node20(): Promise<string> {
  for (const node of machine.map((folder) => join(folder, 'node')).filter((file) => existsSync(file)))
    if ((await run([node, '--version'])).startsWith('v20.')) return node;
  const folder = join(work, 'node');
  await step('fetch Node 20', () => run(['npm', 'install', '--prefix', folder, '--no-audit', '--no-fund', 'node@20'], { cwd: work }));
  const node = join(folder, 'node_modules/node/bin/node');
  if (!(await run([node, '--version'])).startsWith('v20.')) throw new Error(`${node}, which npm brought, is not Node 20`);
  return node;
}

/** HEAD; where files were changed since, a commit of them on top. */
async function cloned(): Promise<void> {
  const git = (...args: readonly string[]) =>
    run(['git', '-c', 'user.name=lab', '-c', 'user.email=lab@localhost', ...args], { cwd: clone });
  await run(['git', 'clone', '--quiet', root, clone]);
  if ((await run(['git', 'status', '--porcelain'], { cwd: root })) === '') return;
  await git('rm', '-rq', '.');
  const files = (await run(['git', 'ls-files', '-co', '--exclude-standard', '-z'], { cwd: root })).split('\0');
  for (const file of files.filter((name) => name !== '' && existsSync(join(root, name)))) {
    mkdirSync(dirname(join(clone, file)), { recursive: true });
    copyFileSync(join(root, file), join(clone, file));
  }
  await git('add', '--all');
  await git('commit', '--quiet', '--no-verify', '--allow-empty', '--message', 'As it lies in the folder');
}

beforeAll(async () => {
  chmodSync(work, 0o755); // some tests of the program are another user, who must get to it
  mkdirSync(join(work, 'bin'));
  symlinkSync(await node20(), join(work, 'bin/node'));
  await cloned();
});

afterAll(async () => {
  if (existsSync(join(clone, 'my-site/compose.yaml')))
    await attempt(['docker', 'compose', '--profile', '*', 'down', '--volumes'], { cwd: join(clone, 'my-site') });
  rmSync(work, { recursive: true, force: true });
});

describe('the README, in a fresh clone with Node 20', { timeout: minutes * 60_000 }, () => {
  test('has four commands: write a site, start it, write one for a cluster, check Berth', () => {
    expect(write).toBe('npm ci && npx berth init my-site --profile recommended');
    expect(start).toBe('cd my-site && docker compose up -d --wait');
    expect(cluster).toBe('npx berth init my-cluster --profile recommended --target kubernetes --set domain=app.example.com');
    expect(check).toBe('npm ci && npm test');
  });

  test('finds nothing but a clone and Node 20', async () => {
    expect(await typed('node --version')).toMatch(/^v20\./);
    expect(await typed('git status --porcelain --ignored')).toBe('');
  });

  test('writes a site with its first command', async () => {
    expect(await typed(write)).toContain('docker compose up -d --wait');
    expect(
      ['compose.yaml', 'SITE.md', 'berth.yaml', '.env', 'secrets/ledger.json'].filter((file) => !existsSync(join(clone, 'my-site', file))),
    ).toEqual([]);
  });

  test('starts all that the profile asks for with its second command, and changes nothing when that is typed again', async () => {
    const containers = () => typed("cd my-site && docker compose ps --format '{{.Name}} {{.ID}} {{.Health}}'");
    await typed(start);
    const running = await containers();
    // A replica of the database and three nodes of the cache with their Sentinels: as profile recommended is, and nothing taken away.
    for (const name of ['database', 'database-replica', 'cache-node-2', 'cache-sentinel-2', 'files', 'edge', 'web-blue'])
      expect(running).toMatch(new RegExp(`^my-site-${name}(?:-1)? \\w+ healthy$`, 'm'));
    expect(running).not.toMatch(/starting|unhealthy/);
    expect(JSON.parse(await typed('cd my-site && curl --silent --cacert secrets/tls/ca.crt https://localhost/api/health'))).toMatchObject({
      status: 'healthy',
    });
    await typed(start);
    expect(await containers()).toBe(running);
  });

  test('writes one for a cluster with its third command, which kustomize renders', async () => {
    expect(await typed(cluster)).toContain('kubectl apply -f k8s/secrets && kubectl apply -k k8s/site');
    expect(await typed('kubectl kustomize my-cluster/k8s/site')).toContain('kind: StatefulSet');
  });

  test('has berth run on the Node that npm ci brought', async () => {
    const { version } = JSON.parse(readFileSync(join(clone, 'package.json'), 'utf8')) as { readonly version: string };
    expect((await typed('npx berth --version')).trim()).toBe(version);
    expect(await typed('node_modules/.bin/node --version')).toMatch(/^v24\./);
    // Where somebody starts it past npm, it finds that Node by itself.
    expect((await typed('node cli/berth.js --version')).trim()).toBe(version);
  });

  test('explains a number as the guide shows it', async () => {
    const shown = [...readFileSync(join(root, 'docs/guide.md'), 'utf8').matchAll(/^```text\n([\s\S]*?)^```$/gm)]
      .map((match) => match[1] ?? '')
      .find((text) => text.startsWith('database.work_mem'));
    await typed('npx berth init ../shown --profile recommended --host-cpus 8 --host-memory 64Gi --host-disk 1Ti');
    expect(await typed('npx berth explain database.work_mem --site ../shown')).toBe(shown);
  });

  // Typing it here once more would take minutes, and show nothing that the pipeline has not shown just before.
  test('checks Berth with its last command, which the pipeline types in as bare an environment', () => {
    const pipeline = readFileSync(join(clone, '.ci/run'), 'utf8');
    expect(pipeline).toContain(`\nenv -i HOME="$HOME" PATH="$PATH" LANG=C.UTF-8 CI=1 NO_COLOR=1 sh -c '${check}'\n`);
  });
});
