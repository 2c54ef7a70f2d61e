import { describe, expect, test } from 'vitest';
import type { Manifest } from '../../../model/backup/manifest.ts';
import { reachOf } from '../../../model/backup/reach.ts';
import { readCatalogue } from '../../../runtime/jobs/catalogue.ts';
import { chainsOf, restorableSpans } from '../../../runtime/jobs/coverage.ts';
import { LogShipper } from '../../../runtime/jobs/ship-logs.ts';
import type { Cut, LogFeed } from '../../../runtime/ports/log-source.ts';
import type { Producer } from '../../../runtime/ports/producer.ts';
import type { Store } from '../../../runtime/ports/store.ts';
import { memoryStore } from '../../../runtime/stores/memory-store.ts';
import { signer } from '../format/keys.ts';
import { FakeClock } from '../schedule/fake-clock.ts';
import { from, noise } from '../streams/bytes.ts';
import { numbered } from './chains.ts';
import { never, place, run, toolsFor } from './backup-world.ts';
import { dyingStore, Killed } from './dying-store.ts';

/** A server whose log is a number, a spool that holds it from some place on, and both as they are seen by an agent. */
class World {
  readonly clock = new FakeClock('2026-03-01T00:00:00Z');
  readonly store = memoryStore(this.clock.now);
  position = 100;
  /** The spool holds the log from here on. */
  oldest = 0;
  /** How much comes at once at most. */
  most = 1000;
  server = 'a';
  /** Only what is so old is certain to be in the log. */
  lagMs = 0;
  /** From one place of the log up to, and without, another it cannot be read, whoever asks. */
  unreadable: readonly [from: number, to: number] | undefined;
  /** The creation in the store that fails, counted from now. */
  failing = Infinity;

  readonly feed: LogFeed = {
    cut: async (after, _, until) => this.#cut(after, until),
    forget: async (upTo) => void (this.oldest = Math.max(this.oldest, Number(upTo.position.to))),
    [Symbol.asyncDispose]: async () => undefined,
  };

  shipper = (store: Store = this.store): LogShipper =>
    new LogShipper(place, {
      ...toolsFor(store, { clock: this.clock }),
      feed: this.feed,
      rules: numbered,
      trusted: [signer.publicKey],
      refreshMs: 600_000,
    });

  failingStore = (): Store => ({
    ...this.store,
    create: async (...args) => {
      this.failing -= 1;
      if (this.failing === 0) throw new Error('the store is away');
      return this.store.create(...args);
    },
  });

  /** Writes so much to the log, and lets a minute pass. */
  write(bytes: number): void {
    this.position += bytes;
    this.clock.set(this.clock.now().getTime() + 60_000);
  }

  /** @param since - What it is an increment of; nothing for a full backup. */
  full = async (during: () => Promise<unknown> = async () => undefined, since?: Manifest): Promise<Manifest> => {
    const changed = since === undefined ? {} : { since: since.position.to };
    const facts = { server: this.server, coveredUntil: this.clock.now().toISOString(), ...changed };
    const { manifests } = await this.catalogue();
    return run(
      this.store,
      this.#producer('base.tar', async () => {
        const position = { from: null, to: String(this.position) };
        const restorableFrom = this.clock.now().toISOString();
        await during();
        return { position, facts: { ...facts, restorableFrom } };
      }),
      { clock: this.clock },
      {
        newestId: manifests.at(-1)?.id,
        ...(since === undefined ? {} : { kind: 'increment', after: { chain: since.chain, parent: since.id } }),
      },
    );
  };

  increment = (since: Manifest): Promise<Manifest> => this.full(undefined, since);
  catalogue = async () => readCatalogue(this.store, 'v1/', [signer.publicKey], never);
  chains = async () => chainsOf((await this.catalogue()).manifests, numbered);

  #cut(after: Manifest, until: Date | undefined): Cut {
    if (after.facts['server'] !== this.server) return { kind: 'hole', because: 'another server' };
    const begin = Number(after.position.to);
    const covered = new Date(this.clock.now().getTime() - this.lagMs);
    if (begin < this.oldest) return { kind: 'hole', because: `nothing from ${begin} on` };
    const end = Math.min(this.position, begin + this.most);
    const [bad, good] = this.unreadable ?? [Infinity, Infinity];
    if (begin < good && end > bad) throw new Error('the log cannot be read');
    const said = until === undefined || reachOf(after).coveredUntil >= until;
    if (end === begin && said) return { kind: 'nothing', coveredUntil: covered };
    const all = end === this.position;
    const coveredUntil = (all ? covered : reachOf(after).coveredUntil).toISOString();
    const position = { from: String(begin), to: String(end) };
    return {
      kind: 'log',
      more: !all,
      producer: this.#producer('wal', async () => ({ position, facts: { server: this.server, coveredUntil } })),
    };
  }

  #producer(name: string, finish: () => Promise<Pick<Manifest, 'position' | 'facts'>>): Producer {
    return {
      engine: 'postgres',
      open: async () => ({
        streams: (async function* () {
          await Promise.resolve();
          yield { name, bytes: from(noise(50)) };
        })(),
        finish: async () => ({ ...(await finish()), tool: { name: 'none', version: '1', image: null } }),
        [Symbol.asyncDispose]: async () => undefined,
      }),
    };
  }
}

describe('shipping the log', () => {
  test('needs a full backup first, and then goes on behind it', async () => {
    const world = new World();
    const shipper = world.shipper();
    expect(await shipper.pass(never)).toEqual({ kind: 'full needed', because: 'there is no full backup yet' });
    const full = await shipper.during(() => world.full());
    world.write(30);
    const shipped = await shipper.pass(never);
    expect(shipped).toMatchObject({ kind: 'shipped', logs: [{ parent: full.id, chain: full.id, position: { from: '100', to: '130' } }] });
    expect(await shipper.pass(never)).toMatchObject({ kind: 'quiet' });
    world.write(5);
    expect(await shipper.pass(never)).toMatchObject({
      logs: [{ parent: shipped.kind === 'shipped' ? shipped.logs[0]?.id : '', position: { from: '130', to: '135' } }],
    });
  });

  test('goes on behind the newest full backup, also when it was looked at before anybody wrote', async () => {
    const world = new World();
    const shipper = world.shipper();
    await shipper.during(() => world.full());
    world.write(10);
    await shipper.pass(never);
    const second = await shipper.during(() => world.full());
    expect(await shipper.pass(never)).toMatchObject({ kind: 'quiet' });
    world.write(5);
    expect(await shipper.pass(never)).toMatchObject({
      logs: [{ chain: second.id, parent: second.id, position: { from: '110', to: '115' } }],
    });
    expect(restorableSpans(await world.chains())).toHaveLength(1);
  });

  test('lets go of its log while full backups are made without a pause, as far as none of them needs it', async () => {
    const world = new World();
    const shipper = world.shipper();
    await shipper.during(() => world.full());
    const ship = async (bytes: number): Promise<number> => {
      world.write(bytes);
      await shipper.pass(never);
      return world.oldest;
    };
    expect(await ship(10)).toBe(110);
    const oldest: number[] = [];
    const more = async (): Promise<void> => {
      oldest.push(await ship(10), await ship(10));
    };
    await shipper.during(() => world.full(more));
    await shipper.during(() => world.full(more));
    await shipper.during(async () => {
      oldest.push(await ship(10));
      return undefined;
    });
    expect([...oldest, await ship(10), await ship(10)]).toEqual([110, 110, 110, 130, 130, 170, 180]);
    expect(restorableSpans(await world.chains())).toHaveLength(1);
  });

  test('goes one way, also when the full backup that it follows was just made', async () => {
    const world = new World();
    const shipper = world.shipper();
    await shipper.during(() => world.full());
    for (const bytes of [10, 10, 10]) {
      world.write(bytes);
      await shipper.pass(never);
    }
    const { manifests } = await world.catalogue();
    expect(manifests.map(({ position }) => position.from)).toEqual([null, '100', '110', '120']);
  });

  test('that broke off in the middle goes on where it was, in the same process', async () => {
    const world = new World();
    const shipper = world.shipper(world.failingStore());
    await shipper.during(() => world.full());
    world.write(2500);
    world.failing = 4;
    await expect(shipper.pass(never)).rejects.toThrow('the store is away');
    await shipper.pass(never);
    const { manifests } = await world.catalogue();
    expect(manifests.map(({ position }) => position.to)).toEqual(['100', '1100', '2100', '2600']);
  });

  test('that broke off while a new full backup took over does not begin with it again', async () => {
    const world = new World();
    const shipper = world.shipper(world.failingStore());
    await shipper.during(() => world.full());
    world.write(10);
    await shipper.pass(never);
    const second = await shipper.during(() => world.full());
    world.write(2500);
    // The key and the manifest of three logs behind the first, of one behind the second, and then nothing.
    world.failing = 9;
    await expect(shipper.pass(never)).rejects.toThrow('the store is away');
    await shipper.pass(never);
    const { manifests } = await world.catalogue();
    const behindSecond = manifests.filter(({ chain, kind }) => chain === second.id && kind === 'log');
    expect(behindSecond.map(({ position }) => position.to)).toEqual(['1110', '2110', '2610']);
  });

  test('goes on behind the old full backup until what is certain reaches the new one', async () => {
    const world = new World();
    world.lagMs = 90_000;
    const shipper = world.shipper();
    const first = await shipper.during(() => world.full());
    for (const bytes of [10, 10, 10]) {
      world.write(bytes);
      await shipper.pass(never);
    }
    const second = await shipper.during(() => world.full());
    world.write(10);
    expect(await shipper.pass(never)).toMatchObject({ logs: [{ chain: first.id }] });
    world.write(10);
    expect(await shipper.pass(never)).toMatchObject({ logs: [{ chain: second.id, position: { from: '130', to: '150' } }] });
    expect(restorableSpans(await world.chains()).length).toBe(1);
  });

  describe('behind increments', () => {
    test('goes on as behind full backups, leaving out no time', async () => {
      const world = new World();
      const shipper = world.shipper();
      const full = await shipper.during(() => world.full());
      world.write(10);
      await shipper.pass(never);
      const first = await shipper.during(() => world.increment(full));
      world.write(10);
      expect(await shipper.pass(never)).toMatchObject({
        logs: [{ chain: full.id, parent: first.id, position: { from: '110', to: '120' } }],
      });
      const second = await shipper.during(() => world.increment(first));
      world.write(10);
      expect(await shipper.pass(never)).toMatchObject({ logs: [{ chain: full.id, parent: second.id }] });
      world.write(10);
      expect(await shipper.pass(never)).toMatchObject({ logs: [{ chain: full.id, position: { from: '130', to: '140' } }] });
      const chains = await world.chains();
      expect(chains.map(({ increments, logs }) => [increments.length, logs.length])).toEqual([
        [0, 2],
        [1, 2],
        [2, 2],
      ]);
      expect(restorableSpans(chains)).toHaveLength(1);
    });

    test('goes on where the store says it ended, and sees one that somebody else has made', async () => {
      const world = new World();
      const full = await world.full();
      world.write(10);
      await world.shipper().pass(never);
      const first = await world.increment(full);
      const shipper = world.shipper();
      world.write(10);
      await shipper.pass(never);
      expect((await world.chains()).at(-1)).toMatchObject({ increments: [{ id: first.id }], logs: [{ parent: first.id }] });
      const second = await world.increment(first);
      world.write(10);
      await world.clock.pass(600_000);
      await shipper.pass(never);
      world.write(10);
      await shipper.pass(never);
      const chains = await world.chains();
      expect(chains.at(-1)).toMatchObject({ increments: [{ id: first.id }, { id: second.id }], hole: undefined });
      expect(chains.at(-1)?.logs.at(-1)?.position.to).toBe('140');
      expect(restorableSpans(chains)).toHaveLength(1);
    });

    test('begins again behind a full backup that comes after them', async () => {
      const world = new World();
      const shipper = world.shipper();
      const first = await shipper.during(() => world.full());
      world.write(10);
      await shipper.pass(never);
      await shipper.during(() => world.increment(first));
      world.write(10);
      await shipper.pass(never);
      const second = await shipper.during(() => world.full());
      world.write(10);
      expect(await shipper.pass(never)).toMatchObject({ logs: [{ chain: second.id, parent: second.id }] });
    });

    test('is not led astray by an increment that could not be made', async () => {
      const world = new World();
      const shipper = world.shipper();
      const full = await shipper.during(() => world.full());
      expect(await shipper.during(async () => undefined)).toBeUndefined();
      world.write(10);
      expect(await shipper.pass(never)).toMatchObject({ logs: [{ parent: full.id }] });
    });
  });

  test('catches up in steps', async () => {
    const world = new World();
    const shipper = world.shipper();
    await shipper.during(() => world.full());
    world.write(2500);
    expect(await shipper.pass(never)).toMatchObject({
      logs: [{ position: { to: '1100' } }, { position: { to: '2100' } }, { position: { to: '2600' } }],
    });
  });

  test('goes on where the store says it ended, after the agent was started again', async () => {
    const world = new World();
    const first = world.shipper();
    await first.during(() => world.full());
    world.write(10);
    await first.pass(never);
    world.write(10);
    expect(await world.shipper().pass(never)).toMatchObject({ logs: [{ position: { from: '110', to: '120' } }] });
  });

  test('while a full backup is made goes on behind the one before, and no time is left out', async () => {
    const world = new World();
    const shipper = world.shipper();
    await shipper.during(() => world.full());
    world.write(10);
    await shipper.pass(never);
    const second = await shipper.during(() =>
      world.full(async () => {
        world.write(10);
        await shipper.pass(never);
        world.write(10);
        await shipper.pass(never);
      }),
    );
    world.write(10);
    expect(await shipper.pass(never)).toMatchObject({
      logs: [{ chain: second.id, parent: second.id, position: { from: '110', to: '140' } }],
    });
    const chains = await world.chains();
    expect(chains.map(({ logs }) => logs.at(-1)?.position.to)).toEqual(['140', '140']);
    expect(restorableSpans(chains).length).toBe(1);
  });

  test('of a quiet server still says that the old chain holds all until the new one takes over', async () => {
    const world = new World();
    const shipper = world.shipper();
    await shipper.during(() => world.full());
    world.write(10);
    await shipper.pass(never);
    world.write(0);
    await shipper.during(() => world.full());
    world.write(0);
    await shipper.pass(never);
    world.write(7);
    await shipper.pass(never);
    expect(restorableSpans(await world.chains())).toEqual([{ from: expect.any(Date), until: world.clock.now() }]);
  });

  test('takes a full backup over that another process has made, and closes the chain before it also after a restart', async () => {
    const world = new World();
    const shipper = world.shipper();
    await shipper.during(() => world.full());
    world.write(10);
    await shipper.pass(never);
    const second = await world.full();
    world.write(10);
    expect(await world.shipper().pass(never)).toMatchObject({ logs: [{ chain: second.id }] });
    expect(restorableSpans(await world.chains()).length).toBe(1);
  });

  test('stays with a chain that is sound when a new full backup cannot be followed', async () => {
    const world = new World();
    const shipper = world.shipper();
    await shipper.during(() => world.full());
    world.write(10);
    await shipper.pass(never);
    const second = await world.full();
    world.write(10);
    await shipper.pass(never);
    await world.clock.pass(600_000);
    world.write(10);
    // What the second needs has been forgotten meanwhile.
    expect(await shipper.pass(never)).toMatchObject({ kind: 'shipped', logs: [{ position: { from: '120', to: '130' } }] });
    expect((await world.chains()).find(({ full }) => full.id === second.id)?.logs).toEqual([]);
    world.write(10);
    expect(await shipper.pass(never)).toMatchObject({ kind: 'shipped', logs: [{ position: { from: '130' } }] });
  });

  test('leaves a chain whose log can never be read for the full backup that waits, a quarter of an hour later and no sooner', async () => {
    const world = new World();
    const shipper = world.shipper();
    await shipper.during(() => world.full());
    world.write(10);
    await shipper.pass(never);
    world.unreadable = [110, 130];
    world.write(20);
    await expect(shipper.pass(never)).rejects.toThrow('the log cannot be read');
    const second = await shipper.during(() => world.full());
    for (let minutes = 0; minutes < 15; minutes += 1) {
      await expect(shipper.pass(never)).rejects.toThrow('the log cannot be read');
      await world.clock.pass(60_000);
      world.write(1);
    }
    expect(await shipper.pass(never)).toMatchObject({
      kind: 'shipped',
      logs: [{ chain: second.id, position: { from: '130', to: '145' } }],
    });
    world.write(1);
    expect(await shipper.pass(never)).toMatchObject({ kind: 'shipped', logs: [{ chain: second.id, position: { from: '145' } }] });
  });

  test('does not leave a chain while nothing else can be shipped either', async () => {
    const world = new World();
    const shipper = world.shipper();
    await shipper.during(() => world.full());
    world.write(10);
    await shipper.pass(never);
    await shipper.during(() => world.full());
    world.unreadable = [0, 1000];
    for (let minutes = 0; minutes < 40; minutes += 1) {
      await world.clock.pass(60_000);
      world.write(1);
      await expect(shipper.pass(never)).rejects.toThrow('the log cannot be read');
    }
    world.unreadable = undefined;
    await shipper.pass(never);
    expect(restorableSpans(await world.chains()).length).toBe(1);
  });

  test('finds a hole, asks for a full backup until there is one, and goes on behind that', async () => {
    const world = new World();
    const shipper = world.shipper();
    await shipper.during(() => world.full());
    world.write(10);
    world.oldest = 105;
    const needed = { kind: 'full needed', because: 'nothing from 100 on' };
    expect(await shipper.pass(never)).toEqual(needed);
    expect(await shipper.pass(never)).toEqual(needed);
    expect(await world.shipper().pass(never)).toEqual(needed);
    const full = await shipper.during(() => world.full());
    world.write(10);
    expect(await shipper.pass(never)).toMatchObject({ logs: [{ parent: full.id }] });
  });

  test('behind a hole does not read the store at each look, and sees within half a minute what somebody else has made', async () => {
    const world = new World();
    let looks = 0;
    const list: Store['list'] = (...args) => {
      looks += 1;
      return world.store.list(...args);
    };
    const shipper = world.shipper({ ...world.store, list });
    await shipper.during(() => world.full());
    world.write(10);
    await shipper.pass(never);
    world.server = 'b';
    for (let times = 0; times < 20; times += 1) {
      expect(await shipper.pass(never)).toMatchObject({ kind: 'full needed' });
      await world.clock.pass(1000);
    }
    expect(looks).toBeLessThan(6);
    const made = await world.full();
    await world.clock.pass(30_000);
    world.write(10);
    expect(await shipper.pass(never)).toMatchObject({ kind: 'shipped', logs: [{ chain: made.id }] });
  });

  test('of another server asks for a full backup of its own', async () => {
    const world = new World();
    const shipper = world.shipper();
    await shipper.during(() => world.full());
    world.server = 'b';
    world.write(10);
    expect(await shipper.pass(never)).toEqual({ kind: 'full needed', because: 'another server' });
  });

  test('that is killed at any of its dealings with the store leaves neither a hole nor anything twice', async () => {
    for (let at = 1; at <= 40; at += 1) {
      const world = new World();
      await world.full();
      world.write(10);
      await world
        .shipper(dyingStore(world.store, at, at % 2 === 0 ? 'before' : 'after'))
        .pass(never)
        .catch((error: unknown) => {
          if (!(error instanceof Killed)) throw error;
        });
      world.write(10);
      await world.shipper().pass(never);
      const [chain] = await world.chains();
      expect(chain?.hole).toBeUndefined();
      expect(chain?.logs.at(-1)?.position.to).toBe('120');
    }
  });
});
