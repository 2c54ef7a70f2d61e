import { manifestPrefix, type Place } from '../model/backup/layout.ts';
import type { Manifest } from '../model/backup/manifest.ts';
import type { Proof, Verification } from '../model/backup/verification.ts';
import { noLease } from './leases/no-lease.ts';
import { copyBucket } from './jobs/bucket/copy-bucket.ts';
import { contentsOf } from './jobs/bucket/listing.ts';
import { pruneContents, type PrunedContents } from './jobs/bucket/prune-contents.ts';
import type { CopyTools } from './jobs/bucket/survey.ts';
import { dueForRehash, proveBucket } from './jobs/bucket/verify-bucket.ts';
import { readCatalogue } from './jobs/catalogue.ts';
import { planPrune, removeBackups, type PruneTools } from './jobs/prune.ts';
import type { RetentionPlan, RetentionPolicy, TimeCheck } from './jobs/retention.ts';
import { acquireLease, type Taken, type Wish } from './jobs/take-backup.ts';
import { readVerifications, type RecordTools } from './jobs/verifications.ts';
import type { TrustedSigners } from './format/signature.ts';
import { levelOf, lookAgain, type Looked } from './look-again.ts';
import type { Leases } from './ports/lease.ts';

/** What it takes to look after what is there. */
export interface PointTools extends RecordTools {
  readonly place: Place;
  readonly trusted: TrustedSigners;
  readonly leases: Leases;
  readonly leasePatienceMs: number;
  /** How long a removal can be undone, and how long an unfinished run may take. */
  readonly graceMs: number;
  readonly copiedFrom?: PruneTools['copiedFrom'];
  /** How often contents are compared with what was signed. */
  readonly rehashEveryMs: number;
}

/** A point in time, and how far it was proven; below zero something that it needs is broken. */
export interface BucketPoint {
  readonly listing: Manifest;
  readonly level: number;
}

/** The points in time of one bucket, wherever it is: what can be restored, and the removal of what no rule keeps. Opens none of them. */
export class BucketPoints {
  readonly #tools: PointTools;
  constructor(tools: PointTools) {
    this.#tools = tools;
  }

  /** What can be restored, the oldest first. */
  async points(signal: AbortSignal): Promise<readonly BucketPoint[]> {
    const { place, store, trusted } = this.#tools;
    const { manifests } = await readCatalogue(store, manifestPrefix(place), trusted, signal, (key) => key.endsWith('.bucket.json'));
    const proofs = await this.proofs(signal);
    return manifests.map((listing) => ({ listing, level: levelOfPoint(listing, proofs) }));
  }

  async planPrune(policy: RetentionPolicy, time: TimeCheck, signal: AbortSignal): Promise<RetentionPlan> {
    const levels = new Map((await this.points(signal)).map(({ listing, level }) => [listing.id, level]));
    const tools = { ...this.#tools, lease: noLease, levelOf: (id: string) => levels.get(id) ?? 0 };
    return planPrune(this.#tools.place, policy, time, tools, signal);
  }

  /** Removes points that no rule keeps, and contents that no point needs. */
  async prune(
    policy: RetentionPolicy,
    time: TimeCheck,
    signal: AbortSignal,
  ): Promise<{ readonly plan: RetentionPlan; readonly contents: PrunedContents }> {
    const { place } = this.#tools;
    const lease = await acquireLease(place.source, this.#tools, signal);
    try {
      const plan = await this.planPrune(policy, time, signal);
      const tools: PruneTools = { ...this.#tools, lease, levelOf: () => 0 };
      await removeBackups(place, plan, tools, signal);
      return { plan, contents: await pruneContents(place, time, tools, signal) };
    } finally {
      await lease.release();
    }
  }

  /** Compares listings, and the contents whose turn it is, with what was signed, and writes down what was found. */
  async verify(broke: (id: string, message: string) => void, signal: AbortSignal): Promise<Looked> {
    const { place, store, trusted, clock, rehashEveryMs } = this.#tools;
    const { manifests } = await readCatalogue(store, manifestPrefix(place), trusted, signal);
    const due = dueForRehash(manifests, await this.proofs(signal), clock.now(), rehashEveryMs);
    return lookAgain(due, { store, identity: undefined, recorder: this.#tools, heard: () => undefined, broke }, signal);
  }

  protected async proofs(signal: AbortSignal): Promise<ReadonlyMap<string, Proof>> {
    const { place, store, trusted } = this.#tools;
    return (await readVerifications(place, store, trusted, signal)).proofs;
  }
}

export interface BucketBackupsTools extends PointTools, Omit<CopyTools, 'isBroken'> {}

/** The backups of one bucket: a point in time when it is due, and proof that it holds. */
export class BucketBackups extends BucketPoints {
  readonly #tools: BucketBackupsTools;
  constructor(tools: BucketBackupsTools) {
    super(tools);
    this.#tools = tools;
  }

  /** A point in time, if there is anything new. What was found to be broken is copied anew. */
  async take(wish: Wish, signal: AbortSignal): Promise<Taken> {
    const proofs = await this.proofs(signal);
    return copyBucket(wish, { ...this.#tools, isBroken: (id) => levelOf(proofs, id) < 0 }, signal);
  }

  /** Restores the newest point and compares each of its objects. Nothing where there is none yet. */
  async prove(signal: AbortSignal): Promise<Verification | undefined> {
    const newest = (await this.points(signal)).at(-1);
    return newest && proveBucket(this.#tools.place, newest.listing, this.#tools, signal);
  }
}

/** Of what it needs the least proven counts. */
const levelOfPoint = (listing: Manifest, proofs: ReadonlyMap<string, Proof>): number => pointLevel(listing, (id) => levelOf(proofs, id));

/** The same by what is known already. */
export const pointLevel = (listing: Manifest, levelOfId: (id: string) => number): number =>
  contentsOf(listing).reduce((least, { id }) => Math.min(least, levelOfId(id)), levelOfId(listing.id));
