import { describe, expect, test } from 'vitest';
import { dataKey } from '../../../model/backup/layout.ts';
import type { Manifest } from '../../../model/backup/manifest.ts';
import { BerthError } from '../../../model/errors.ts';
import { sweep } from '../../../runtime/jobs/prune.ts';
import { readVerifications, recordFinding } from '../../../runtime/jobs/verifications.ts';
import { decode, inspect, prove, rehash, type ProveTools } from '../../../runtime/jobs/verify.ts';
import type { Restorable, ScratchEngine } from '../../../runtime/ports/scratch-engine.ts';
import { memoryStore } from '../../../runtime/stores/memory-store.ts';
import { collect } from '../../../runtime/streams/blocks.ts';
import { formerSigner, operator, signer } from '../format/keys.ts';
import { FakeClock } from '../schedule/fake-clock.ts';
import { noise, whole } from '../streams/bytes.ts';
import { engineOf, never, openLease, place, run, toolsFor } from './backup-world.ts';
import { numbered } from './chains.ts';

/** An engine that keeps what it holds in a file, and takes it for granted that it is restored right, but for what a test breaks. */
class World {
  readonly clock = new FakeClock('2026-03-01T00:00:00Z');
  readonly store = memoryStore(this.clock.now);
  holds = '7 rows';
  quiet = true;
  canary: Date | undefined;
  disposed = 0;
  started = 0;
  readonly manifests: Manifest[] = [];

  readonly engine: ScratchEngine = {
    engine: 'postgres',
    layOut: async (chain) => {
      for (const { manifest, open } of chain) for (const { name } of manifest.streams) await whole(open(name));
      return {
        recover: async () => {
          this.started += 1;
          return {
            position: '110',
            canary: async () => this.canary,
            facts: async () => this.holds,
            keep: async () => [],
            [Symbol.asyncDispose]: async () => void (this.disposed += 1),
          };
        },
        [Symbol.asyncDispose]: async () => void (this.disposed += 1),
      };
    },
    expectation: async (full: Restorable) => {
      const facts = Buffer.from(await collect(full.open('facts'), 1000)).toString();
      return this.quiet ? { target: { kind: 'position', position: '105' }, facts } : undefined;
    },
    compare: (expected, found) => (expected === found ? [] : [`${JSON.stringify(found)} is not ${JSON.stringify(expected)}`]),
  };
  readonly tools: ProveTools = {
    ...toolsFor(this.store, { clock: this.clock }),
    engine: this.engine,
    identity: operator.privateKey,
    rules: numbered,
  };

  async fill(): Promise<readonly [Manifest, Manifest]> {
    const position = (from: string | null, to: string) => async () => ({
      position: { from, to },
      facts: {},
      tool: { name: 'none', version: '1', image: null },
    });
    const files = { base: noise(900), facts: Buffer.from('7 rows') };
    const full = await run(this.store, engineOf(files, position(null, '100')), { clock: this.clock });
    const after = { chain: full.id, parent: full.id };
    const asked = { kind: 'log', after, newestId: full.id } as const;
    const log = await run(this.store, engineOf({ wal: noise(90) }, position('100', '110')), { clock: this.clock }, asked);
    this.manifests.push(full, log);
    return [full, log];
  }

  async damage({ id }: Manifest, stream: string): Promise<void> {
    const key = dataKey(place, id, stream, 'aes256', 1);
    const bytes = Buffer.from(await collect(this.store.read(key, never), 10_000));
    bytes[3]! ^= 1;
    await this.store.put(key, bytes, never);
  }

  levels = async () =>
    Object.fromEntries(
      [...(await readVerifications(place, this.store, [signer.publicKey], never)).proofs].map(([id, { level }]) => [id, level]),
    );
}

describe('verification', () => {
  test('climbs from bytes to a restore, and remembers each step', async () => {
    const world = new World();
    const [full, log] = await world.fill();
    await rehash(place, full, world.tools, never);
    expect(await world.levels()).toEqual({ [full.id]: 1 });
    await decode(place, full, world.tools, never);
    expect(await world.levels()).toEqual({ [full.id]: 2 });
    await inspect(place, full, world.manifests, world.tools, never);
    expect(await world.levels()).toEqual({ [full.id]: 2, [log.id]: 2 });
    expect(world.started).toBe(0);
    const { detail } = await prove(place, full, world.manifests, world.tools, never);
    expect(detail).toEqual(['restored up to 110; all that was known of it then is the same']);
    expect(await world.levels()).toEqual({ [full.id]: 3, [log.id]: 3 });
    expect(world.disposed).toBe(3);
    world.canary = new Date(new Date(full.finishedAt).getTime() - 3000);
    expect((await prove(place, full, world.manifests, world.tools, never)).detail[1]).toBe(
      `the newest canary that came back is of ${world.canary.toISOString()}, 3 s before that backup was complete`,
    );
  });

  test('writes down what a restore took: the backup itself, and its log', async () => {
    const world = new World();
    const [full] = await world.fill();
    const { engine } = world;
    const slow: ScratchEngine = {
      ...engine,
      layOut: async (chain, signal) => {
        const laidOut = await engine.layOut(chain, signal);
        await world.clock.pass(3000);
        const recover: typeof laidOut.recover = async (target, stop) => {
          await world.clock.pass(2000);
          return laidOut.recover(target, stop);
        };
        return { ...laidOut, recover };
      },
    };
    await prove(place, full, world.manifests, { ...world.tools, engine: slow }, never);
    await rehash(place, full, world.tools, never);
    const { records } = await readVerifications(place, world.store, [signer.publicKey], never);
    expect(records.toSorted((a, b) => a.level - b.level).map(({ level, measured }) => [level, measured])).toEqual([
      [1, null],
      [3, { whole: { bytes: 900 + 6, milliseconds: 3000 }, log: null, replay: { bytes: 90, milliseconds: 2000 } }],
    ]);
  });

  test('finds what is damaged, and blames nothing else', async () => {
    const world = new World();
    const [full, log] = await world.fill();
    await prove(place, full, world.manifests, world.tools, never);
    await world.damage(log, 'wal');
    expect(await prove(place, full, world.manifests, world.tools, never)).toMatchObject({ result: 'broken', level: 1, backups: [log.id] });
    expect(await world.levels()).toEqual({ [full.id]: 3, [log.id]: -1 });
    // What was found last counts, also when the clock was set back.
    world.clock.set('2026-02-01T00:00:00Z');
    expect(await rehash(place, full, world.tools, never)).toMatchObject({ result: 'sound' });
    expect(await rehash(place, log, world.tools, never)).toMatchObject({ result: 'broken', level: 1 });
    expect(await decode(place, log, world.tools, never)).toMatchObject({ result: 'broken', level: 1 });
  });

  test('finds a restore that works and gives something else', async () => {
    const world = new World();
    const [full] = await world.fill();
    world.holds = '6 rows';
    expect(await prove(place, full, world.manifests, world.tools, never)).toMatchObject({
      result: 'broken',
      backups: world.manifests.map(({ id }) => id),
      detail: ['"6 rows" is not "7 rows"'],
    });
    // Every byte of it is what was written all the same.
    expect(await rehash(place, full, world.tools, never)).toMatchObject({ result: 'sound' });
    expect((await world.levels())[full.id]).toBe(-3);
    world.holds = '7 rows';
    await prove(place, full, world.manifests, world.tools, never);
    expect((await world.levels())[full.id]).toBe(3);
  });

  describe('acquits nothing that somebody else has found to be broken while it was at work:', () => {
    const meanwhile = (world: World, ...broken: readonly Manifest[]): ScratchEngine => ({
      ...world.engine,
      layOut: async (chain, signal) => {
        const laidOut = await world.engine.layOut(chain, signal);
        const finding = {
          backups: broken.map(({ id }) => id),
          level: 1,
          result: 'broken',
          detail: ['part 3 is not what was written'],
        } as const;
        await recordFinding(place, finding, world.tools, never);
        return laidOut;
      },
    });

    test('the rest is proven, and what was left out is named', async () => {
      const world = new World();
      const [full, log] = await world.fill();
      const record = await prove(place, full, world.manifests, { ...world.tools, engine: meanwhile(world, log) }, never);
      expect(record).toMatchObject({
        result: 'sound',
        backups: [full.id],
        detail: ['restored up to 110; all that was known of it then is the same', `found to be broken meanwhile, and left out: ${log.id}`],
      });
      expect(await world.levels()).toEqual({ [full.id]: 3, [log.id]: -1 });
      // Whoever begins after that may find that it is whole.
      await prove(place, full, world.manifests, world.tools, never);
      expect(await world.levels()).toEqual({ [full.id]: 3, [log.id]: 3 });
    });

    test('where nothing is left of what was looked at, it is broken', async () => {
      const world = new World();
      const [full, log] = await world.fill();
      const record = await prove(place, full, world.manifests, { ...world.tools, engine: meanwhile(world, full, log) }, never);
      expect(record).toMatchObject({ result: 'broken', level: 1, backups: [full.id, log.id], measured: null });
      expect(await world.levels()).toEqual({ [full.id]: -1, [log.id]: -1 });
    });

    test('but what a signer says who is not trusted here counts for nothing', async () => {
      const world = new World();
      const [full, log] = await world.fill();
      const stranger: World = Object.assign(Object.create(world) as World, { tools: { ...world.tools, signer: formerSigner } });
      const engine = meanwhile(stranger, log);
      await prove(place, full, world.manifests, { ...world.tools, engine }, never);
      expect(await world.levels()).toEqual({ [full.id]: 3, [log.id]: 3 });
      await prove(place, full, world.manifests, { ...world.tools, engine, trusted: [signer.publicKey, formerSigner.publicKey] }, never);
      const { records } = await readVerifications(place, world.store, [signer.publicKey], never);
      expect(records.toSorted((a, b) => (a.id < b.id ? -1 : 1)).at(-1)?.backups).toEqual([full.id]);
    });
  });

  test('does not take trouble of its own for damage', async () => {
    const world = new World();
    const [full] = await world.fill();
    const engine = { ...world.engine, layOut: async () => Promise.reject(new BerthError('io', 'No space left on device', 'make room')) };
    await expect(prove(place, full, world.manifests, { ...world.tools, engine }, never)).rejects.toThrow('No space left');
    expect(await world.levels()).toEqual({});
  });

  test('says so when there is nothing to compare with, or the logs do not yet reach so far', async () => {
    const world = new World();
    const [full] = await world.fill();
    await expect(prove(place, full, [full], world.tools, never)).rejects.toThrow('position 105 is in no backup');
    world.quiet = false;
    await expect(prove(place, full, world.manifests, world.tools, never)).rejects.toThrow('no moment was without a transaction that wrote');
  });

  test('does not count what somebody else has written down, or what is damaged', async () => {
    const world = new World();
    const [full] = await world.fill();
    const finding = { backups: [full.id], level: 4, result: 'sound', detail: ['a\nb'] } as const;
    await recordFinding(place, finding, { ...world.tools, signer: formerSigner }, never);
    await world.store.put(`v1/${place.site}/${place.source}/verified/x.json`, Buffer.from('{'), never);
    const { proofs, refused } = await readVerifications(place, world.store, [signer.publicKey], never);
    expect([proofs.size, refused.length]).toEqual([0, 2]);
    await recordFinding(place, finding, world.tools, never);
    expect(await world.levels()).toEqual({ [full.id]: 4 });
  });

  test('is forgotten with the backups that it is of, and not before', async () => {
    const world = new World();
    const [full] = await world.fill();
    const record = (id: string) => recordFinding(place, { backups: [id], level: 1, result: 'sound', detail: [] }, world.tools, never);
    await record(full.id);
    await record('01JD5Z5M2R000000000000000A');
    const tools = { ...world.tools, lease: openLease(), trusted: [signer.publicKey], levelOf: () => 0, graceMs: 3_600_000 };
    const time = () => ({ now: world.clock.now(), expected: world.clock.now() });
    await sweep(place, time(), tools, never);
    expect(Object.keys(await world.levels()).length).toBe(2);
    world.clock.set(world.clock.now().getTime() + 7_200_000);
    await world.store.put(`v1/${place.site}/${place.source}/data/${full.id}/later`, Buffer.from('x'), never);
    await sweep(place, time(), tools, never);
    expect(Object.keys(await world.levels())).toEqual([full.id]);
  });
});
