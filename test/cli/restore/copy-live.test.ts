import { describe, expect, test } from 'vitest';
import type { BerthError } from '../../../model/errors.ts';
import { CopyWorld } from './copy-live-world.ts';
import type { Asking, Kill } from './killable-site.ts';

const stamp = '2026-03-29T16-00-00-000Z';
const all = ['cache-node-0', 'cache-node-1', 'cache-node-2', 'web-blue'];

/** Every command of a restore, and each rename of those that move folders. */
async function killsOf(
  only: 'cache' | 'volume',
  asking: Asking,
  before?: (world: CopyWorld) => Promise<unknown>,
): Promise<readonly Kill[]> {
  using world = new CopyWorld(only);
  await before?.(world);
  expect(await world.restore(asking)).not.toBe('killed');
  return world.renames.flatMap((renames, index): readonly Kill[] => [
    ...(index === 0 || world.phases[index] !== world.phases[index - 1] ? [{ call: index + 1, when: 'before' } as const] : []),
    ...Array.from({ length: renames }, (_, rename) => ({ call: index + 1, when: `rename ${rename + 1}` }) as const),
    { call: index + 1, when: 'after' },
  ]);
}

const text = (done: unknown): string => (typeof done === 'object' && done !== null && 'text' in done ? String(done.text) : String(done));

describe.each([
  { only: 'cache', restored: 'REDIS new', kept: `appendonlydir.before-${stamp}`, aside: `appendonlydir.undone-${stamp}` },
  { only: 'volume', restored: 'new', kept: `.berth-before-${stamp}`, aside: `.berth-undone-${stamp}` },
] as const)('a restore of a $only into its place, with a stand-in for Compose', ({ only, restored, kept, aside }) => {
  const expectAll = (world: CopyWorld, holds: string, what: string): void => {
    expect([what, new Set(world.holds()), [...world.running].toSorted(), world.phase]).toEqual([what, new Set([holds]), all, undefined]);
  };

  test('that is killed at any of its commands is ended by the same command, and the old data are kept', async () => {
    for (const kill of await killsOf(only, {})) {
      using world = new CopyWorld(only);
      expect(await world.restore({}, kill)).toBe('killed');
      const wasBegun = world.phase !== 'preparing';
      await world.restore({});
      expectAll(world, restored, JSON.stringify(kill));
      expect(world.beside.flatMap((folder) => world.holds(folder)).includes('old'), JSON.stringify([kill, world.beside])).toBe(true);
      if (wasBegun) expect(world.beside.filter((name) => name.includes('before-')).length).toBeGreaterThan(0);
      expect(world.beside).not.toContain('.berth-restore');
    }
  });

  test.each(['resume', 'undo'] as const)(
    'that is killed at any of its commands, and brought up by hand if it comes up, ends by --%s',
    async (ending) => {
      for (const kill of await killsOf(only, {}))
        for (const isUp of [false, true]) {
          using world = new CopyWorld(only);
          await world.restore({}, kill);
          if (isUp)
            try {
              world.up();
            } catch {
              // Half exchanged files keep it down.
            }
          await world.restore({ ending });
          expectAll(world, ending === 'undo' ? 'old' : restored, JSON.stringify([kill, isUp]));
          expect(world.beside).not.toContain('.berth-restore');
        }
    },
  );

  test('is undone by a run that is killed itself, and what was restored is kept where it was in its place', async () => {
    const cutOff = async (world: CopyWorld): Promise<void> => {
      using other = new CopyWorld(only);
      await other.restore({});
      await world.restore({}, { call: other.calls.length, when: 'before' });
      expect([new Set(world.holds()), world.phase]).toEqual([new Set([restored]), 'starting']);
    };
    for (const kill of await killsOf(only, { ending: 'undo' }, cutOff)) {
      using world = new CopyWorld(only);
      await cutOff(world);
      expect(await world.restore({ ending: 'undo' }, kill)).toBe('killed');
      if (world.phase === 'undoing')
        await expect(world.restore({ ending: 'resume' })).rejects.toMatchObject({
          hint: expect.stringContaining('--undo --yes') as string,
        });
      expect(text(await world.restore({ ending: 'undo' }))).toContain(`what was restored is in ${aside}`);
      expectAll(world, 'old', JSON.stringify(kill));
      expect(new Set(world.holds(aside))).toEqual(new Set([restored]));
      expect(world.beside).toEqual([aside]);
    }
  });

  test('that is cut off behind the exchange cannot be undone once the old data were removed, and is never begun again', async () => {
    using other = new CopyWorld(only);
    await other.restore({});
    using world = new CopyWorld(only);
    await world.restore({}, { call: other.calls.length, when: 'before' });
    world.remove(kept);
    const begun = world.calls.length;
    await expect(world.restore({ ending: 'undo' })).rejects.toMatchObject({
      kind: 'conflict',
      message: expect.stringContaining(`what was there before is gone: nobody finds ${kept}`) as string,
    });
    expect(world.phase).toBe('starting');
    expect(text(await world.restore({ ending: 'resume' }))).toMatch(
      /is back, as it was at 2026-03-29T14:00:00\.000Z: the restore that was begun at .*\nNothing newer was restored/,
    );
    expectAll(world, restored, 'what was removed');
    expect(world.calls.slice(begun).filter((call) => /base\.rdb|--into/.test(call))).toEqual([]);
  });

  test('that ends well leaves no record, says where the old data are, and cannot be undone by it', async () => {
    using world = new CopyWorld(only);
    const done = await world.restore({});
    expect(text(done)).toContain(`${only === 'cache' ? 'cache' : 'uploads'} is back: `);
    expectAll(world, restored, 'at once');
    expect([world.beside, new Set(world.holds(kept))]).toEqual([[kept], new Set(['old'])]);
    await expect(world.restore({ ending: 'undo' })).rejects.toMatchObject({
      kind: 'conflict',
      message: `no restore of a ${only} was cut off here, so there is none to undo`,
    });
  });

  test('says only what it would do without --yes, and changes nothing', async () => {
    using world = new CopyWorld(only);
    await expect(world.restore({ yes: false })).rejects.toMatchObject({
      message: expect.stringContaining('nothing was changed') as string,
    });
    expect(await world.restore({ dryRun: true })).toMatchObject({ result: { into: 'live' } });
    expect([world.calls, world.phase]).toEqual([[], undefined]);
    await world.restore({}, { call: 3, when: 'after' });
    const phase = world.phase;
    world.said.length = 0;
    expect(await world.restore({ ending: 'undo', dryRun: true })).toMatchObject({ result: { phase, next: expect.any(String) as string } });
    expect(world.said.join('')).toMatch(/^A restore of \w+, begun at \S+, was cut off /);
    await expect(world.restore({ ending: 'undo', yes: false })).rejects.toMatchObject({
      hint: expect.stringContaining('--undo --yes') as string,
    });
    expect(world.phase).toBe(phase);
  });

  test.each(['stop', 'run'] as const)('that fails at its first `%s` starts everything as it was, and leaves nothing', async (verb) => {
    using world = new CopyWorld(only);
    let failed = false;
    world.failing = (command) => {
      if (failed || !command.startsWith(verb)) return undefined;
      failed = true;
      return new Error('the engine is gone');
    };
    await expect(world.restore({})).rejects.toThrow('the engine is gone');
    expectAll(world, 'old', verb);
    expect(world.beside).toEqual([]);
  });

  test('that fails while old and new change places, or behind that, keeps its record and names both ways out', async () => {
    for (const [first, phase] of [
      [/\bmv -T\b/, 'exchanging'],
      [/^up /, 'starting'],
    ] as const) {
      using world = new CopyWorld(only);
      let failed = false;
      world.failing = (command) => {
        if (failed || (phase === 'exchanging' && world.phase !== 'exchanging') || !first.test(command)) return undefined;
        failed = true;
        return new Error('no space left');
      };
      const error = (await world.restore({}).catch((reason: unknown) => reason)) as BerthError;
      expect([error.kind, error.message, world.phase]).toEqual(['unfinished', expect.stringContaining('no space left'), phase]);
      expect(error.hint).toMatch(/--resume --yes` goes on with it, `.* --undo --yes` puts everything back/);
      await world.restore({});
      expectAll(world, restored, phase);
    }
  });

  test('is not begun while another is unfinished; to another time it is where nothing had changed places', async () => {
    using world = new CopyWorld(only);
    await world.restore({}, { call: 1, when: 'after' });
    expect(world.phase).toBe('preparing');
    await world.restore({ at: '2026-03-29T14:30Z' });
    expectAll(world, restored, 'another time');
    using later = new CopyWorld(only);
    const kills = await killsOf(only, {});
    await later.restore({}, { call: kills.at(-1)?.call ?? 0, when: 'before' });
    await expect(later.restore({ at: '2026-03-29T14:30Z' })).rejects.toMatchObject({
      kind: 'conflict',
      hint: expect.stringMatching(/^end that first: `berth restore --only/) as string,
    });
  });
});
