import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { dataPlaceOf } from '../../../cli/restore/data-place.ts';
import { databaseOf, prepareHello } from '../../generator/render/hello.ts';

/** Counts its calls. At the one that the file `failing` names it does nothing, at that of `killing` it ends the shell that called it, before or after. */
const move = (folder: string): string => `#!/bin/bash
n=$(($(cat ${folder}/calls) + 1)); echo $n >${folder}/calls
[ "$n" = "$(cat ${folder}/failing)" ] && exit 1
[ "-$n" = "$(cat ${folder}/killing)" ] && kill -KILL $PPID && exit 1
/bin/mv "$@" || exit
[ "$n" = "$(cat ${folder}/killing)" ] && kill -KILL $PPID
exit 0
`;

describe.each([
  ['mysql', '/var/lib/mysql'],
  ['mariadb', '/var/lib/mysql'],
  ['mongodb', '/data/db'],
  ['sqlserver', '/var/opt/mssql'],
] as const)('old and new data of %s', (engine, mounted) => {
  const { folder: data, waiting = '', exchange } = dataPlaceOf(engine);
  let folder: string;
  const volume = (): string => join(folder, 'volume');
  const put = (name: string, text: string): void => {
    mkdirSync(join(volume(), name), { recursive: true });
    writeFileSync(join(volume(), name, 'holds'), text);
  };
  const holds = (name: string): string | undefined =>
    existsSync(join(volume(), name)) ? readFileSync(join(volume(), name, 'holds'), 'utf8') : undefined;
  const run = (script: string, { failing = 0, killing = 0 } = {}): number | null => {
    for (const [name, text] of Object.entries({ calls: 0, failing, killing })) writeFileSync(join(folder, name), String(text));
    return spawnSync('/bin/bash', ['-c', script], { env: { PATH: `${folder}:/usr/bin:/bin` } }).status;
  };
  /** What the server does before it looks for its data. */
  const start = async (): Promise<void> => {
    const { decision } = await prepareHello({ profile: 'minimum', set: databaseOf(engine) });
    const script = decision.merged.get('config/database/start.sh') ?? '';
    const [rule] = /^if \[ ! -e "\$data" \] && .*$/m.exec(script) ?? expect.unreachable('no rule');
    run(`data=${volume()}/${data}\n${rule.replaceAll(mounted, volume())}`);
  };

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'berth-place-'));
    writeFileSync(join(folder, 'mv'), move(folder), { mode: 0o755 });
    put(data, 'old');
    put('kept', 'new');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test('change places', () => {
    expect(run(exchange(volume(), 'kept'))).toBe(0);
    expect([holds(data), holds('kept')]).toEqual(['new', 'old']);
    expect(readdirSync(volume()).toSorted()).toEqual([data, 'kept'].toSorted());
  });

  test.each([1, 2, 3])('stay where they are when step %i fails', (failing) => {
    expect(run(exchange(volume(), 'kept'), { failing })).toBe(1);
    expect([holds(data), holds('kept'), holds(waiting)]).toEqual(['old', 'new', undefined]);
  });

  test.each([-1, 1, -2, 2, -3, 3])(
    'are both there after a kill at step %i, and a start finds one of them in the place of the data',
    async (killing) => {
      expect(run(exchange(volume(), 'kept'), { killing })).toBeNull();
      await start();
      expect(['old', 'new']).toContain(holds(data));
      expect([holds(data), holds('kept'), holds(waiting)].filter((text) => text !== undefined).toSorted()).toEqual(['new', 'old']);
    },
  );

  test('are left alone by a start where there are data', async () => {
    put(waiting, 'of a run that was cut off');
    await start();
    expect([holds(data), holds(waiting)]).toEqual(['old', 'of a run that was cut off']);
  });
});
