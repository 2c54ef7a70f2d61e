import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

/** The README's promises, kept in a fresh copy of what a clone would hold, on the Node and npm of the machine and nothing else. */
const root = resolve(import.meta.dirname, '../..');
const [write = '', start = '', check = ''] = [...readFileSync(join(root, 'README.md'), 'utf8').matchAll(/^```sh\n(.+)\n```$/gm)].map((match) => match[1] ?? '');

/** PATH without what `npm` and `vitest` put in front: only the machine's own programs. */
const path = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => !folder.includes('node_modules')).join(delimiter);
const work = mkdtempSync(join(tmpdir(), 'berth-readme-'));
const clone = join(work, 'berth');

/**
 * Run a command as a person would who has just cloned the repository; its output.
 * @throws unless it ends with 0, with everything it said.
 */
function run(command: string): string {
  const { HOME = work } = process.env;
  const { status, stdout, stderr } = spawnSync('sh', ['-c', command], { cwd: clone, encoding: 'utf8', timeout: 110_000, maxBuffer: 2 ** 26, env: { PATH: path, HOME, LANG: 'C.UTF-8', CI: '1', NO_COLOR: '1', TMPDIR: work, npm_config_cache: join(work, 'npm') } });
  if (status !== 0) throw new Error(`\`${command}\` ended with ${status ?? 'a signal'}:\n${stdout}${stderr}`);
  return stdout;
}

const lines = (text: string): string[] => text.split('\0').filter((line) => line !== '');

beforeAll(() => {
  for (const file of lines(execFileSync('git', ['ls-files', '-co', '--exclude-standard', '-z'], { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 26 })).filter((name) => existsSync(join(root, name)))) {
    mkdirSync(dirname(join(clone, file)), { recursive: true });
    copyFileSync(join(root, file), join(clone, file));
  }
  const version = Number(/^v(\d+)/.exec(run('node --version'))?.[1]);
  if (version >= 24) console.warn(`NOT PROVEN HERE: that the README works with Node 20. This machine has Node ${version} on its PATH.`);
});

afterAll(() => rmSync(work, { recursive: true, force: true }));

describe('the README, in a fresh clone', () => {
  test('has three commands: write a site, start it, check Berth', () => {
    expect(write).toBe('npm ci && npx berth init my-site --profile recommended');
    expect(start).toBe('cd my-site && docker compose up -d --wait');
    expect(check).toBe('npm ci && npm test');
  });

  test('writes a site with its first command', () => {
    expect(run(write)).toContain('docker compose up -d --wait');
    expect(['compose.yaml', 'SITE.md', 'berth.yaml', '.env', 'secrets/ledger.json'].filter((file) => !existsSync(join(clone, 'my-site', file)))).toEqual([]);
  });

  test('has berth run on the Node that npm ci brought', () => {
    const { version } = JSON.parse(readFileSync(join(clone, 'package.json'), 'utf8')) as { readonly version: string };
    expect(run('npx berth --version').trim()).toBe(version);
    expect(run('node_modules/.bin/node --version')).toMatch(/^v24\./);
    // Where somebody starts it past npm, it finds that Node by itself.
    expect(run('node cli/berth.js --version').trim()).toBe(version);
  });

  test('explains a number as the guide shows it', () => {
    const shown = [...readFileSync(join(root, 'docs/guide.md'), 'utf8').matchAll(/^```text\n([\s\S]*?)^```$/gm)].map((match) => match[1] ?? '').find((text) => text.startsWith('database.work_mem'));
    run('npx berth init shown --profile recommended --host-cpus 8 --host-memory 64Gi --host-disk 1Ti');
    expect(run('npx berth explain database.work_mem --site shown')).toBe(shown);
  });

  test('checks Berth with its last command, which is what the pipeline runs', () => {
    const { scripts } = JSON.parse(readFileSync(join(clone, 'package.json'), 'utf8')) as { readonly scripts: Readonly<Record<string, string>> };
    expect(scripts['test']).toContain('vitest');
    const pipeline = readFileSync(join(clone, '.ci/run'), 'utf8');
    expect(pipeline).toMatch(/^npm ci/m);
    expect(pipeline).toMatch(/^npm test$/m);
    // `npm test` runs this file, so it is not run here; that its tools are installed and run on the right Node is.
    expect(run('npm run unit -- test/architecture.test.ts')).toContain('passed');
  });
});
