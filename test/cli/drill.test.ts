import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { lossOf } from '../../cli/describe-drill.ts';
import { refuseNeeds } from '../../cli/drill-needs.ts';
import { DrillRoom } from '../../cli/drill-room.ts';
import type { RuntimeContext } from '../../cli/stoppable.ts';
import { mib } from '../../model/units.ts';
import { temporarySite } from '../generator/io/site-fixture.ts';

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

describe('what a drill takes', () => {
  const needs = { memory: mib(4096), freeMemory: mib(8192), disk: mib(1024), freeDisk: mib(2048) };

  test('is refused where what runs on the host would be left short, with both numbers', () => {
    expect(() => refuseNeeds(needs)).not.toThrow();
    expect(() => refuseNeeds({ ...needs, freeMemory: undefined, freeDisk: undefined })).not.toThrow();
    expect(() => refuseNeeds({ ...needs, freeMemory: mib(2048) })).toThrow(
      expect.objectContaining({
        kind: 'capacity',
        message: expect.stringContaining('4 GiB of memory at the most, and 2 GiB are free') as string,
      }),
    );
    expect(() => refuseNeeds({ ...needs, freeDisk: mib(512) })).toThrow(/some 1 GiB of disk, and 512 MiB are free/);
  });
});

describe('what would have been lost', () => {
  const startedAt = new Date('2026-03-29T14:30:00Z');
  const outcome = (until: string | null) => ({ database: 'database', position: '0/1', until, seconds: 1 });

  test('is told of the database that was copied least lately', () => {
    const outcomes = [outcome('2026-03-29T14:29:50Z'), outcome('2026-03-29T14:29:10Z'), outcome(null)];
    expect(lossOf({ at: undefined, startedAt, outcomes })).toBe(50);
  });

  test('is nothing where the log was shipped since, and nobody knows it for a time of old or without a database', () => {
    expect(lossOf({ at: undefined, startedAt, outcomes: [outcome('2026-03-29T14:30:05Z')] })).toBe(0);
    expect(lossOf({ at: '2026-03-29T14:00Z', startedAt, outcomes: [outcome('2026-03-29T14:00:00Z')] })).toBeUndefined();
    expect(lossOf({ at: undefined, startedAt, outcomes: [] })).toBeUndefined();
  });
});
