import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Manifest } from '../../../../model/backup/manifest.ts';
import { suiteNames, type SuiteName } from '../../../../model/backup/suites.ts';
import { pruneContents } from '../../../../runtime/jobs/bucket/prune-contents.ts';
import { copyBucket } from '../../../../runtime/jobs/bucket/copy-bucket.ts';
import { listRemoved, planPrune, removeBackups, undoRemoval, type PruneTools } from '../../../../runtime/jobs/prune.ts';
import type { Store } from '../../../../runtime/ports/store.ts';
import { memoryStore } from '../../../../runtime/stores/memory-store.ts';
import { peopleOf, signer } from '../../format/keys.ts';
import { FakeClock } from '../../schedule/fake-clock.ts';
import { noise } from '../../streams/bytes.ts';
import { never, openLease } from '../backup-world.ts';
import { dyingStore } from '../dying-store.ts';
import { backupsIn, bucketPlace, contentOf, copyTools } from './bucket-world.ts';
import { memoryBucket } from './memory-bucket.ts';

const hour = 3_600_000;
const policy = { last: 2, days: 1, zone: 'UTC', provenLevel: 0 } as const;

const anyStep = fc.record({
  what: fc.constantFrom('copy', 'copy', 'copy', 'prune', 'undo'),
  /** What is made by it: listings of one suite refer to contents of the other. */
  suite: fc.constantFrom(...suiteNames),
  /** Written or deleted before: which, and of which size. */
  changes: fc.array(fc.tuple(fc.nat(9), fc.constantFrom(-1, 0, 40, 900, 1500, 5000), fc.nat(5)), { maxLength: 5 }),
  wait: fc.integer({ min: 1, max: 60 }),
  /** The dealing with the store at which its process is killed; mostly it is not. */
  killedAt: fc.option(fc.integer({ min: 1, max: 90 }), { nil: Infinity, freq: 3 }),
  when: fc.constantFrom('before' as const, 'after' as const),
});

/** Everybody has a key of each kind. */
const recipients = () => suiteNames.flatMap((suite) => peopleOf[suite].recipients);

/** A bucket and its backups, and beside them, as nobody in the field has it, what the bucket held at each of them. */
class Life {
  readonly clock = new FakeClock('2026-03-01T01:00:00Z');
  readonly store = memoryStore(this.clock.now);
  readonly bucket = memoryBucket(this.clock.now);
  readonly held = new Map<string, ReadonlyMap<string, string>>();
  #attempts = 0;

  async step(what: string, store: Store, suite: SuiteName): Promise<void> {
    if (what === 'copy') {
      const label = String((this.#attempts += 1));
      this.held.set(label, new Map([...this.bucket.objects].map(([key, { body }]) => [key, body.toString('latin1')])));
      return void (await copyBucket({ due: null, label }, copyTools(store, this.bucket, { clock: this.clock, suite, recipients }), never));
    }
    if (what === 'undo') {
      const gone = (await listRemoved(bucketPlace, store, never)).find(({ kind }) => kind === 'bucket');
      return gone && undoRemoval(bucketPlace, gone, store, never);
    }
    const tools: PruneTools = { store, lease: openLease(), trusted: [signer.publicKey], levelOf: () => 0, graceMs: 48 * hour };
    const time = { now: this.clock.now(), expected: this.clock.now() };
    // Names keep what has them, and here each has one.
    const plan = await planPrune(bucketPlace, { ...policy, labelledDays: 0 }, time, tools, never);
    await removeBackups(bucketPlace, plan, tools, never);
    await pruneContents(bucketPlace, time, tools, never);
  }

  async offered(): Promise<readonly Manifest[]> {
    return (await backupsIn(this.store)).filter(({ kind }) => kind === 'bucket');
  }
}

test('a life of a bucket, with kills at any moment, offers no point in time that does not come back exactly', async () => {
  let offered = 0;
  let removed = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { minLength: 5, maxLength: 16 }), async (steps) => {
      const life = new Life();
      const run = async (what: string, suite: SuiteName, killedAt: number, when: 'before' | 'after'): Promise<void> => {
        await life.step(what, dyingStore(life.store, killedAt, when), suite).catch((error: unknown) => {
          if (killedAt === Infinity) throw error;
        });
        for (const manifest of await life.offered()) {
          expect(await contentOf(life.store, manifest)).toEqual(life.held.get(manifest.label ?? ''));
          offered += 1;
        }
      };
      for (const { what, suite, changes, wait, killedAt, when } of steps) {
        life.clock.set(life.clock.now().getTime() + wait * hour);
        for (const [key, size, seed] of changes)
          if (size < 0) life.bucket.objects.delete(`k/${key}`);
          else life.bucket.put(`k/${key}`, noise(size, seed + 1));
        await run(what, suite, killedAt, when);
      }
      const before = (await backupsIn(life.store)).length;
      // What was killed does not stand in the way of a life without kills; what nobody needs goes in the end.
      for (const what of ['copy', 'prune', 'prune', 'prune']) {
        life.clock.set(life.clock.now().getTime() + 60 * hour);
        await life.step('copy', life.store, 'aes256');
        await run(what, 'age', Infinity, 'before');
      }
      const after = await backupsIn(life.store);
      removed += Math.max(0, before - after.length);
      const needed = new Set(
        (await life.offered()).flatMap(({ facts }) => (facts['contents'] as readonly { readonly id: string }[]).map(({ id }) => id)),
      );
      const idle = after.filter(({ kind, id, finishedAt }) => kind === 'contents' && !needed.has(id) && isOld(finishedAt, life.clock));
      expect(idle).toEqual([]);
    }),
    { numRuns: 15 },
  );
  expect(offered).toBeGreaterThan(100);
  expect(removed).toBeGreaterThan(5);
}, 120_000);

/** Older than the points that are kept, their time of grace, and a sweep after it. */
const isOld = (finishedAt: string, clock: FakeClock): boolean => clock.now().getTime() - new Date(finishedAt).getTime() > 260 * hour;
