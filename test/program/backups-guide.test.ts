import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { expectExit, host, launcher } from './berth.ts';

const home = mkdtempSync(join(tmpdir(), 'berth-backups-guide-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

/** Every place that the page names, below a folder of its own. */
const moved = (text: string): string => text.replaceAll(/\/(?:srv|media)\/(?=[a-z])/g, (place) => `${home}${place}`);

test('the page on backups does what it says, block after block', async () => {
  const page = readFileSync('docs/backups.md', 'utf8');
  const blocks = (info: string): readonly string[] =>
    [...page.matchAll(/^```(\w+)\n([^]*?)^```$/gm)].filter(([, kind]) => kind === info).map(([, , text = '']) => moved(text));
  const site = join(home, 'site');
  mkdirSync(join(home, 'bin'));
  symlinkSync(launcher, join(home, 'bin/berth'));
  await expectExit(0, ['init', site, '--profile', 'minimum', '--set', 'name=shop', ...host]);
  const [folder = '', bucket = ''] = blocks('yaml');
  const spec = readFileSync(join(site, 'berth.yaml'), 'utf8');
  writeFileSync(join(site, 'berth.yaml'), `${spec}\n${bucket}`);
  await expectExit(0, ['plan', '--site', site]);
  // No container runs here.
  writeFileSync(join(site, 'berth.yaml'), `${spec}\n${folder}  databases: none\n  buckets: none\n`);
  const typed = blocks('sh');
  expect(typed).toHaveLength(3);
  for (const block of typed) {
    const env = { PATH: `${join(home, 'bin')}:${join(process.execPath, '..')}:${process.env['PATH'] ?? ''}`, HOME: home };
    const { status, stdout, stderr } = spawnSync('sh', ['-ec', block], { cwd: site, env, encoding: 'utf8' });
    expect({ block, status, stdout, stderr }).toMatchObject({ status: 0 });
  }
  expect(existsSync(join(home, 'srv/shop/berth.yaml'))).toBe(true);
});
