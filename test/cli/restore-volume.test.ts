import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { concernedByVolume, exchangeVolume, prepareVolume } from '../../cli/restore-volume-live.ts';
import { bigHost, everyKind, helloPlan } from '../generator/render/hello.ts';

test('a volume that is put back concerns all that have it mounted, in both slots, and not who copies it', () => {
  const plan = helloPlan({
    target: 'compose',
    profile: 'recommended',
    host: bigHost,
    set: { ...everyKind, 'backups.folder': '/srv/backups' },
  });
  expect(concernedByVolume(plan, 'uploads')).toEqual({ volume: 'hello_uploads-volume', clients: ['web-blue', 'web-green', 'jobs'] });
});

/** Counts its calls, and kills the shell before or after the one that it is told. */
const move = (folder: string): string => `#!/bin/bash
n=$(($(cat ${folder}/calls) + 1)); echo $n >${folder}/calls
[ "-$n" = "$(cat ${folder}/killing)" ] && kill -KILL $PPID && exit 1
/bin/mv "$@" || exit
[ "$n" = "$(cat ${folder}/killing)" ] && kill -KILL $PPID
exit 0
`;

describe('old and new files of a volume', () => {
  let home: string;
  const volume = (): string => join(home, 'volume');
  const put = (path: string, text: string): void => {
    mkdirSync(join(volume(), path, '..'), { recursive: true });
    writeFileSync(join(volume(), path), text);
  };
  const run = (script: string, killing = 0): number | null => {
    for (const [name, text] of Object.entries({ calls: 0, killing })) writeFileSync(join(home, name), String(text));
    return spawnSync('/bin/bash', ['-c', script], { env: { PATH: `${home}:/usr/bin:/bin` } }).status;
  };
  const restored = (): void => {
    put('.berth-restore/new/report', 'then');
    put('.berth-restore/new/.hidden', 'then');
    put('.berth-restore/new/deep/down', 'then');
  };
  const expectExchanged = (kept: string): void => {
    expect(readdirSync(volume()).toSorted()).toEqual(['.berth-before-0', kept, '.berth-volume', '.hidden', 'deep', 'report'].toSorted());
    expect(['report', '.hidden', 'deep/down'].map((path) => readFileSync(join(volume(), path), 'utf8'))).toEqual(['then', 'then', 'then']);
    expect(readdirSync(join(volume(), kept)).toSorted()).toEqual(['-odd name', '.env', 'gone', 'nowhere', 'report']);
    expect(readFileSync(join(volume(), kept, 'report'), 'utf8')).toBe('now');
  };

  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'berth-volume-'));
    writeFileSync(join(home, 'mv'), move(home), { mode: 0o755 });
    // Of the whole host, which is no business of this test.
    writeFileSync(join(home, 'sync'), '#!/bin/sh\n', { mode: 0o755 });
    for (const path of ['report', 'gone/file', '-odd name', '.env']) put(path, 'now');
    put('.berth-volume', '');
    put('.berth-before-0/older', 'before');
    symlinkSync('/nowhere', join(volume(), 'nowhere'));
    run(prepareVolume('unused', volume()));
    restored();
  });
  afterEach(() => rmSync(home, { recursive: true }));

  test('change places, hidden ones and links that lead nowhere as well; what is Berth’s own stays', () => {
    expect(run(exchangeVolume('.berth-before-1', volume()))).toBe(0);
    expectExchanged('.berth-before-1');
  });

  test('come to the same when it is killed at any step and run again', () => {
    for (let step = 1; ; step += 1)
      for (const killing of [-step, step]) {
        const status = run(exchangeVolume('.berth-before-1', volume()), killing);
        if (status === 0) {
          expect(step).toBeGreaterThan(8);
          return;
        }
        // As the next restore does before it begins.
        expect(run(prepareVolume('.berth-before-1', volume()))).toBe(0);
        expect(existsSync(join(volume(), '.berth-restore/exchanging'))).toBe(false);
        // Before its first step nothing was begun, and what was made ready is made again.
        if (existsSync(join(volume(), '.berth-before-1'))) {
          rmSync(join(volume(), '.berth-restore'), { recursive: true });
          expectExchanged('.berth-before-1');
        }
        rmSync(volume(), { recursive: true });
        for (const path of ['report', 'gone/file', '-odd name', '.env']) put(path, 'now');
        put('.berth-volume', '');
        put('.berth-before-0/older', 'before');
        symlinkSync('/nowhere', join(volume(), 'nowhere'));
        expect(run(prepareVolume('unused', volume()))).toBe(0);
        restored();
      }
  });
});
