import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { concernedByVolume, exchangeVolume, heldInVolume, prepareVolume } from '../../../cli/restore/volume-files.ts';
import { bigHost, everyKind, helloPlan } from '../../generator/render/hello.ts';

test('a volume that is put back concerns all that have it mounted, in both slots, and not who copies it', () => {
  const plan = helloPlan({
    target: 'compose',
    profile: 'recommended',
    host: bigHost,
    set: { ...everyKind, 'backups.folder': '/srv/backups' },
  });
  expect(concernedByVolume(plan, 'uploads')).toEqual({ volume: 'hello_uploads-volume', clients: ['web-blue', 'web-green', 'jobs'] });
});

/** Moves or removes. Counts what it does, and kills the shell before or after the step that it is told. What a folder holds goes in an order of its own. */
const counting = (folder: string, program: string): string => `#!/bin/sh
read -r killing <${folder}/killing
step() {
  read -r n <${folder}/calls; n=$((n + 1)); echo $n >${folder}/calls
  [ "-$n" != "$killing" ] || { kill -KILL $PPID; exit 1; }
  "$@" || exit
  [ "$n" != "$killing" ] || { kill -KILL $PPID; exit 1; }
}
if [ "$1" = -rf ]; then for entry in "$2"/new "$2"/*; do step /bin/rm -rf "$entry"; done; fi
step /bin/${program} "$@"
exit 0
`;

describe('old and new files of a volume', () => {
  let home: string;
  let said: string;
  const volume = (): string => join(home, 'volume');
  const put = (path: string, text: string): void => {
    mkdirSync(join(volume(), path, '..'), { recursive: true });
    writeFileSync(join(volume(), path), text);
  };
  const run = (script: string, killing = 0): number | null => {
    for (const [name, text] of Object.entries({ calls: 0, killing })) writeFileSync(join(home, name), `${text}\n`);
    // Not the last command: a shell becomes that one, and would have nobody above it but this test.
    const { status, stderr } = spawnSync('/bin/bash', ['-c', `${script}\ntrue`], {
      stdio: ['ignore', 'ignore', 'pipe'],
      encoding: 'utf8',
      env: { PATH: `${home}:/usr/bin:/bin` },
    });
    said = stderr;
    return status;
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
    for (const program of ['mv', 'rm']) writeFileSync(join(home, program), counting(home, program), { mode: 0o755 });
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
          expect(step).toBeGreaterThan(12);
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

  test('are told from what Berth keeps there for itself, and from those that are on their way', () => {
    const held = (): readonly string[] =>
      spawnSync('/bin/sh', ['-c', heldInVolume(volume())], { encoding: 'utf8' })
        .stdout.split('\n')
        .filter(Boolean);
    expect(held()).toEqual(['files']);
    put('.berth-restore/exchanging', 'coming\n');
    expect(held()).toEqual(['exchanging', 'files']);
    for (const path of ['.berth-restore/exchanging', 'report', 'gone', '-odd name', '.env'])
      rmSync(join(volume(), path), { recursive: true });
    expect(held()).toEqual(['files']);
    rmSync(join(volume(), 'nowhere'));
    expect(held()).toEqual([]);
  });

  test('that all came are no longer waited for, though the folder that they came from is gone', () => {
    rmSync(join(volume(), '.berth-restore/new'), { recursive: true });
    put('.berth-restore/exchanging', 'coming\n');
    expect(run(prepareVolume('.berth-before-1', volume()))).toBe(0);
    expect(existsSync(join(volume(), '.berth-restore/exchanging'))).toBe(false);
    expect(readFileSync(join(volume(), 'report'), 'utf8')).toBe('now');
  });

  test('stay where they are, with a word on what to do, when somebody took the new ones away while the old ones left', () => {
    rmSync(join(volume(), '.berth-restore/new'), { recursive: true });
    put('.berth-restore/old/gone', 'now');
    put('.berth-restore/exchanging', 'leaving\n');
    expect(run(prepareVolume('.berth-before-1', volume()))).toBe(1);
    expect(said).toContain('move what is in .berth-restore/old back to the top of it and remove .berth-restore');
    expect(readFileSync(join(volume(), 'report'), 'utf8')).toBe('now');
  });
});
