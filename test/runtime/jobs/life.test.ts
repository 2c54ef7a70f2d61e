import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { suiteNames, type SuiteName } from '../../../model/backup/suites.ts';
import { hasLogBehind, type Manifest } from '../../../model/backup/manifest.ts';
import { chainOf, readCatalogue } from '../../../runtime/jobs/catalogue.ts';
import { openBackup } from '../../../runtime/jobs/open-backup.ts';
import { planPrune, removeBackups, sweep, type PruneTools } from '../../../runtime/jobs/prune.ts';
import { rotateKeys } from '../../../runtime/jobs/rotate-keys.ts';
import type { Recipient } from '../../../runtime/format/keys.ts';
import type { Store } from '../../../runtime/ports/store.ts';
import { memoryStore } from '../../../runtime/stores/memory-store.ts';
import { peopleOf, signer } from '../format/keys.ts';
import { FakeClock } from '../schedule/fake-clock.ts';
import { noise, whole } from '../streams/bytes.ts';
import { engineOf, never, openLease, place, run } from './backup-world.ts';
import { dyingStore } from './dying-store.ts';

const hour = 3_600_000;
const trusted = [signer.publicKey];
const policy = { last: 2, days: 2, zone: 'UTC', provenLevel: 0 } as const;

const anyStep = fc.record({
  what: fc.constantFrom('full', 'increment', 'increment', 'log', 'log', 'log', 'prune', 'sweep', 'rotate'),
  /** Hours until it is done. */
  wait: fc.integer({ min: 1, max: 40 }),
  /** The dealing with the store at which its process is killed; mostly it is not. */
  killedAt: fc.option(fc.integer({ min: 1, max: 60 }), { nil: Infinity, freq: 3 }),
  when: fc.constantFrom('before' as const, 'after' as const),
  size: fc.nat(1500),
  suite: fc.constantFrom(...suiteNames),
});

/** Stores of one suite, and one in which it changes all the time, where everybody has a key of each kind. */
const worlds = [...suiteNames.map((name) => ({ name, suites: [name] })), { name: 'one and the other', suites: suiteNames }] as const;
type World = (typeof worlds)[number];

/** A store, and beside it, as nobody in the field has it, what every backup was made of. */
class Life {
  readonly clock = new FakeClock('2026-03-01T01:00:00Z');
  readonly store = memoryStore(this.clock.now);
  readonly content = new Map<string, Buffer>();
  #attempts = 0;
  readonly #suites: readonly SuiteName[];
  constructor({ suites }: World) {
    this.#suites = suites;
  }

  async catalogue(): Promise<readonly Manifest[]> {
    const { manifests, refused } = await readCatalogue(this.store, 'v1/', trusted, never);
    if (refused[0] !== undefined) throw new Error(refused[0].message);
    return manifests;
  }

  get #recipients(): readonly Recipient[] {
    return this.#suites.flatMap((suite) => peopleOf[suite].recipients);
  }

  get #successors(): readonly Recipient[] {
    return this.#suites.flatMap((suite) => [
      { name: 'operator-2', key: peopleOf[suite].stranger.publicKey },
      peopleOf[suite].recipients[1]!,
    ]);
  }

  async step(
    { what, size, suite }: { readonly what: string; readonly size: number; readonly suite: SuiteName },
    store: Store,
  ): Promise<void> {
    const tools: PruneTools = { store, lease: openLease(), trusted, levelOf: () => 0, graceMs: 48 * hour };
    const time = { now: this.clock.now(), expected: this.clock.now() };
    if (what === 'full' || what === 'increment' || what === 'log')
      return this.#backup(what, store, size, this.#suites.includes(suite) ? suite : this.#suites[0]!);
    if (what === 'prune') return removeBackups(place, await planPrune(place, policy, time, tools, never), tools, never);
    if (what === 'sweep') return void (await sweep(place, time, tools, never));
    for (const manifest of await this.catalogue())
      await rotateKeys(
        manifest,
        { store, identity: peopleOf[this.#suites[0]!].escrow.privateKey, recipients: this.#successors, random: randomBytes },
        this.clock.now(),
        never,
      );
  }

  /** What a backup holds names its attempt, so that it is known by its content whether or not its maker lived to tell. */
  async #backup(kind: 'full' | 'increment' | 'log', store: Store, size: number, suite: SuiteName): Promise<void> {
    const all = await this.catalogue();
    const newest = all.at(-1);
    // An increment follows no log.
    const parent = kind === 'increment' ? all.findLast((each) => hasLogBehind(each.kind)) : newest;
    if (kind !== 'full' && parent === undefined) return;
    const attempt = String((this.#attempts += 1));
    const content = Buffer.concat([noise(size, this.#attempts), Buffer.from(attempt)]);
    this.content.set(attempt, content);
    const after = kind === 'full' || parent === undefined ? null : { chain: parent.chain, parent: parent.id };
    await run(
      store,
      engineOf({ dump: content }),
      { clock: this.clock, suite, recipients: this.#recipients },
      { kind, after, newestId: newest?.id, label: attempt },
    );
  }

  /** Every point that is offered has all that it rests on. */
  async offered(): Promise<readonly Manifest[]> {
    const manifests = await this.catalogue();
    for (const manifest of manifests) chainOf(manifest.id, manifests);
    return manifests;
  }

  /** What each point gives back to whom is left after a rotation, and what it was made of. */
  async restored(): Promise<readonly { readonly found: Buffer; readonly made: Buffer | undefined }[]> {
    return Promise.all(
      (await this.offered()).map(async (manifest) => {
        const open = await openBackup(this.store, manifest, peopleOf[this.#suites.at(-1)!].escrow.privateKey, 1, never);
        return { found: await whole(open(manifest.streams[0]!)), made: this.content.get(manifest.label ?? '') };
      }),
    );
  }
}

describe.each(worlds)('a life of backups encrypted by $name', (world) => {
  test('with kills at any moment offers no point that cannot be restored exactly', async () => {
    let offered = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { minLength: 5, maxLength: 25 }), async (steps) => {
        const life = new Life(world);
        for (const { wait, killedAt, when, ...step } of steps) {
          life.clock.set(life.clock.now().getTime() + wait * hour);
          await life.step(step, dyingStore(life.store, killedAt, when)).catch((error: unknown) => {
            if (killedAt === Infinity) throw error;
          });
          offered += (await life.offered()).length;
        }
        const before = await life.restored();
        // What was killed does not stand in the way of a life without kills.
        for (const what of ['full', 'increment', 'prune', 'sweep', 'rotate', 'increment', 'log'])
          await life.step({ what, size: 10, suite: 'age' }, life.store);
        for (const { found, made } of [...before, ...(await life.restored())]) expect(made?.equals(found)).toBe(true);
        expect((await life.offered()).length).toBeGreaterThan(0);
      }),
      { numRuns: 30 },
    );
    expect(offered).toBeGreaterThan(150);
  }, 60_000);
});
