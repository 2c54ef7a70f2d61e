import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { lockSite } from '../../generator/io/lock.ts';
import { snapshot, temporarySite } from '../generator/io/site-fixture.ts';
import { berth, expectExit, host, secretsOf, start } from './berth.ts';
import { edit, freshSite } from './sites.ts';

const fresh = freshSite();
const generate = (site: string) => ['generate', '--site', site];
const enlarge = (text: string) => text.replace('memory: 32Gi', 'memory: 64Gi').replace('disk: 200Gi', 'disk: 300Gi').replace('use: cache', 'use: queue');

/** Every file that is not Berth's own, by path. */
function files(site: string): Map<string, string> {
  return new Map(readdirSync(site, { recursive: true, encoding: 'utf8' }).filter((path) => !path.startsWith('.berth') && statSync(join(site, path)).isFile()).map((path) => [path, readFileSync(join(site, path), 'utf8')]));
}

/** Writes a text into a named pipe once somebody reads it; `before` runs between the two. */
async function feed(pipe: string, text: string, before: () => void = () => undefined): Promise<void> {
  const handle = await open(pipe, 'w');
  before();
  await handle.writeFile(text);
  await handle.close();
}

describe('Ctrl-C', () => {
  test('before anything is written ends generate with 130, and the site is as it was', async () => {
    using site = fresh();
    const spec = enlarge(readFileSync(join(site.path, 'berth.yaml'), 'utf8'));
    // A spec that is read from a pipe shows when the program is at work, and holds it there.
    rmSync(join(site.path, 'berth.yaml'));
    spawnSync('mkfifo', [join(site.path, 'berth.yaml')]);
    const before = snapshotBeside(site.path);
    using running = start(generate(site.path));
    await feed(join(site.path, 'berth.yaml'), spec);
    await feed(join(site.path, 'berth.yaml'), spec, () => { running.child.kill('SIGINT'); });
    expect(await running.ended).toEqual({ code: 130, stdout: '', stderr: '\nstopped; the site is as it was\n' });
    expect(snapshotBeside(site.path)).toEqual(before);
  });

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('or %s during init leaves no folder behind', async (signal) => {
    using folder = temporarySite();
    spawnSync('mkfifo', [join(folder.path, 'spec')]);
    using running = start(['init', 'deep/er/site', '--from', 'spec', '--profile', 'minimum', ...host], { cwd: folder.path });
    await feed(join(folder.path, 'spec'), 'apiVersion: berth/v1\nname: shop\nprofile: minimum\nservices: { web: { image: "a/b:1", port: 3000 } }\n', () => { running.child.kill(signal); });
    expect((await running.ended).code).toBe(130);
    expect(readdirSync(folder.path)).toEqual(['spec']);
  });

  test('at any moment leaves the old site with 130 or the new one with 0, and says which', async () => {
    using site = fresh();
    using wanted = fresh();
    edit(wanted.path, 'berth.yaml', enlarge);
    await expectExit(0, generate(wanted.path));
    const next = files(wanted.path);
    edit(site.path, 'berth.yaml', enlarge);
    const old = files(site.path);
    for (const wait of [20, 60, 90, 110, 130, 150, 170, 200, 240]) {
      using running = start(generate(site.path));
      await sleep(wait);
      running.child.kill('SIGINT');
      const { code, stderr } = await running.ended;
      expect(stderr).not.toMatch(/^ {4}at /m);
      if (code === 0) { expect(files(site.path)).toEqual(next); break; }
      // `null`: it came before the program could listen.
      expect([130, null]).toContain(code);
      expect(files(site.path)).toEqual(old);
    }
    await expectExit(0, generate(site.path));
    expect(files(site.path)).toEqual(next);
  });
});

/** The snapshot without what a pipe and the lock look like. */
function snapshotBeside(site: string): string[] {
  return readdirSync(site, { recursive: true, encoding: 'utf8' }).filter((path) => !/^berth\.yaml$|^\.berth\/lock$/.test(path)).sort().map((path) => {
    const stat = statSync(join(site, path));
    return `${stat.mode} ${path} ${stat.isFile() ? `${stat.mtimeMs} ${readFileSync(join(site, path), 'utf8')}` : ''}`;
  });
}

describe('a run that is killed', () => {
  test('at any moment is made good by the next one: no file is torn, no secret is lost, no trace stays', async () => {
    using site = fresh();
    using other = fresh();
    edit(other.path, 'berth.yaml', enlarge);
    await expectExit(0, generate(other.path));
    const specs = [readFileSync(join(site.path, 'berth.yaml'), 'utf8'), readFileSync(join(other.path, 'berth.yaml'), 'utf8')];
    const trees = [files(site.path), files(other.path)];
    const secrets = secretsOf(site.path);
    const waits = Array.from({ length: 12 }, (_, index) => 80 + index * 8 + Math.random() * 8);
    for (const [round, wait] of waits.entries()) {
      const [spec = '', goal, before] = [specs[(round + 1) % 2], trees[(round + 1) % 2], trees[round % 2]];
      edit(site.path, 'berth.yaml', () => spec);
      using running = start(generate(site.path));
      await sleep(wait);
      running.child.kill('SIGKILL');
      await running.ended;
      for (const [path, text] of files(site.path)) expect([goal?.get(path), before?.get(path)], `${path} after ${wait} ms`).toContain(text);
      await expectExit(0, generate(site.path));
      expect(files(site.path), `after ${wait} ms`).toEqual(goal);
      expect(readdirSync(join(site.path, '.berth')).sort()).toEqual(['base', 'berth.schema.json', 'hashes.json', 'lock']);
      expect(secretsOf(site.path)).toEqual(secrets);
    }
  });
});

describe('two runs at once', () => {
  test('never mix: the second is told to wait, and by whom the site is held', async () => {
    using site = fresh();
    edit(site.path, 'berth.yaml', enlarge);
    const before = snapshot(site.path);
    {
      using _held = lockSite(site.path);
      const { stderr } = await expectExit(7, generate(site.path));
      expect(stderr).toMatch(new RegExp(`^error: another berth( \\(process ${process.pid}\\))? works on ${site.path}\n→ wait until it has finished`));
      // Reading needs no lock.
      await expectExit(0, ['plan', '--site', site.path]);
    }
    expect(snapshot(site.path)).toEqual(before);
    await expectExit(0, generate(site.path));
  });

  test('started together all end well or say that the site is locked, and leave one whole site', async () => {
    using site = fresh();
    using wanted = fresh();
    edit(wanted.path, 'berth.yaml', enlarge);
    await expectExit(0, generate(wanted.path));
    edit(site.path, 'berth.yaml', enlarge);
    const all = await Promise.all(Array.from({ length: 4 }, () => berth(generate(site.path))));
    for (const { code } of all) expect([0, 7]).toContain(code);
    expect(all.some(({ code }) => code === 0)).toBe(true);
    expect(files(site.path)).toEqual(files(wanted.path));
    expect(existsSync(join(site.path, '.berth/journal.json'))).toBe(false);
  });
});
