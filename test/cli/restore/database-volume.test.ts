import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { dataPlaceOf } from '../../../cli/restore/data-place.ts';
import { DatabaseVolume } from '../../../cli/restore/database-volume.ts';
import { concernedBy } from '../../../cli/restore/database-live.ts';
import { restoredData } from '../../../cli/restore/database-here.ts';
import { helloPlan, smallHost } from '../../generator/render/hello.ts';

/** At the call that the file `killing` names it ends the shell that called it: before the rename with a minus, after it without. */
const move = (folder: string): string => `#!/bin/bash
n=$(($(cat ${folder}/calls) + 1)); echo $n >${folder}/calls
[ "-$n" = "$(cat ${folder}/killing)" ] && kill -KILL $PPID && exit 1
/bin/mv "$@" || exit
[ "$n" = "$(cat ${folder}/killing)" ] && kill -KILL $PPID
exit 0
`;

describe.each(['mysql', 'mariadb'] as const)('an exchange of the data of %s', (engine) => {
  const { folder: data } = dataPlaceOf(engine);
  const kept = `${data}.before-1`;
  let folder: string;
  let volume: DatabaseVolume;
  const holds = (name: string): string | undefined => {
    const path = join(folder, 'volume', name, 'holds');
    return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
  };
  const put = (name: string, text: string): void => {
    mkdirSync(join(folder, 'volume', name), { recursive: true });
    writeFileSync(join(folder, 'volume', name, 'holds'), text);
  };
  const killAt = (killing: number): void => {
    for (const [name, text] of Object.entries({ calls: 0, killing })) writeFileSync(join(folder, name), String(text));
  };

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'berth-volume-'));
    writeFileSync(join(folder, 'mv'), move(folder), { mode: 0o755 });
    put(data, 'old');
    put(`berth-restore/${restoredData}`, 'new');
    const set = { 'backups.folder': '/srv/backups', 'databases.database': { engine } };
    const plan = helloPlan({ target: 'compose', profile: 'minimum', host: smallHost, set });
    const { server } = concernedBy(plan, 'database');
    const filling = { agent: 'agent', key: undefined, verb: () => [] };
    volume = new DatabaseVolume(plan, server, filling, (args) => {
      const script = (args.at(-1) ?? '')
        .replaceAll('/restore', join(folder, 'volume'))
        .replaceAll(`${folder}/volume/volume`, `${folder}/volume`);
      const { status, stdout } = spawnSync('/bin/bash', ['-c', script], { env: { PATH: `${folder}:/usr/bin:/bin` }, encoding: 'utf8' });
      return status === 0 ? Promise.resolve(stdout) : Promise.reject(new Error(`ended with ${status ?? 'a signal'}`));
    });
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test.each([-1, 1, -2, 2, -3, 3, -4, 4])(
    'that is killed at rename %i is ended either way, and each of the two is where it is said to be',
    async (killing) => {
      for (const wanted of ['old', 'new'] as const) {
        killAt(0);
        const { data: old = '', ready = '' } = await volume.look(kept);
        killAt(killing);
        await expect(volume.exchange(kept)).rejects.toThrow('signal');
        killAt(0);
        const [one, other] = wanted === 'old' ? [old, ready] : [ready, old];
        await volume.bring(await volume.look(kept), kept, one, other);
        await volume.clean(new AbortController().signal);
        expect(await volume.look(kept)).toMatchObject({ data: one });
        expect(holds(data)).toBe(wanted);
        if (wanted === 'new') expect(holds(kept)).toBe('old');
        else for (const name of [kept, 'berth-restore']) rmSync(join(folder, 'volume', name), { recursive: true, force: true });
        put(`berth-restore/${restoredData}`, 'new');
      }
    },
  );

  test('tells by the files of the old data whether a server has run on them, and not by where they lie', async () => {
    const stopped = await volume.print();
    expect(await volume.print()).toBe(stopped);
    utimesSync(join(folder, 'volume', data, 'holds'), 1, 1);
    expect(await volume.print()).not.toBe(stopped);
  });
});
