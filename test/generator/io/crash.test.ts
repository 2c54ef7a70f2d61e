import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { applyChanges, recoverSite } from '../../../generator/io/disk.ts';
import { realFileSystem } from '../../../generator/io/file-system.ts';
import type { FileSystem } from '../../../generator/io/file-system.ts';
import { BerthError } from '../../../model/errors.ts';
import { faultyFiles, halfDone, systemError } from './faulty-files.ts';
import { buildOldSite, nextArtifacts } from './scenario.ts';
import { decide, snapshot, temporarySite } from './site-fixture.ts';
import type { TemporarySite } from './site-fixture.ts';

const oldSite = temporarySite();
buildOldSite(oldSite.path);
const oldTree = snapshot(oldSite.path);
const { tree: newTree, operations, commit } = wholeRun({ looking: false });
const { operations: withLooking } = wholeRun({ looking: true });
afterAll(() => oldSite[Symbol.dispose]());

/** The tree it leads to, how many operations it takes, and which of them is the point of no return. */
function wholeRun({ looking }: { looking: boolean }): { tree: string[]; operations: number; commit: number } {
  using site = temporarySite(oldSite.path);
  let commit = 0;
  const { files, count } = faultyFiles(
    (number, name, args) => {
      if (name === 'renameSync' && String(args[1]).endsWith('.berth/journal.json')) commit = number;
    },
    { fsync: false, looking },
  );
  applyChanges(site.path, decide(site.path, nextArtifacts), files);
  return { tree: snapshot(site.path), operations: count(), commit };
}

/** A site whose change was killed right after the point of no return. */
function committedSite(): TemporarySite {
  const site = temporarySite(oldSite.path);
  diesIn(() => apply(site.path, dyingAt(commit + 1)));
  return site;
}

class Death extends Error {}

/** Files of a process that dies in the middle of an operation: nothing it does afterwards, cleaning up included, has an effect. */
const dyingAt = (last: number): FileSystem =>
  faultyFiles(
    (number, name, args) => {
      if (number < last) return;
      if (number === last) halfDone(name, args);
      throw new Death();
    },
    { fsync: false, looking: false },
  ).files;

function diesIn(run: () => void): boolean {
  try {
    run();
    return false;
  } catch (error) {
    if (error instanceof Death) return true;
    throw error;
  }
}

const apply = (site: string, files: FileSystem): void => applyChanges(site, decide(site, nextArtifacts), files);
const quick = faultyFiles(() => {}, { fsync: false }).files;
const isCommitted = (site: string): boolean => existsSync(join(site, '.berth/journal.json'));

describe('a change of a site', { timeout: 30_000 }, () => {
  test('does all that it should, with the promised modes', () => {
    expect(newTree).toEqual(
      expect.arrayContaining([
        '0644 compose.yaml: new\n',
        '0644 config/nginx/nginx.conf: ONE\ntwo\nTHREE\n',
        '0644 .berth/base/config/nginx/nginx.conf: one\ntwo\nTHREE\n',
        '0755 config/database/a/',
        '0700 k8s/secrets/',
        '0444 k8s/secrets/tls.key: key\n',
        '0600 secrets/web.env: A=2\n',
        '0644 SITE.md: loose\n',
      ]),
    );
    expect(newTree.join('\n')).not.toMatch(/gone|journal|stage/);
  });

  test('killed at any operation is wholly undone or wholly done by the next run', () => {
    const outcomes = { discarded: 0, finished: 0, untouched: 0 };
    for (let last = 1; last <= operations; last += 1) {
      using site = temporarySite(oldSite.path);
      expect(diesIn(() => apply(site.path, dyingAt(last)))).toBe(true);
      expect(isCommitted(site.path) || last <= commit || last > operations - 5).toBe(true);
      const { outcome, setAside } = recoverSite(site.path, quick);
      outcomes[outcome] += 1;
      expect(setAside).toEqual([]);
      expect(snapshot(site.path), `operation ${last}`).toEqual(last > commit ? newTree : oldTree);
      expect(recoverSite(site.path, quick).outcome).toBe('untouched');
    }
    expect(Math.min(...Object.values(outcomes))).toBeGreaterThan(0);
  });

  test('is repaired even when each repair is killed too, one operation further every time', () => {
    using site = committedSite();
    let repairs = 1;
    while (diesIn(() => recoverSite(site.path, dyingAt(repairs)))) repairs += 1;
    expect(repairs).toBeGreaterThan(20);
    expect(snapshot(site.path)).toEqual(newTree);
  });

  test('is repaired whichever operation the repair was killed at', () => {
    using committed = committedSite();
    for (let last = 1, died = true; died; last += 1) {
      using site = temporarySite(committed.path);
      died = diesIn(() => recoverSite(site.path, dyingAt(last)));
      recoverSite(site.path, quick);
      expect(snapshot(site.path), `operation ${last}`).toEqual(newTree);
    }
  });

  test('killed for real by SIGKILL is wholly undone or wholly done', { timeout: 60_000 }, async () => {
    const spread = Array.from({ length: 8 }, (_, index) => 1 + Math.round((index * (operations - 2)) / 7));
    const outcomes = await Promise.all(
      spread.map(async (last) => {
        using site = temporarySite(oldSite.path);
        expect(await signalOf('apply', site.path, last)).toBe('SIGKILL');
        if (isCommitted(site.path)) expect(await signalOf('recover', site.path, 3)).toBe('SIGKILL');
        const done = recoverSite(site.path).outcome === 'finished';
        expect([oldTree, newTree]).toContainEqual(snapshot(site.path));
        if (done) expect(snapshot(site.path)).toEqual(newTree);
        return done;
      }),
    );
    expect(new Set(outcomes).size).toBe(2);
  });
});

async function signalOf(verb: string, site: string, operation: number): Promise<unknown> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'die-at.child.ts'), verb, site, String(operation)], {
    stdio: 'inherit',
  });
  const [, signal] = await once(child, 'exit');
  return signal;
}

describe('a failing operation', { timeout: 30_000 }, () => {
  test.each(['ENOSPC', 'EACCES', 'EROFS', 'EDQUOT', 'EMFILE', 'ENAMETOOLONG', 'EIO', 'EWHATEVER'])(
    '%s anywhere is told with its cure and leaves the old site, or one the next run finishes',
    (code) => {
      const left = { old: 0, half: 0 };
      const looking = code !== 'ENOSPC';
      for (let failing = 1; failing <= (looking ? withLooking : operations); failing += looking ? 17 : 1) {
        using site = temporarySite(oldSite.path);
        const { files } = faultyFiles(
          (number) => {
            if (number === failing) throw systemError(code);
          },
          { fsync: false, looking },
        );
        const error = failureOf(() => apply(site.path, files));
        if (error === undefined) continue; // Looking whether an emptied folder can go may fail.
        expect(error).toMatchObject({ kind: 'io' });
        expect(error.message).toMatch(/^cannot \w+ .+: \w+/);
        const half = error.hint.includes('half done');
        left[half ? 'half' : 'old'] += 1;
        if (half) recoverSite(site.path, quick);
        expect(snapshot(site.path), `operation ${failing}: ${error.message}`).toEqual(half ? newTree : oldTree);
      }
      expect(left.old).toBeGreaterThan(5);
      expect(left.half).toBeGreaterThan(0);
    },
  );

  test('that goes on failing leaves the old site, and the next run clears up', () => {
    for (let failing = 1; failing <= withLooking; failing += 3) {
      using site = temporarySite(oldSite.path);
      const { files } = faultyFiles(
        (number) => {
          if (number >= failing) throw systemError('EIO');
        },
        { fsync: false },
      );
      expect(
        failureOf(() => apply(site.path, files)),
        `operation ${failing}`,
      ).toBeInstanceOf(BerthError);
      recoverSite(site.path, quick);
      expect([oldTree, newTree]).toContainEqual(snapshot(site.path));
    }
  });

  test('that cannot even be given up is finished by the next run', () => {
    using site = temporarySite(oldSite.path);
    const { files } = faultyFiles(
      (number, name) => {
        if (number > commit || name === 'unlinkSync') throw systemError('EIO');
      },
      { fsync: false, looking: false },
    );
    const clearing = new Proxy(files, {
      get: (target, name: keyof FileSystem) => (name === 'rmSync' ? realFileSystem.rmSync : target[name]),
    });
    expect(failureOf(() => apply(site.path, clearing))).toBeInstanceOf(BerthError);
    expect(recoverSite(site.path, quick).outcome).toBe('finished');
    expect(snapshot(site.path)).toEqual(newTree);
  });

  test('between file systems falls back to a copy', () => {
    using site = temporarySite(oldSite.path);
    const { files } = faultyFiles(
      (_, name, [from]) => {
        if (name === 'renameSync' && /stage\/\d+$/.test(String(from))) throw systemError('EXDEV');
      },
      { fsync: false },
    );
    apply(site.path, files);
    expect(snapshot(site.path)).toEqual(newTree);
  });

  test('that is a defect of ours stays what it is', () => {
    const { files } = faultyFiles(() => {
      throw new TypeError('oops');
    });
    expect(() => recoverSite(oldSite.path, files)).toThrow(TypeError);
  });
});

function failureOf(run: () => void): BerthError | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (error instanceof BerthError) return error;
    throw error;
  }
}

describe('a repair', () => {
  test('sets aside what somebody saved since the interruption, and says under which name', () => {
    using site = committedSite();
    writeFileSync(join(site.path, 'compose.yaml'), 'precious\n');
    writeFileSync(join(site.path, 'compose.yaml.edited'), 'earlier\n');
    writeFileSync(join(site.path, 'config/gone/only.conf'), 'precious too\n');
    expect(recoverSite(site.path)).toEqual({ outcome: 'finished', setAside: ['compose.yaml.edited-2'] });
    expect(snapshot(site.path)).toEqual(
      expect.arrayContaining([
        '0644 compose.yaml: new\n',
        '0644 compose.yaml.edited-2: precious\n',
        '0644 compose.yaml.edited: earlier\n',
        '0644 config/gone/only.conf: precious too\n',
      ]),
    );
  });

  test.each([
    '',
    '{',
    'null',
    '{"version":1}',
    '{"version":2,"steps":[]}',
    '{"version":1,"steps":[null]}',
    '{"version":1,"steps":[{"do":"remove","target":"../../etc/passwd"}]}',
    '{"version":1,"steps":[{"do":"put","target":"/etc/passwd","mode":420,"brings":""}]}',
    '{"version":1,"steps":[{"do":"chmod","target":"a","mode":"x"}]}',
  ])('refuses the damaged journal %j and says what to do', (text) => {
    using site = temporarySite(oldSite.path);
    writeFileSync(join(site.path, '.berth/journal.json'), text);
    const error = failureOf(() => recoverSite(site.path, realFileSystem));
    expect(error).toMatchObject({ kind: 'io', message: expect.stringContaining('.berth/journal.json') });
    expect(error?.hint).toContain('delete .berth/journal.json and .berth/stage');
  });

  test('leaves in place what somebody has put right already', () => {
    using site = committedSite();
    writeFileSync(join(site.path, 'compose.yaml'), 'new\n');
    expect(recoverSite(site.path)).toEqual({ outcome: 'finished', setAside: [] });
    expect(snapshot(site.path)).toEqual(newTree);
  });

  test('must come before the next change', () => {
    using site = temporarySite(oldSite.path);
    writeFileSync(join(site.path, '.berth/journal.json'), '{"version":1,"steps":[]}');
    expect(() => apply(site.path, quick)).toThrow('must be recovered first');
  });
});
