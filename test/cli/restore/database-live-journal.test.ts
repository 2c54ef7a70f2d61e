import { describe, expect, test } from 'vitest';
import type { BerthError } from '../../../model/errors.ts';
import { LiveWorld } from './database-live-world.ts';
import type { Asking, Kill } from './killable-site.ts';

const kept = (engine: string): string => `${engine === 'postgres' ? 'pgdata' : 'data'}.before-2026-03-29T16-00-00-000Z`;
const at = '2026-03-29T14:30Z';
const all = ['agent-postgres', 'database', 'database-replica', 'web-blue'];

/** Every command of a restore, and each rename of those that move folders; but for what leaves the site as another one does. */
async function killsOf(
  engine: 'postgres' | 'mysql',
  asking: Asking,
  before?: (world: LiveWorld) => Promise<unknown>,
): Promise<readonly Kill[]> {
  using world = new LiveWorld(engine);
  await before?.(world);
  expect(await world.restore(asking)).not.toBe('killed');
  return world.calls.flatMap((command, index): readonly Kill[] => {
    const renames = command.match(/mv (?:--exchange --no-copy )?-T/g) ?? [];
    const within = renames.map((_, rename) => ({ call: index + 1, when: `rename ${rename + 1}` as const }));
    const isLook = /^ps|^docker ps|stat -c|cksum$/.test(command);
    return [
      ...(index === 0 || world.phases[index] !== world.phases[index - 1] ? [{ call: index + 1, when: 'before' as const }] : []),
      ...within,
      ...(isLook ? [] : [{ call: index + 1, when: 'after' as const }]),
    ];
  });
}

const expectAll = (world: LiveWorld, holds: 'old' | 'new', what: string): void => {
  expect([what, world.holds(), world.replica, [...world.running].toSorted(), world.record]).toEqual([what, holds, holds, all, undefined]);
};
const text = (done: unknown): string => (typeof done === 'object' && done !== null && 'text' in done ? String(done.text) : String(done));

describe.each(['postgres', 'mysql'] as const)('a restore of %s into its place', (engine) => {
  // With the latest the application is stopped first.
  describe.each(engine === 'postgres' ? [{ at }] : [{}])('with %o', (target) => {
    test('that is killed at any of its commands is ended by the same command, and the old data are kept', async () => {
      for (const kill of await killsOf(engine, target)) {
        using world = new LiveWorld(engine);
        expect(await world.restore(target, kill)).toBe('killed');
        expect(world.record).toBeDefined();
        await world.restore(target);
        expectAll(world, 'new', JSON.stringify(kill));
        expect(world.kept).toContain('old');
      }
    });

    test('that begins anew behind its own undoing leaves nothing of what it restored before', async () => {
      using other = new LiveWorld(engine);
      await other.restore(target);
      using world = new LiveWorld(engine);
      const cutOff = async (): Promise<void> => {
        await world.restore(target, { call: other.calls.length, when: 'before' });
        using twin = new LiveWorld(engine);
        await twin.restore(target, { call: other.calls.length, when: 'before' });
        await twin.restore({ ending: 'undo' });
        await world.restore({ ending: 'undo' }, { call: twin.calls.length, when: 'before' });
      };
      await cutOff();
      expect([world.record?.phase, world.holds()]).toEqual(['undoing', 'old']);
      world.up();
      await world.restore({ ...target, ending: 'resume' });
      expectAll(world, 'new', 'anew');
      expect(world.kept).toEqual(['old']);
    });

    test('that is killed at any of its commands is undone, with everything as it was', async () => {
      for (const kill of await killsOf(engine, target)) {
        using world = new LiveWorld(engine);
        await world.restore(target, kill);
        await world.restore({ ending: 'undo' });
        expectAll(world, 'old', JSON.stringify(kill));
        expect(world.holds('berth-restore/data')).toBeUndefined();
      }
    });

    test.each(['resume', 'undo'] as const)(
      'that is killed, and brought up by hand, comes to its end by --%s, and whichever data give way are kept',
      async (ending) => {
        for (const kill of (await killsOf(engine, target)).filter(({ when }) => when !== 'before')) {
          using world = new LiveWorld(engine);
          await world.restore(target, kill);
          world.up();
          const was = world.holds();
          const wanted = ending === 'undo' ? 'old' : 'new';
          await world.restore({ ending });
          expectAll(world, wanted, JSON.stringify(kill));
          if (was !== wanted) expect(world.kept).toContain(was);
        }
      },
    );
  });

  const afterExchange = { call: 0, when: 'after' } as const;
  /** Killed right behind the exchange. */
  const cutOff = async (world: LiveWorld, when: 'before' | 'after' = 'after'): Promise<void> => {
    using other = new LiveWorld(engine);
    await other.restore({ at });
    const call = other.calls.findIndex((command) => /-T .*berth-restore\/data .*before-/.test(command)) + 1;
    expect(await world.restore({ at }, { ...afterExchange, call, when })).toBe('killed');
    expect(world.holds()).toBe(when === 'after' ? 'new' : 'old');
  };

  test.each(['resume', 'undo'] as const)('whose %s is killed at any of its commands comes to its end by the same words', async (ending) => {
    for (const when of ['before', 'after'] as const)
      for (const kill of await killsOf(engine, { ending }, (world) => cutOff(world, when))) {
        using world = new LiveWorld(engine);
        await cutOff(world, when);
        expect(await world.restore({ ending }, kill)).toBe('killed');
        await world.restore({ ending });
        expectAll(world, ending === 'undo' ? 'old' : 'new', `${when} ${JSON.stringify(kill)}`);
      }
  });

  test('whose undoing is killed at any of its commands is restored after all when somebody says so, and not without', async () => {
    for (const kill of await killsOf(engine, { ending: 'undo' }, cutOff)) {
      using world = new LiveWorld(engine);
      await cutOff(world);
      await world.restore({ ending: 'undo' }, kill);
      if (world.record?.phase === 'undoing')
        await expect(world.restore({ at })).rejects.toMatchObject({
          kind: 'conflict',
          message: expect.stringContaining('it was being undone') as string,
        });
      await world.restore({ ending: 'resume' });
      expectAll(world, 'new', JSON.stringify(kill));
      expect(world.kept).toContain('old');
    }
  });

  test('that was cut off is not ended by the same command where a server has written to the old data since', async () => {
    using world = new LiveWorld(engine);
    await cutOff(world, 'before');
    world.up();
    for (const name of ['database', 'web-blue']) world.running.delete(name);
    await expect(world.restore({ at })).rejects.toMatchObject({
      kind: 'conflict',
      message: expect.stringMatching(
        /begun at 2026-03-29T16:00:00.000Z, was cut off when|a server has run on the old data since; nothing was changed now/,
      ) as string,
      hint: expect.stringMatching(
        /--resume --yes` puts the restored data in their place, and keeps the present ones.*--undo --yes` stays/,
      ) as string,
    });
    expect([world.holds(), world.record?.phase]).toEqual(['old', 'exchanging']);
    await world.restore({ ending: 'resume' });
    expectAll(world, 'new', 'resumed');
  });

  test('to the latest, cut off, takes in what was written since', async () => {
    using world = new LiveWorld(engine);
    const exchange = (await killsOf(engine, {})).find(({ when }) => when === 'rename 1');
    await world.restore({}, { call: exchange?.call ?? 0, when: 'before' });
    world.up();
    await world.restore({});
    expect(world.shipped).toBe(2);
    expectAll(world, 'new', 'anew');
  });

  test('says before it does anything what was cut off, what was found and what it would do', async () => {
    using world = new LiveWorld(engine);
    await cutOff(world);
    await expect(world.restore({ at, yes: false })).rejects.toMatchObject({
      kind: 'conflict',
      message: expect.stringContaining('was cut off while old and new data changed places; nothing was changed now') as string,
      hint: expect.stringMatching(
        /--into live --resume --yes` goes on with it, .*--into live --undo --yes` puts everything back/,
      ) as string,
    });
    expect(world.said.join('')).toContain('its data are in their place: what is left is done');
    await world.restore({ ending: 'undo', dryRun: true });
    expect(world.said.join('')).toContain(
      'the old data come back to their place; the restored ones, with all that was written to them since, are kept',
    );
    expect([world.holds(), world.running.has('database')]).toEqual(['new', false]);
  });

  test('is refused while another one is not ended; before any data have changed places one to another time may take its place', async () => {
    using world = new LiveWorld(engine);
    await cutOff(world);
    await expect(world.restore({})).rejects.toMatchObject({
      kind: 'conflict',
      hint: expect.stringContaining('end that first: `berth restore') as string,
    });
    await world.restore({ ending: 'undo' });
    await world.restore({ at }, { call: 1, when: 'after' });
    expect(world.record?.phase).toBe('preparing');
    await world.restore({});
    expectAll(world, 'new', 'another');
  });

  test('leaves nothing to end when it has come to its end', async () => {
    using world = new LiveWorld(engine);
    await world.restore({ at });
    for (const ending of ['resume', 'undo'] as const)
      await expect(world.restore({ ending })).rejects.toMatchObject({
        kind: 'conflict',
        message: `no restore of a database was cut off here, so there is none to ${ending}`,
      });
  });

  test('that does not start on its restored data keeps its record and names both ways out', async () => {
    using world = new LiveWorld(engine);
    world.failing = (command) => (command.startsWith('up') ? new Error('database is unhealthy') : undefined);
    await expect(world.restore({ at })).rejects.toMatchObject({
      kind: 'unfinished',
      message: expect.stringContaining('database has its new data, the old ones are in') as string,
      hint: expect.stringMatching(/--resume --yes`.*--undo --yes`/) as string,
    });
    expect(world.record?.phase).toBe('starting');
    await expect(world.restore({ at })).rejects.toMatchObject({ kind: 'unfinished' });
    // What does not start on the old data either is no reason to keep anybody from another restore.
    await expect(world.restore({ ending: 'undo' })).rejects.toMatchObject({
      kind: 'unfinished',
      message: expect.stringContaining('database has its old data again') as string,
    });
    world.failing = undefined;
    expect([world.holds(), world.record]).toEqual(['old', undefined]);
  });

  test.each(['is full', 'is stopped by Ctrl-C'])(
    'leaves everything as it was, and no record, when it %s while it is filled',
    async (what) => {
      using world = new LiveWorld(engine);
      const stopping = new AbortController();
      world.failing = (command) => {
        if (!command.includes('--attended') && !command.includes('node')) return undefined;
        if (what !== 'is full') stopping.abort();
        return new Error('No space left on device');
      };
      await expect(world.restore({ at, signal: stopping.signal })).rejects.toThrow('No space left');
      expectAll(world, 'old', what);
      expect(world.holds('berth-restore/data')).toBeUndefined();
    },
  );

  test('whose exchange breaks off is as it was before, with nothing left of it, or not started until somebody says which data are wanted', async () => {
    const exchange = (await killsOf(engine, { at })).filter(({ when }) => when.startsWith('rename'));
    expect(exchange.length).toBe(engine === 'postgres' ? 3 : 8);
    for (const kill of exchange) {
      using world = new LiveWorld(engine);
      const failed = await world.restore({ at }, { ...kill, lives: true }).then(
        () => undefined,
        (error: unknown) => error as BerthError,
      );
      const record = world.record;
      if (failed === undefined) expectAll(world, 'new', JSON.stringify(kill));
      else if (record === undefined) {
        expectAll(world, 'old', JSON.stringify(kill));
        expect(world.kept).toEqual([]);
      } else {
        expect(failed).toMatchObject({
          kind: 'unfinished',
          message: expect.stringContaining('how far that has come is not known') as string,
        });
        expect([record.phase, world.running.has('database')]).toEqual(['exchanging', false]);
        await world.restore({ at });
        expectAll(world, 'new', JSON.stringify(kill));
      }
    }
  });

  test.each([1, 3, 5, 7, 9, 11])('whose engine goes away at command %i is ended once it is back', async (call) => {
    using world = new LiveWorld(engine);
    world.failing = () => (world.calls.length >= call ? new Error('Cannot connect to the Docker daemon') : undefined);
    await expect(world.restore({ at })).rejects.toMatchObject({
      kind: 'unfinished',
      hint: expect.stringContaining('--undo --yes') as string,
    });
    world.failing = undefined;
    world.running.delete('database');
    await world.restore({ ending: call % 4 === 1 ? 'resume' : 'undo' });
    expectAll(world, call % 4 === 1 ? 'new' : 'old', String(call));
  });

  test('cannot be undone once the old data were removed, and says so', async () => {
    using world = new LiveWorld(engine);
    await cutOff(world);
    const { rmSync } = await import('node:fs');
    rmSync(`${world.site}/volume/${kept(engine)}`, { recursive: true });
    await expect(world.restore({ ending: 'undo' })).rejects.toMatchObject({
      kind: 'conflict',
      message: expect.stringContaining('the old data are not in the volume any more') as string,
      hint: expect.stringContaining('--resume --yes` goes on with it') as string,
    });
    expect(text(await world.restore({ ending: 'resume' }))).toContain('Nothing newer was restored');
    expectAll(world, 'new', 'without the old ones');
  });

  test('finds data that are neither the old nor the restored ones, and touches them for nobody but who wants the old ones', async () => {
    using world = new LiveWorld(engine);
    await cutOff(world);
    const { renameSync, mkdirSync, writeFileSync } = await import('node:fs');
    const data = `${world.site}/volume/${engine === 'postgres' ? 'pgdata' : 'data'}`;
    renameSync(data, `${data}.away`);
    mkdirSync(data);
    writeFileSync(`${data}/holds`, 'foreign');
    for (const asking of [{ at }, { ending: 'resume' as const }])
      await expect(world.restore(asking)).rejects.toMatchObject({
        message: expect.stringContaining('neither the old nor the restored ones') as string,
      });
    await world.restore({ ending: 'undo' });
    expectAll(world, 'old', 'undone');
    expect(world.kept).toEqual(['foreign']);
  });
});
