import fc from 'fast-check';
import { expect, test } from 'vitest';
import { renewLocks } from '../../../runtime/jobs/renew-locks.ts';
import { memoryStore } from '../../../runtime/stores/memory-store.ts';
import { never } from './backup-world.ts';

const isOwn = (source: string): boolean => source === 'db';
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const start = Date.UTC(2026, 2, 1);

/** A store that locks what is written for so many days, and remembers until when. */
function lockingStore(days: number) {
  let now = start;
  const ends = new Map<string, number>();
  const store = memoryStore(() => new Date(now));
  const end = (): number => now + days * dayMs;
  let renewals = 0;
  const locked = {
    days,
    terms: `${days} days, governance`,
    check: async () => undefined,
    renew: async (key: string) => {
      renewals += 1;
      ends.set(key, end());
    },
    revive: async function* () {
      // Nothing is removed here.
    },
  };
  return {
    store: { ...store, locked },
    ends,
    renewals: () => renewals,
    goTo: (to: number) => (now = to),
    async write(key: string) {
      await store.put(key, Buffer.from('x'), never);
      ends.set(key, end());
    },
  };
}

const id = '01KM0000000000000000000000';
const keys = ['manifests/ID.full.json', 'data/ID/dump.zst.aes.1', 'keys/ID/ID.json'].map((key) => `v1/shop/db/${key.replaceAll('ID', id)}`);

test('what is kept stays locked, however old it is, while a runtime looks at it every day', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 3, max: 40 }),
      // Never further apart than half of the least time.
      fc.array(fc.integer({ min: 0, max: 11 }), { minLength: 20, maxLength: 60 }),
      fc.array(fc.integer({ min: 0, max: 10 * 24 }), { minLength: 1, maxLength: 5 }),
      async (days, delays, writes) => {
        const world = lockingStore(days);
        const [first = ''] = keys;
        const moments = new Map(writes.map((hours, index) => [`${first}.${index}`, start + hours * hourMs]));
        let since = start;
        for (const [index, delay] of delays.entries()) {
          const now = start + index * dayMs + delay * hourMs * (index % 2);
          for (const [key, moment] of moments)
            if (moment > since && moment <= now) {
              world.goTo(moment);
              await world.write(key);
            }
          world.goTo(now);
          for (const end of world.ends.values()) expect(end).toBeGreaterThan(now);
          await renewLocks('shop', isOwn, world.store, { since: new Date(since), now: new Date(now) }, never);
          since = now;
        }
      },
    ),
    { numRuns: 300 },
  );
});

test('each has its turn in half of its time, and not every day', async () => {
  const world = lockingStore(10);
  for (const key of keys) await world.write(key);
  let since = start;
  for (let day = 1; day <= 30; day += 1) {
    const now = start + day * dayMs;
    world.goTo(now);
    const renewed = await renewLocks('shop', isOwn, world.store, { since: new Date(since), now: new Date(now) }, never);
    expect(renewed).toBe(day % 5 === 0 ? keys.length : 0);
    since = now;
  }
  expect(world.renewals()).toBe(6 * keys.length);
});

test('what is no part of a backup is not locked, and a store that locks nothing is asked for nothing', async () => {
  const world = lockingStore(4);
  await world.write('v1/shop/db/verified/01KM0000000000000000000000.json');
  const when = { since: new Date(start), now: new Date(start + 9 * dayMs) };
  expect(await renewLocks('shop', isOwn, world.store, when, never)).toBe(0);
  expect(await renewLocks('shop', isOwn, memoryStore(), when, never)).toBe(0);
});

test('what others see to is theirs, and without a time of before everything is locked', async () => {
  const world = lockingStore(4);
  for (const key of keys) await world.write(key);
  await world.write(keys[0]!.replace('/db/', '/files.notes/'));
  const now = new Date(start + hourMs);
  expect(await renewLocks('shop', isOwn, world.store, { since: undefined, now }, never)).toBe(keys.length);
  expect(await renewLocks('shop', () => true, world.store, { since: undefined, now }, never)).toBe(keys.length + 1);
  expect(await renewLocks('other', () => true, world.store, { since: undefined, now }, never)).toBe(0);
});

test('one that cannot be locked keeps no other from it, and is told in the end', async () => {
  const world = lockingStore(4);
  for (const key of keys) await world.write(key);
  const renewed: string[] = [];
  const renew = async (key: string): Promise<void> => {
    if (key === keys[0]) throw new Error('not this one');
    renewed.push(key);
  };
  const store = { ...world.store, locked: { ...world.store.locked, renew } };
  const all = renewLocks('shop', isOwn, store, { since: undefined, now: new Date(start) }, never);
  await expect(all).rejects.toThrow('not this one');
  expect(renewed.sort()).toEqual(keys.slice(1).sort());
});
