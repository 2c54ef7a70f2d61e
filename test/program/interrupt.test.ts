import { spawnSync } from 'node:child_process';
import {
  closeSync,
  constants,
  existsSync,
  openSync,
  readFileSync,
  readSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { lockSite } from '../../generator/io/lock.ts';
import { snapshot, temporarySite } from '../generator/io/site-fixture.ts';
import { berth, expectExit, host, launch, launcher, secretsOf, start } from './berth.ts';
import { edit, freshSite } from './sites.ts';

const fresh = freshSite();
const generate = (site: string) => ['generate', '--site', site];
const enlarge = (text: string) =>
  text.replace('memory: 32Gi', 'memory: 64Gi').replace('disk: 200Gi', 'disk: 300Gi').replace('use: cache', 'use: queue');

/** Every file that is not Berth's own, by path. */
function files(site: string): Map<string, string> {
  return new Map(
    readdirSync(site, { recursive: true, encoding: 'utf8' })
      .filter((path) => !path.startsWith('.berth') && statSync(join(site, path)).isFile())
      .map((path) => [path, readFileSync(join(site, path), 'utf8')]),
  );
}

/** Writes a text into a named pipe once somebody reads it; `before` runs between the two. */
async function feed(pipe: string, text: string, before: () => void = () => undefined): Promise<void> {
  const handle = await open(pipe, 'w');
  before();
  await handle.writeFile(text);
  await handle.close();
}

/** Writes into a pipe until nothing more goes in. */
function fill(pipe: number): number {
  let bytes = 0;
  try {
    for (;;) bytes += writeSync(pipe, Buffer.alloc(1024));
  } catch {
    return bytes;
  }
}

function drain(pipe: number): void {
  try {
    while (readSync(pipe, Buffer.alloc(65_536)) > 0);
  } catch {
    // Nothing more to read now.
  }
}

describe('Ctrl-C', () => {
  test('before anything is written ends generate with 130, and the site is as it was', async () => {
    using site = fresh();
    const spec = enlarge(readFileSync(join(site.path, 'berth.yaml'), 'utf8'));
    // A spec that is read from a pipe shows when the program is at work, and holds it there.
    // It reads twice, each time from a pipe of its own, so that no word meant for the second is taken by the first.
    using folder = temporarySite();
    const [pipe, second] = [join(site.path, 'berth.yaml'), join(folder.path, 'second')];
    rmSync(pipe);
    spawnSync('mkfifo', [pipe, second]);
    const before = snapshotBeside(site.path);
    using running = start(generate(site.path));
    await feed(pipe, spec, () => {
      renameSync(second, pipe);
    });
    await feed(pipe, spec, () => {
      running.child.kill('SIGINT');
    });
    expect(await running.ended).toEqual({ code: 130, stdout: '', stderr: '\nstopped; the site is as it was\n' });
    expect(snapshotBeside(site.path)).toEqual(before);
  });

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('or %s during init leaves no folder behind', async (signal) => {
    using folder = temporarySite();
    spawnSync('mkfifo', [join(folder.path, 'spec')]);
    using running = start(['init', 'deep/er/site', '--from', 'spec', '--profile', 'minimum', ...host], { cwd: folder.path });
    await feed(
      join(folder.path, 'spec'),
      'apiVersion: berth/v1\nname: shop\nprofile: minimum\nservices: { web: { image: "a/b:1", port: 3000 } }\n',
      () => {
        running.child.kill(signal);
      },
    );
    expect((await running.ended).code).toBe(130);
    expect(readdirSync(folder.path)).toEqual(['spec']);
  });

  test('after the new site is written comes too late: the run ends well and says what it did', async () => {
    using site = fresh();
    using wanted = fresh();
    edit(wanted.path, 'berth.yaml', enlarge);
    await expectExit(0, generate(wanted.path));
    edit(site.path, 'berth.yaml', enlarge);
    // A pipe that is full holds the program at its first word, which comes after the last file.
    using folder = temporarySite();
    const pipe = join(folder.path, 'full');
    spawnSync('mkfifo', [pipe]);
    const reader = openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK);
    const writer = openSync(pipe, 'w');
    const filled = fill(reader);
    using running = launch(process.execPath, [launcher, ...generate(site.path)], { stdio: ['ignore', writer, 'pipe'] });
    await expect
      .poll(
        () =>
          existsSync(join(site.path, '.berth/journal.json')) || existsSync(join(site.path, '.berth/stage')) ? undefined : files(site.path),
        { timeout: 100_000 },
      )
      .toEqual(files(wanted.path));
    running.child.kill('SIGINT');
    closeSync(writer);
    const draining = setInterval(() => drain(reader), 10);
    const { code, stderr } = await running.ended;
    clearInterval(draining);
    closeSync(reader);
    expect(filled).toBeGreaterThan(0);
    expect([code, stderr]).toEqual([0, '']);
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
      const now = files(site.path);
      // Killed outright: the signal came before the program listened, or when it had nothing left to do.
      if (code === null) expect([old, next]).toContainEqual(now);
      else expect([code, now]).toEqual(code === 0 ? [0, next] : [130, old]);
      if (now.get('SITE.md') === next.get('SITE.md')) break;
    }
    await expectExit(0, generate(site.path));
    expect(files(site.path)).toEqual(next);
  });
});

/** The snapshot without what a pipe and the lock look like. */
function snapshotBeside(site: string): string[] {
  return readdirSync(site, { recursive: true, encoding: 'utf8' })
    .filter((path) => !/^berth\.yaml$|^\.berth\/lock$/.test(path))
    .sort()
    .map((path) => {
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
      expect(stderr).toMatch(
        new RegExp(`^error: another berth( \\(process ${process.pid}\\))? works on ${site.path}\n→ wait until it has finished`),
      );
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
