import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { DrillRoom } from '../../../cli/drill/room.ts';
import type { RuntimeContext } from '../../../cli/stoppable.ts';
import { temporarySite } from '../../generator/io/site-fixture.ts';

const context = { random: (bytes: number) => Buffer.alloc(bytes, 0xab), env: {} } as unknown as RuntimeContext;

describe('where a site is drilled', () => {
  test('is a folder and a project of its own, known by a mark', async () => {
    using site = temporarySite();
    const folder = join(site.path, 'shop-drill');
    using room = await DrillRoom.open(folder, 'shop', context);
    expect(room.project).toBe('shop-drill-abababab');
    expect(JSON.parse(readFileSync(join(folder, '.berth/drill.json'), 'utf8'))).toEqual({ projects: [room.project], made: true });
  });

  test('is left where the operator made it, empty', async () => {
    using site = temporarySite();
    const made = join(site.path, 'new');
    for (const folder of [site.path, made]) {
      using room = await DrillRoom.open(folder, 'shop', context);
      await room.clear();
    }
    expect(existsSync(made)).toBe(false);
    expect(readdirSync(site.path)).toEqual([]);
  });

  test('is for one drill at a time', async () => {
    using site = temporarySite();
    using _first = await DrillRoom.open(site.path, 'shop', context);
    await expect(DrillRoom.open(site.path, 'shop', context)).rejects.toMatchObject({ kind: 'locked' });
  });

  test('is no folder in which something of another lies, and that stays', async () => {
    using site = temporarySite();
    writeFileSync(join(site.path, 'mine'), 'x');
    await expect(DrillRoom.open(site.path, 'shop', context)).rejects.toMatchObject({ kind: 'conflict' });
    expect(existsSync(join(site.path, 'mine'))).toBe(true);
  });

  test.each(['{"projects":["shop"]}', '{"projects":', '{}', '{"projects":[]}'])(
    'is not cleared by a mark that names no drill: %s',
    async (mark) => {
      using site = temporarySite();
      mkdirSync(join(site.path, '.berth'));
      writeFileSync(join(site.path, '.berth/drill.json'), mark);
      await expect(DrillRoom.open(site.path, 'shop', context)).rejects.toMatchObject({ kind: 'damaged' });
    },
  );

  test('is cleared of what a drill has left that was killed, also while something is still at work on it (docker: stand-in)', async () => {
    using site = temporarySite();
    const [bin, said] = [join(site.path, 'bin'), join(site.path, 'said')];
    mkdirSync(bin);
    writeFileSync(
      join(bin, 'docker'),
      `#!/bin/sh\necho "$*" >>${said}\ncase "$*" in ps*00000000) echo one ;; rm*) [ "$(grep -c ^rm ${said})" -gt 2 ] || exit 1 ;; esac\n`,
      { mode: 0o755 },
    );
    const folder = join(site.path, 'shop-drill');
    mkdirSync(join(folder, '.berth'), { recursive: true });
    writeFileSync(join(folder, '.berth/drill.json'), '{"projects":["shop-drill-00000000"],"made":true}');
    let waited = 0;
    const clock = { sleep: () => Promise.resolve(void (waited += 1)) };
    const here = { ...context, clock, env: { PATH: `${bin}:/usr/bin:/bin` } } as unknown as RuntimeContext;
    const room = await DrillRoom.open(folder, 'shop', here);
    expect(waited).toBe(2);
    const lines = readFileSync(said, 'utf8').trim().split('\n');
    expect(lines.filter((line) => line === 'rm --force --volumes one')).toHaveLength(3);
    expect(lines.at(-1)).toBe('network ls --quiet --no-trunc --filter label=com.docker.compose.project=shop-drill-00000000');
    expect(JSON.parse(readFileSync(join(folder, '.berth/drill.json'), 'utf8'))).toEqual({
      projects: ['shop-drill-00000000', 'shop-drill-abababab'],
      made: true,
    });
    await room.clear();
    room[Symbol.dispose]();
    expect(existsSync(folder)).toBe(false);
  });

  test('is what every command of Compose is about, whatever the shell says of another project', async () => {
    using site = temporarySite();
    using room = await DrillRoom.open(site.path, 'shop', context);
    const shell = {
      ...context,
      env: { COMPOSE_PROJECT_NAME: 'shop', COMPOSE_FILE: '/srv/shop/compose.yaml', COMPOSE_PROFILES: 'agents', HOME: '/' },
    };
    expect(room.begin(shell).env).toEqual({
      COMPOSE_PROJECT_NAME: room.project,
      COMPOSE_FILE: join(site.path, 'site/compose.yaml'),
      COMPOSE_PROFILES: '',
      HOME: '/',
    });
  });
});
