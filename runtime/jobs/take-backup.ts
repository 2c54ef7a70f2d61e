import { manifestKey, type Place } from '../../model/backup/layout.ts';
import type { BackupKind, Manifest } from '../../model/backup/manifest.ts';
import { BerthError } from '../../model/errors.ts';
import type { Recipient } from '../format/keys.ts';
import type { TrustedSigners } from '../format/signature.ts';
import type { Clock } from '../ports/clock.ts';
import type { Lease, Leases } from '../ports/lease.ts';
import type { Producer } from '../ports/producer.ts';
import { backup, type BackupTools } from './backup.ts';
import { readWithoutLogs } from './catalogue.ts';
import type { RetentionPolicy } from './retention.ts';
import { isWhole, shrinkageOf } from './shrinkage.ts';

/** Something that is copied by itself and stands alone. */
export interface BackupSource {
  readonly place: Place;
  readonly kind: BackupKind;
  readonly producer: Producer;
  /** Asked at every run: keys come and go. */
  readonly recipients: () => readonly Recipient[];
  /** Of what is copied on change only: whether a backup still is what there is. */
  readonly holds?: (newest: Manifest, signal: AbortSignal) => Promise<boolean>;
  /** Without it everything is kept. */
  readonly keep?: RetentionPolicy;
}

export interface TakeTools extends Omit<BackupTools, 'producer' | 'lease' | 'recipients'> {
  readonly leases: Leases;
  readonly trusted: TrustedSigners;
  /** How long to ask for the lease: a holder that died is known to be gone after about a minute. */
  readonly leasePatienceMs: number;
}

export interface Wish {
  /** The tick; none when a person asks. */
  readonly due: Date | null;
  readonly label: string | null;
}

/** What came of it; `unchanged` when the newest backup is still what there is, or another agent has made that of this tick. */
export type Taken = {
  readonly outcome: 'made' | 'unchanged';
  readonly manifest: Manifest;
  /** Why it is a full backup, where an increment was asked for. */
  readonly fullBecause?: string;
  /** What it holds less than half of, against the one before. */
  readonly shrunk?: string;
};

/** @param before - All that there was of the same source but its logs, the oldest first. */
export function madeAfter(before: readonly Manifest[], manifest: Manifest): Taken {
  const last = before.findLast(isWhole);
  const shrunk = last && shrinkageOf(last, manifest);
  return { outcome: 'made', manifest, ...(shrunk === undefined ? {} : { shrunk }) };
}

/**
 * Makes a backup of a source where it is due.
 *
 * @param known - The newest backup that this process made or saw; saves reading the catalogue as long as it is in the store.
 */
export async function takeBackup(
  source: BackupSource,
  { due, label }: Wish,
  tools: TakeTools,
  known: Manifest | undefined,
  signal: AbortSignal,
): Promise<Taken> {
  const unchanged = async (newest: Manifest | undefined): Promise<Taken | undefined> =>
    // One of another suite is of what was asked for before.
    label === null && newest !== undefined && newest.cipher.suite === tools.suite && (await source.holds?.(newest, signal)) === true
      ? { outcome: 'unchanged', manifest: newest }
      : undefined;
  const before = await unchanged(await stillThere(known, source, tools, signal));
  if (before !== undefined) return before;
  const lease = await acquireLease(source.place.source, tools, signal);
  try {
    const manifests = await readWithoutLogs(source.place, tools.store, tools.trusted, signal);
    const made =
      due === null ? undefined : manifests.find(({ kind, scheduledFor }) => kind === source.kind && scheduledFor === due.toISOString());
    if (made !== undefined && source.holds === undefined) return { outcome: 'unchanged', manifest: made };
    const newest = manifests.at(-1);
    const same = await unchanged(newest);
    if (same !== undefined) return same;
    const request = { place: source.place, kind: source.kind, after: null, label, scheduledFor: due, newestId: newest?.id };
    const { producer } = source;
    const manifest = await backup(request, { ...tools, producer, lease, recipients: source.recipients() }, signal);
    return madeAfter(manifests, manifest);
  } finally {
    await lease.release();
  }
}

async function stillThere(
  known: Manifest | undefined,
  { place, kind }: BackupSource,
  { store }: TakeTools,
  signal: AbortSignal,
): Promise<Manifest | undefined> {
  if (known === undefined) return undefined;
  return (await store.size(manifestKey(place, known.id, kind), signal)) === undefined ? undefined : known;
}

const askAgainMs = 2000;

/** @throws BerthError `locked` when somebody else keeps it. */
export async function acquireLease(
  name: string,
  { leases, clock, leasePatienceMs }: { readonly leases: Leases; readonly clock: Clock; readonly leasePatienceMs: number },
  signal: AbortSignal,
): Promise<Lease> {
  const since = clock.elapsed();
  for (;;) {
    const lease = await leases.acquire(name, signal);
    if (!('heldBy' in lease)) return lease;
    if (clock.elapsed() - since >= leasePatienceMs)
      throw new BerthError(
        'locked',
        `${name} is being worked on by ${lease.heldBy}`,
        'wait until that has ended; of several agents for one site, stop all but one',
      );
    await clock.sleep(askAgainMs, signal);
    signal.throwIfAborted();
  }
}
