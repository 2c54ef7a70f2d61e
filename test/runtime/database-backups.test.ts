import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { Manifest } from '../../model/backup/manifest.ts';
import { reachOf } from '../../model/backup/reach.ts';
import { DatabaseBackups, type ShippingEvents } from '../../runtime/database-backups.ts';
import type { DatabaseJob } from '../../runtime/databases.ts';
import type { Recipient } from '../../runtime/format/keys.ts';
import { readCatalogue } from '../../runtime/jobs/catalogue.ts';
import { readKeyFiles } from '../../runtime/jobs/key-files.ts';
import type { Clock } from '../../runtime/ports/clock.ts';
import type { LogFeed } from '../../runtime/ports/log-source.ts';
import { recordFinding } from '../../runtime/jobs/verifications.ts';
import type { BackedUpEngine } from '../../runtime/ports/engine.ts';
import { NoIncrement, type Producer } from '../../runtime/ports/producer.ts';
import { memoryStore } from '../../runtime/stores/memory-store.ts';
import { operator, recipients, signer } from './format/keys.ts';
import { numbered } from './jobs/chains.ts';
import { never, openLease, toolsFor } from './jobs/backup-world.ts';
import { from, noise } from './streams/bytes.ts';

/** Whoever sleeps is woken at once, and the time has passed. */
class HurriedClock implements Clock {
  #at = Date.parse('2026-03-01T00:00:00Z');
  now = (): Date => new Date(this.#at);
  elapsed = (): number => this.#at;
  sinceBoot = this.elapsed;
  sleep = async (milliseconds: number): Promise<void> => {
    this.#at += milliseconds;
    await turn();
  };
}

const job = { name: 'db', kind: 'postgres', schedule: '0 1 * * *', timeZone: 'UTC', timeout: 60, database: { rpo: 60 } } as DatabaseJob;

/** A server whose log is a number, and the agent that copies it. */
class World {
  readonly clock = new HurriedClock();
  readonly store = memoryStore(this.clock.now);
  readonly told: string[] = [];
  readonly stop = new AbortController();
  recipients: readonly Recipient[] = recipients;
  position = 100;
  /** Why only a full backup can be had. */
  noIncrement: string | undefined;
  /** What the server holds. */
  facts: Manifest['facts'] = {};
  away = 0;

  readonly feed: LogFeed = {
    cut: async (after, _, until) => {
      const coveredUntil = this.clock.now();
      const begin = Number(after.position.to);
      if (begin === this.position && (until === undefined || reachOf(after).coveredUntil >= until))
        return { kind: 'nothing', coveredUntil };
      const position = { from: String(begin), to: String(this.position) };
      return { kind: 'log', more: false, producer: this.#producer(position, { coveredUntil: coveredUntil.toISOString() }) };
    },
    forget: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };

  readonly engine: BackedUpEngine = {
    producer: { engine: 'postgres', open: async (signal) => this.#producer({ from: null, to: String(this.position) }, {}).open(signal) },
    increment: ({ manifest }) => ({
      engine: 'postgres',
      open: async (signal) => {
        if (this.noIncrement !== undefined) throw new NoIncrement(this.noIncrement);
        const since = manifest.position.to;
        return this.#producer({ from: null, to: String(this.position) }, { since }).open(signal);
      },
    }),
    logs: {
      engine: 'postgres',
      open: async () => {
        this.away -= 1;
        if (this.away >= 0) throw new Error('the server is away');
        return this.feed;
      },
    },
    scratch: {
      engine: 'postgres',
      layOut: async () => Promise.reject(new Error('not here')),
      expectation: async () => undefined,
      compare: () => [],
    },
    rules: numbered,
  };

  readonly backups = new DatabaseBackups(job, 'shop', {
    ...toolsFor(this.store, { clock: this.clock }),
    leases: { acquire: async () => openLease() },
    trusted: [signer.publicKey],
    leasePatienceMs: 1000,
    recipients: () => this.recipients,
    identity: operator.privateKey,
    engine: this.engine,
  });

  readonly events: ShippingEvents = {
    shipped: (logs) => void this.told.push(`shipped ${logs.map(({ position }) => position.to ?? '').join()}`),
    fullNeeded: (because) => void this.told.push(because),
    full: ({ manifest }) => void this.told.push(`full ${manifest.position.to ?? ''}`),
    failed: (what, error) => void this.told.push(`${what}: ${(error as Error).message}`),
  };

  manifests = async (): Promise<readonly Manifest[]> => (await readCatalogue(this.store, 'v1/', [signer.publicKey], never)).manifests;

  /** Ships until it has said this, and what came before. */
  async shipUntil(holds: () => boolean | Promise<boolean>): Promise<void> {
    const shipping = this.backups.ship(this.events, this.stop.signal);
    while (!(await holds())) await turn();
    this.stop.abort(new Error('enough'));
    await shipping;
  }

  #producer(position: Manifest['position'], facts: Manifest['facts']): Producer {
    const { now } = this.clock;
    return {
      engine: 'postgres',
      open: async () => ({
        streams: (async function* () {
          await Promise.resolve();
          yield { name: 'data', bytes: from(noise(50)) };
        })(),
        finish: async () => ({
          position,
          facts: { coveredUntil: now().toISOString(), restorableFrom: now().toISOString(), server: 'a', ...this.facts, ...facts },
          tool: { name: 'none', version: '1', image: null },
        }),
        [Symbol.asyncDispose]: async () => undefined,
      }),
    };
  }
}

describe('the backups of a database', () => {
  test('begin with a full one that nobody asked for, and the log goes on behind it', async () => {
    const world = new World();
    await world.shipUntil(() => {
      if (world.told.includes('full 100')) world.position = 140;
      return world.told.includes('shipped 140');
    });
    expect(world.told.slice(0, 2)).toEqual(['there is no full backup yet', 'full 100']);
    expect((await world.manifests()).map(({ kind }) => kind)).toContain('log');
  });

  test('say that they hold everything up to now when that is asked, though nothing was written', async () => {
    const world = new World();
    let asked: Date | undefined;
    let covered = false;
    await world.shipUntil(() => {
      if (world.told.includes('full 100') && asked === undefined) {
        asked = world.clock.now();
        void world.backups.cover(never).then(() => (covered = true));
      }
      return covered;
    });
    const reached = (await world.manifests()).map((manifest) => reachOf(manifest).coveredUntil.getTime());
    expect(Math.max(...reached)).toBeGreaterThanOrEqual(asked?.getTime() ?? Infinity);
  });

  test('are for whoever is a recipient today', async () => {
    const world = new World();
    const namesOf = async (manifest: Manifest | undefined) =>
      manifest && (await readKeyFiles(world.store, manifest, never)).flatMap(({ wraps }) => wraps.map(({ name }) => name)).sort();
    const renamed = recipients.map(({ name, key }) => ({ name: `new-${name}`, key }));
    await world.shipUntil(() => {
      if (world.told.includes('full 100')) [world.recipients, world.position] = [renamed, 140];
      if (world.told.includes('shipped 140')) world.position = 180;
      return world.told.includes('shipped 180');
    });
    const all = await world.manifests();
    expect(await namesOf(all.find(({ kind }) => kind === 'full'))).toEqual(recipients.map(({ name }) => name).sort());
    expect(await namesOf(all.find(({ position }) => position.to === '180'))).toEqual(renamed.map(({ name }) => name).sort());
  });

  test('go on by themselves once a server that was away is back', async () => {
    const world = new World();
    world.away = 3;
    await world.shipUntil(() => world.told.includes('full 100'));
    expect(world.told.slice(0, 4)).toEqual([...Array.from({ length: 3 }, () => 'log: the server is away'), 'there is no full backup yet']);
  });

  describe('as increments', () => {
    const now = { due: null, label: null };
    const kindsOf = async (world: World): Promise<readonly string[]> => (await world.manifests()).map(({ kind }) => kind);

    test('hold what has changed since the newest full one or increment, and rest on it', async () => {
      const world = new World();
      const { manifest: full } = await world.backups.full(now, never);
      const [first, second] = [await world.backups.increment(now, never), await world.backups.increment({ ...now, label: 'late' }, never)];
      expect(first.manifest).toMatchObject({ kind: 'increment', chain: full.id, parent: full.id });
      expect(second.manifest).toMatchObject({ kind: 'increment', chain: full.id, parent: first.manifest.id, label: 'late' });
      expect([first.fullBecause, second.fullBecause]).toEqual([undefined, undefined]);
    });

    test('rest on the full one where an engine holds all since then in each, and not where that is missing', async () => {
      const world = new World();
      Object.assign(world.engine, { incrementsRestOn: 'full' });
      const { manifest: full } = await world.backups.full(now, never);
      const [first, second] = [await world.backups.increment(now, never), await world.backups.increment(now, never)];
      expect([first, second].map(({ manifest: { kind, parent } }) => [kind, parent])).toEqual([
        ['increment', full.id],
        ['increment', full.id],
      ]);
      expect(second.manifest.facts['since']).toBe(full.position.to);
      const finding = { backups: [full.id], level: 1, result: 'broken', detail: ['a bit is another'] } as const;
      await recordFinding({ site: 'shop', source: 'db' }, finding, toolsFor(world.store, { clock: world.clock }), never);
      expect((await world.backups.increment(now, never)).manifest.kind).toBe('full');
    });

    test('are full ones where there is nothing to rest on, and it is said why', async () => {
      const world = new World();
      const first = await world.backups.increment(now, never);
      expect([first.manifest.kind, first.fullBecause]).toEqual(['full', 'there is no full backup yet']);
      world.noIncrement = 'WAL summaries are required, and are not there';
      const second = await world.backups.increment(now, never);
      expect([second.manifest.kind, second.fullBecause]).toEqual(['full', world.noIncrement]);
      world.noIncrement = undefined;
      expect((await world.backups.increment(now, never)).manifest).toMatchObject({ kind: 'increment', parent: second.manifest.id });
    });

    test('tell what they hold much less of than the one before, whatever kind that is', async () => {
      const world = new World();
      const told = [];
      for (const rows of [1000, 900, 3]) {
        world.facts = { tables: 1, tablesHashed: 1, rows };
        told.push((await world.backups.increment(now, never)).shrunk);
      }
      world.facts = {};
      told.push((await world.backups.full(now, never)).shrunk);
      expect(told).toEqual([undefined, undefined, '3 rows, and had 900', undefined]);
    });

    test('rest on nothing that was found to be broken, whatever lies between', async () => {
      const world = new World();
      const { manifest: full } = await world.backups.full(now, never);
      const { manifest: increment } = await world.backups.increment(now, never);
      const finding = { backups: [full.id], level: 1, result: 'broken', detail: ['a bit is another'] } as const;
      await recordFinding({ site: 'shop', source: 'db' }, finding, toolsFor(world.store, { clock: world.clock }), never);
      const next = await world.backups.increment(now, never);
      expect([next.manifest.kind, next.fullBecause]).toEqual([
        'full',
        `${increment.id}, or what it rests on, is missing or was found to be broken`,
      ]);
      expect((await world.backups.increment(now, never)).manifest.parent).toBe(next.manifest.id);
    });

    test('are made once for a tick, and not beside a full one of the same', async () => {
      const world = new World();
      const due = new Date('2026-03-01T01:30:00Z');
      const { manifest } = await world.backups.full({ due, label: null }, never);
      expect(await world.backups.increment({ due, label: null }, never)).toEqual({ outcome: 'unchanged', manifest });
      const later = new Date('2026-03-02T01:30:00Z');
      const made = await world.backups.increment({ due: later, label: null }, never);
      expect(await world.backups.increment({ due: later, label: null }, never)).toEqual({ ...made, outcome: 'unchanged' });
      // An increment does not stand for a full one.
      expect((await world.backups.full({ due: later, label: null }, never)).outcome).toBe('made');
      expect(await kindsOf(world)).toEqual(['full', 'increment', 'full']);
    });

    test('are what the log goes on behind', async () => {
      const world = new World();
      let made: Manifest | undefined;
      await world.shipUntil(async () => {
        if (world.told.includes('full 100') && made === undefined) {
          world.position = 140;
          ({ manifest: made } = await world.backups.increment(now, never));
          world.position = 180;
        }
        return world.told.some((line) => line.startsWith('shipped') && line.endsWith('180'));
      });
      expect((await world.manifests()).filter(({ parent }) => parent === made?.id)).toMatchObject([
        { kind: 'log', position: { to: '180' } },
      ]);
    });

    test('are refused by an engine that has none', async () => {
      const world = new World();
      await world.backups.full(now, never);
      delete (world.engine as { increment?: unknown }).increment;
      await expect(world.backups.increment(now, never)).rejects.toMatchObject({
        kind: 'unsupported',
        message: 'postgres has no increments',
      });
    });
  });

  test('keep nobody waiting who asks for the log of a server that is away', async () => {
    const world = new World();
    world.away = 1_000_000;
    let refused: unknown;
    await world.shipUntil(() => {
      if (world.told.length > 0 && refused === undefined) {
        refused = null;
        void world.backups.cover(never).catch((error: unknown) => (refused = error));
      }
      return refused instanceof Error;
    });
    expect(refused).toMatchObject({ message: 'the server is away' });
  });
});
