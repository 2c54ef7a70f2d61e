import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { fileLeases } from '../../../runtime/leases/file-leases.ts';
import { storeLeases } from '../../../runtime/leases/store-leases.ts';
import type { Held, Lease, Leases } from '../../../runtime/ports/lease.ts';
import type { ObjectInfo, Store } from '../../../runtime/ports/store.ts';
import { memoryStore } from '../../../runtime/stores/memory-store.ts';
import { FakeClock } from '../schedule/fake-clock.ts';

const home = mkdtempSync(join(tmpdir(), 'berth-leases-'));
afterAll(() => rmSync(home, { recursive: true }));
let folders = 0;
const newFolder = (): string => join(home, String((folders += 1)));
const never = new AbortController().signal;
const isHeld = (result: Lease | Held): result is Held => 'heldBy' in result;
const lease = (result: Lease | Held): Lease => {
  if (isHeld(result)) throw new Error(`held by ${result.heldBy}`);
  return result;
};
const ttlMs = 60_000;
/** Some runtimes at one store, each with a clock of its own, so that one may stand still while the others go on. */
const inStore = (store: Store, holder: string): { readonly clock: FakeClock; readonly leases: Leases } => {
  const clock = new FakeClock('2026-01-01T00:00:00Z');
  return { clock, leases: storeLeases({ store, site: 'shop', holder, clock, ttlMs }) };
};

describe.each<[string, () => (holder: string) => Leases]>([
  [
    'in a store',
    () => {
      const store = memoryStore();
      return (holder) => inStore(store, holder).leases;
    },
  ],
  [
    'in a file',
    () => {
      const folder = newFolder();
      return (holder) => fileLeases(folder, holder);
    },
  ],
])('a lease %s', (_, world) => {
  test('has one holder, whom others are told', async () => {
    const open = world();
    const first = lease(await open('one').acquire('writer', never));
    expect(await open('two').acquire('writer', never)).toEqual({ heldBy: 'one' });
    await first.confirm(never);
    expect(first.lost.aborted).toBe(false);
    await first.release();
  });

  test('goes to the next once it is given back, with a higher epoch', async () => {
    const open = world();
    const epochs: number[] = [];
    for (const holder of ['one', 'two', 'one', 'three']) {
      const held = lease(await open(holder).acquire('writer', never));
      epochs.push(held.epoch);
      await held.release();
      await held.release();
      await expect(held.confirm(never)).rejects.toMatchObject({ kind: 'locked' });
      expect(held.lost.aborted).toBe(true);
    }
    expect(epochs).toEqual([1, 2, 3, 4]);
  });

  test('is no other lease', async () => {
    const open = world();
    const held = await Promise.all(['writer', 'prune'].map((name) => open('one').acquire(name, never)));
    expect(held.some(isHeld)).toBe(false);
    for (const each of held) await lease(each).release();
  });

  test('goes to one of many who ask at the same moment', async () => {
    const open = world();
    const results = await Promise.all(Array.from({ length: 8 }, (_, index) => open(`runtime ${index}`).acquire('writer', never)));
    const won = results.filter((result): result is Lease => !isHeld(result));
    expect(won.length).toBe(1);
    await won[0]!.confirm(never);
    await won[0]!.release();
  });
});

describe('a lease in a store', () => {
  test('stays with a holder that lives, however long', async () => {
    const store = memoryStore();
    const [one, two] = [inStore(store, 'one'), inStore(store, 'two')];
    const held = lease(await one.leases.acquire('writer', never));
    for (let round = 0; round < 20; round += 1) {
      await one.clock.pass(ttlMs / 2);
      await two.clock.pass(ttlMs / 2);
      expect(isHeld(await two.leases.acquire('writer', never))).toBe(true);
    }
    await held.confirm(never);
    await held.release();
  });

  test('is taken from a holder that is silent for long enough, and not before', async () => {
    const store = memoryStore();
    const [one, two] = [inStore(store, 'one'), inStore(store, 'two')];
    const held = lease(await one.leases.acquire('writer', never));
    expect(isHeld(await two.leases.acquire('writer', never))).toBe(true);
    await two.clock.pass(ttlMs - 1000);
    expect(isHeld(await two.leases.acquire('writer', never))).toBe(true);
    await two.clock.pass(1000);
    const taken = lease(await two.leases.acquire('writer', never));
    expect(taken.epoch).toBe(2);
    await expect(held.confirm(never)).rejects.toMatchObject({
      kind: 'locked',
      message: expect.stringContaining('epoch 2 has begun') as string,
    });
    expect(held.lost.aborted).toBe(true);
    await taken.confirm(never);
    await taken.release();
  });

  test('does not trust clocks of others: one that is days off takes nothing early', async () => {
    const store = memoryStore();
    const [one, two] = [inStore(store, 'one'), inStore(store, 'two')];
    two.clock.set('2036-01-01T00:00:00Z');
    const held = lease(await one.leases.acquire('writer', never));
    expect(isHeld(await two.leases.acquire('writer', never))).toBe(true);
    await held.confirm(never);
    await held.release();
  });

  test('is given up by a holder that cannot reach the store, before anybody takes it', async () => {
    const real = memoryStore();
    let down = false;
    const store: Store = {
      ...real,
      size: async (...args) => (down ? Promise.reject(new Error('no route')) : real.size(...args)),
      put: async (...args) => (down ? Promise.reject(new Error('no route')) : real.put(...args)),
    };
    const one = inStore(store, 'one');
    const held = lease(await one.leases.acquire('writer', never));
    await one.clock.pass(ttlMs);
    expect(held.lost.aborted).toBe(false);
    down = true;
    await one.clock.pass(ttlMs / 2);
    await expect(held.confirm(never)).rejects.toThrow('no route');
    expect(held.lost.aborted).toBe(false);
    await one.clock.pass(ttlMs * 0.6);
    expect(held.lost.aborted).toBe(true);
  });

  test('is not believed by a holder whose host was asleep', async () => {
    const store = memoryStore();
    const one = inStore(store, 'one');
    const held = lease(await one.leases.acquire('writer', never));
    one.clock.suspend(10 * ttlMs);
    await expect(held.confirm(never)).rejects.toMatchObject({ kind: 'locked' });
  });

  test('leaves no heap of old epochs', async () => {
    const store = memoryStore();
    for (let round = 0; round < 130; round += 1) {
      const held = lease(await inStore(store, `runtime ${round}`).leases.acquire('writer', never));
      for (let turns = 0; turns < 10; turns += 1) await turn();
      await held.release();
    }
    const keys: string[] = [];
    for await (const { key } of store.list('', never)) keys.push(key);
    expect(keys.length).toBe(101);
  });

  test('is refused where the store cannot keep writers apart', async () => {
    const store: Store = { ...memoryStore(), exclusive: async () => false };
    await expect(inStore(store, 'one').leases.acquire('writer', never)).rejects.toMatchObject({ kind: 'unsupported' });
  });

  test('has never two holders that are both confirmed, whoever stands still, and however old the lists are', async () => {
    const anyStep = fc.record({
      who: fc.nat(2),
      what: fc.constantFrom('acquire', 'acquire', 'pass', 'pass', 'release', 'confirm'),
      amount: fc.integer({ min: 1, max: 90 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { maxLength: 60 }), fc.nat(3), async (steps, staleness) => {
        const real = memoryStore();
        const lists: ObjectInfo[][] = [];
        const store: Store = {
          ...real,
          async *list(prefix, signal) {
            const now: ObjectInfo[] = [];
            for await (const info of real.list(prefix, signal)) now.push(info);
            lists.push(now);
            yield* lists[Math.max(0, lists.length - 1 - staleness)] ?? [];
          },
        };
        const runtimes = ['one', 'two', 'three'].map((holder) => ({ ...inStore(store, holder), held: undefined as Lease | undefined }));
        let highest = 0;
        for (const { who, what, amount } of steps) {
          const runtime = runtimes[who]!;
          if (what === 'pass') await runtime.clock.pass(amount * 1000);
          if (what === 'acquire' && (runtime.held === undefined || runtime.held.lost.aborted)) {
            const result = await runtime.leases.acquire('writer', never);
            if (isHeld(result)) continue;
            expect(result.epoch).toBeGreaterThan(highest);
            highest = result.epoch;
            runtime.held = result;
          }
          if (what === 'release') await runtime.held?.release();
          const confirmed: number[] = [];
          for (const { held } of runtimes)
            if (
              held !== undefined &&
              (await held.confirm(never).then(
                () => true,
                () => false,
              ))
            )
              confirmed.push(held.epoch);
          expect(confirmed.length).toBeLessThanOrEqual(1);
          if (confirmed.length === 1) expect(confirmed[0]).toBe(highest);
        }
        for (const { held } of runtimes) await held?.release();
      }),
      { numRuns: 60 },
    );
  });
});

describe('a lease in a file', () => {
  test('is lost with its file, and with its record', async () => {
    for (const spoil of ['writer.lock', 'writer.epoch']) {
      const folder = newFolder();
      const held = lease(await fileLeases(folder, 'one').acquire('writer', never));
      rmSync(join(folder, spoil));
      await expect(held.confirm(never)).rejects.toMatchObject({ kind: 'locked' });
      await held.release();
    }
  });

  test('does not begin anew over a record that cannot be read', async () => {
    const folder = newFolder();
    const held = lease(await fileLeases(folder, 'one').acquire('writer', never));
    await held.release();
    writeFileSync(join(folder, 'writer.epoch'), 'x');
    await expect(fileLeases(folder, 'one').acquire('writer', never)).rejects.toThrow('is damaged');
    expect(readdirSync(folder).sort()).toEqual(['writer.epoch', 'writer.lock']);
  });
});
