import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hasLogBehind, type Manifest } from '../../../model/backup/manifest.ts';
import { makeUlid } from '../../../model/backup/ulid.ts';
import { chainOf, readCatalogue } from '../../../runtime/jobs/catalogue.ts';
import { openBackup } from '../../../runtime/jobs/open-backup.ts';
import { planPrune, removeBackups, sweep, type PruneTools } from '../../../runtime/jobs/prune.ts';
import { rotateKeys } from '../../../runtime/jobs/rotate-keys.ts';
import type { Store } from '../../../runtime/ports/store.ts';
import { memoryStore } from '../../../runtime/stores/memory-store.ts';
import { escrow, recipients, signer, stranger } from '../format/keys.ts';
import { FakeClock } from '../schedule/fake-clock.ts';
import { noise, whole } from '../streams/bytes.ts';
import { engineOf, never, openLease, place, run } from './backup-world.ts';
import { dyingStore } from './dying-store.ts';

const hour = 3_600_000;
const trusted = [signer.publicKey];
const successors = [{ name: 'operator-2', key: stranger.publicKey }, recipients[1]!];
const policy = { last: 2, days: 2, zone: 'UTC', provenLevel: 0 } as const;

const anyStep = fc.record({
  what: fc.constantFrom('full', 'increment', 'increment', 'log', 'log', 'log', 'prune', 'sweep', 'rotate'),
  /** Hours until it is done. */
  wait: fc.integer({ min: 1, max: 40 }),
  /** The dealing with the store at which its process is killed; mostly it is not. */
  killedAt: fc.option(fc.integer({ min: 1, max: 60 }), { nil: Infinity, freq: 3 }),
  when: fc.constantFrom('before' as const, 'after' as const),
  size: fc.nat(1500),
});

/** A store, and beside it, as nobody in the field has it, what every backup was made of. */
class Life {
  readonly clock = new FakeClock('2026-03-01T01:00:00Z');
  readonly store = memoryStore(this.clock.now);
  readonly content = new Map<string, Buffer>();
  #attempts = 0;

  async catalogue(): Promise<readonly Manifest[]> {
    const { manifests, refused } = await readCatalogue(this.store, 'v1/', trusted, never);
    if (refused[0] !== undefined) throw new Error(refused[0].message);
    return manifests;
  }

  async step(what: string, store: Store, size: number): Promise<void> {
    const tools: PruneTools = { store, lease: openLease(), trusted, levelOf: () => 0, graceMs: 48 * hour };
    const time = { now: this.clock.now(), expected: this.clock.now() };
    if (what === 'full' || what === 'increment' || what === 'log') return this.#backup(what, store, size);
    if (what === 'prune') return removeBackups(place, await planPrune(place, policy, time, tools, never), tools, never);
    if (what === 'sweep') return void (await sweep(place, tools, never));
    for (const manifest of await this.catalogue())
      await rotateKeys(store, manifest, escrow.privateKey, successors, makeUlid(this.clock.now(), Buffer.alloc(10, 1), manifest.id), never);
  }

  /** What a backup holds names its attempt, so that it is known by its content whether or not its maker lived to tell. */
  async #backup(kind: 'full' | 'increment' | 'log', store: Store, size: number): Promise<void> {
    const all = await this.catalogue();
    const newest = all.at(-1);
    // An increment follows no log.
    const parent = kind === 'increment' ? all.findLast((each) => hasLogBehind(each.kind)) : newest;
    if (kind !== 'full' && parent === undefined) return;
    const attempt = String((this.#attempts += 1));
    const content = Buffer.concat([noise(size, this.#attempts), Buffer.from(attempt)]);
    this.content.set(attempt, content);
    const after = kind === 'full' || parent === undefined ? null : { chain: parent.chain, parent: parent.id };
    await run(store, engineOf({ dump: content }), { clock: this.clock }, { kind, after, newestId: newest?.id, label: attempt });
  }

  /** Every point that is offered has all that it rests on. */
  async offered(): Promise<readonly Manifest[]> {
    const manifests = await this.catalogue();
    for (const manifest of manifests) chainOf(manifest.id, manifests);
    return manifests;
  }

  /** What each point gives back, and what it was made of. */
  async restored(): Promise<readonly { readonly found: Buffer; readonly made: Buffer | undefined }[]> {
    return Promise.all(
      (await this.offered()).map(async (manifest) => {
        const open = await openBackup(this.store, manifest, escrow.privateKey, 1, never);
        return { found: await whole(open(manifest.streams[0]!)), made: this.content.get(manifest.label ?? '') };
      }),
    );
  }
}

describe('a life of backups', () => {
  test('with kills at any moment offers no point that cannot be restored exactly', async () => {
    let offered = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { minLength: 5, maxLength: 25 }), async (steps) => {
        const life = new Life();
        for (const { what, wait, killedAt, when, size } of steps) {
          life.clock.set(life.clock.now().getTime() + wait * hour);
          await life.step(what, dyingStore(life.store, killedAt, when), size).catch((error: unknown) => {
            if (killedAt === Infinity) throw error;
          });
          offered += (await life.offered()).length;
        }
        const before = await life.restored();
        // What was killed does not stand in the way of a life without kills.
        for (const what of ['full', 'increment', 'prune', 'sweep', 'rotate', 'increment', 'log']) await life.step(what, life.store, 10);
        for (const { found, made } of [...before, ...(await life.restored())]) expect(made?.equals(found)).toBe(true);
        expect((await life.offered()).length).toBeGreaterThan(0);
      }),
      { numRuns: 40 },
    );
    expect(offered).toBeGreaterThan(200);
  }, 60_000);
});
