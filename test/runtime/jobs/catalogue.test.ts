import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { manifestKey, manifestPrefix } from '../../../model/backup/layout.ts';
import { hasLogBehind, type Manifest } from '../../../model/backup/manifest.ts';
import { formatManifest } from '../../../runtime/format/manifest-file.ts';
import { isLog, readAgain, readCatalogue, readFrom, readSome, readWithoutLogs } from '../../../runtime/jobs/catalogue.ts';
import { backupsIn, baseOf, chainsOf } from '../../../runtime/jobs/coverage.ts';
import { planPrune } from '../../../runtime/jobs/prune.ts';
import { planRetention } from '../../../runtime/jobs/retention.ts';
import type { Store } from '../../../runtime/ports/store.ts';
import { memoryStore } from '../../../runtime/stores/memory-store.ts';
import { formerSigner, signer } from '../format/keys.ts';
import { never, openLease, place } from './backup-world.ts';
import { fullAt, incrementAfter, logAfter, numbered } from './chains.ts';

const trusted = [signer.publicKey];
const put = (store: Store, each: Manifest, by = signer) =>
  store.put(manifestKey(place, each.id, each.kind), Buffer.from(formatManifest(each, by)), never);
const holding = async (manifests: readonly Manifest[]): Promise<Store> => {
  const store = memoryStore(() => new Date('2026-03-02T00:00:00Z'));
  for (const each of manifests) await put(store, each);
  return store;
};
const idsOf = (manifests: readonly Pick<Manifest, 'id'>[]): readonly string[] => manifests.map(({ id }) => id);

const first = fullAt(1, 100, 0, 5);
const one = logAfter(first, 2, 110, 6);
const two = logAfter(one, 3, 120, 9);
const second = fullAt(4, 125, 10, 12);
const three = logAfter(second, 5, 130, 14);
const four = logAfter(three, 6, 150, 20);
const all = [first, one, two, second, three, four];

describe('of a source with a long log', () => {
  let store: Store;
  let asked: string[];
  beforeEach(async () => {
    const held = await holding(all);
    asked = [];
    store = {
      ...held,
      read: (key, ...given) => {
        asked.push(key);
        return held.read(key, ...given);
      },
    };
  });

  test('a new backup reads what is no log, and the newest log', async () => {
    expect(await readWithoutLogs(place, store, trusted, never)).toEqual([first, second, four]);
    expect(asked.length).toBe(3);
  });

  test('the newest log is the newest that can be trusted', async () => {
    await put(store, logAfter(four, 7, 160, 22), formerSigner);
    expect((await readWithoutLogs(place, store, trusted, never)).at(-1)).toEqual(four);
  });

  test('a proof reads the logs from its full backup on', async () => {
    expect(await readFrom(place, second.id, store, trusted, never)).toEqual([first, second, three, four]);
    expect(asked.filter(isLog).length).toBe(2);
  });

  test('of each no more is held than what was asked for', async () => {
    expect(await readSome(store, manifestPrefix(place), trusted, never, ({ id, kind }) => ({ id, kind }))).toEqual(
      all.map(({ id, kind }) => ({ id, kind })),
    );
  });

  test('one is read again as it lies there now', async () => {
    expect(await readAgain({ ...place, ...one }, store, trusted, never)).toEqual(one);
    await put(store, one, formerSigner);
    expect(await readAgain({ ...place, ...one }, store, trusted, never)).toBeUndefined();
    await store.delete(manifestKey(place, one.id, one.kind), never);
    expect(await readAgain({ ...place, ...one }, store, trusted, never)).toBeUndefined();
  });

  test('a store that is away is no backup that was removed', async () => {
    const away: Store = {
      ...store,
      read: () => {
        throw new Error('ECONNREFUSED');
      },
    };
    await expect(readAgain({ ...place, ...one }, away, trusted, never)).rejects.toThrow('ECONNREFUSED');
  });
});

type Step = 'full' | 'increment' | 'log';

/** What such steps leave behind, one after the other; a log may go on behind the base before the newest, as one does while a new base is made. */
function historyOf(steps: readonly { readonly step: Step; readonly isBehind: boolean; readonly isLost: boolean }[]): readonly Manifest[] {
  const made: { readonly manifest: Manifest; readonly isLost: boolean }[] = [];
  let [tip, before, base]: (Manifest | undefined)[] = [];
  for (const [index, { step, isBehind, isLost }] of steps.entries()) {
    const [n, position] = [index + 1, (index + 1) * 10];
    if (step === 'full' || base === undefined) {
      before = tip;
      tip = base = fullAt(n, position, n, n + 1);
    } else if (step === 'increment') {
      before = tip;
      tip = base = incrementAfter(base, n, position, [n, n + 1]);
    } else if (isBehind && before !== undefined) before = logAfter(before, n, position, n);
    else tip = logAfter(tip ?? base, n, position, n);
    made.push({ manifest: (step === 'log' && isBehind ? before : tip) ?? base, isLost });
  }
  return made.filter(({ isLost }) => !isLost).map(({ manifest }) => manifest);
}

const histories = fc
  .array(
    fc.record({
      step: fc.oneof({ weight: 5, arbitrary: fc.constant<Step>('log') }, fc.constantFrom<Step>('full', 'increment')),
      isBehind: fc.boolean(),
      isLost: fc.oneof({ weight: 8, arbitrary: fc.constant(false) }, fc.constant(true)),
    }),
    { minLength: 1, maxLength: 14 },
  )
  .map(historyOf);

describe('whatever lies in a store,', () => {
  test('a proof restores the same when it reads no more than it needs', async () => {
    await fc.assert(
      fc.asyncProperty(histories, async (manifests) => {
        const store = await holding(manifests);
        const newest = (await readWithoutLogs(place, store, trusted, never)).findLast(({ kind }) => hasLogBehind(kind));
        const every = (await readCatalogue(store, manifestPrefix(place), trusted, never)).manifests;
        expect(newest).toEqual(every.findLast(({ kind }) => hasLogBehind(kind)));
        if (newest === undefined) return;
        const restored = (some: readonly Manifest[]): readonly string[] | undefined => {
          const chain = chainsOf(some, numbered).find((each) => baseOf(each).id === newest.id);
          return chain && idsOf(backupsIn(chain));
        };
        expect(restored(await readFrom(place, newest.id, store, trusted, never))).toEqual(restored(every));
      }),
    );
  });

  test('a new backup knows the same bases, and the same newest of all', async () => {
    await fc.assert(
      fc.asyncProperty(histories, async (manifests) => {
        const store = await holding(manifests);
        const every = (await readCatalogue(store, manifestPrefix(place), trusted, never)).manifests;
        const some = await readWithoutLogs(place, store, trusted, never);
        const basesOf = (each: readonly Manifest[]) => chainsOf(each, numbered).map((chain) => baseOf(chain).id);
        expect(basesOf(some)).toEqual(basesOf(every));
        expect(some.at(-1)).toEqual(every.at(-1));
        expect(idsOf(some.filter(hasNoLogKind))).toEqual(idsOf(every.filter(hasNoLogKind)));
      }),
    );
  });

  test('retention decides the same of what it holds as of whole manifests', async () => {
    await fc.assert(
      fc.asyncProperty(histories, fc.integer({ min: 1, max: 3 }), async (manifests, last) => {
        const store = await holding(manifests);
        const every = (await readCatalogue(store, manifestPrefix(place), trusted, never)).manifests;
        const policy = { last, zone: 'UTC', provenLevel: 1 };
        const now = new Date('2026-12-01T00:00:00Z');
        const time = { now, expected: now };
        const tools = { store, lease: openLease(), trusted, levelOf: () => 1, graceMs: 0 };
        const points = every.map(({ id, kind, startedAt, finishedAt, parent, label }) => ({
          id,
          kind,
          begunAt: new Date(startedAt),
          at: new Date(finishedAt),
          parent,
          label,
          level: 1,
        }));
        expect(await planPrune(place, policy, time, tools, never)).toEqual(planRetention(points, policy, time));
      }),
    );
  });
});

const hasNoLogKind = ({ kind }: Manifest): boolean => kind !== 'log';
