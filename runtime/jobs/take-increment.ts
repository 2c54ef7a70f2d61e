import type { KeyObject } from 'node:crypto';
import type { Place } from '../../model/backup/layout.ts';
import { hasLogBehind, type Manifest } from '../../model/backup/manifest.ts';
import { BerthError } from '../../model/errors.ts';
import type { Recipient } from '../format/keys.ts';
import type { BackedUpEngine } from '../ports/engine.ts';
import { NoIncrement } from '../ports/producer.ts';
import type { Restorable } from '../ports/scratch-engine.ts';
import { backup } from './backup.ts';
import { readWithoutLogs } from './catalogue.ts';
import { baseOf, chainsOf } from './coverage.ts';
import { openChain } from './restore-engine.ts';
import { acquireLease, madeAfter, type Taken, type TakeTools, type Wish } from './take-backup.ts';
import { readVerifications } from './verifications.ts';

export interface IncrementTools extends TakeTools {
  readonly engine: BackedUpEngine;
  readonly recipients: () => readonly Recipient[];
  /** Opens what the increment is to follow. */
  readonly identity: KeyObject;
}

/** Of an increment; `full needed` where nothing is there that one could rest on. */
export type Incremented = Taken | { readonly outcome: 'full needed'; readonly because: string };

/** Copies what has changed since the newest full backup or increment, and rests on that. */
export async function takeIncrement(place: Place, { due, label }: Wish, tools: IncrementTools, signal: AbortSignal): Promise<Incremented> {
  const lease = await acquireLease(place.source, tools, signal);
  try {
    const manifests = await readWithoutLogs(place, tools.store, tools.trusted, signal);
    const made = due === null ? undefined : manifests.find(({ scheduledFor }) => scheduledFor === due.toISOString());
    if (made !== undefined) return { outcome: 'unchanged', manifest: made };
    const parent = await parentIn(manifests, place, tools, signal);
    const request = {
      place,
      kind: 'increment',
      after: { chain: parent.manifest.chain, parent: parent.manifest.id },
      label,
      scheduledFor: due,
      newestId: manifests.at(-1)?.id,
    } as const;
    const producer = producerOf(parent, tools);
    return madeAfter(manifests, await backup(request, { ...tools, producer, lease, recipients: tools.recipients() }, signal));
  } catch (error) {
    if (!(error instanceof NoIncrement)) throw error;
    return { outcome: 'full needed', because: error.message };
  } finally {
    await lease.release();
  }
}

function producerOf(parent: Restorable, { engine }: IncrementTools) {
  if (engine.increment === undefined)
    throw new BerthError('unsupported', `${engine.producer.engine} has no increments`, 'make a full backup: leave --increment out');
  return engine.increment(parent);
}

/** The newest alone, or the full backup of its chain: an increment behind an older one would leave out what the chain of the newer one is for. @throws NoIncrement */
async function parentIn(manifests: readonly Manifest[], place: Place, tools: IncrementTools, signal: AbortSignal): Promise<Restorable> {
  const newest = manifests.findLast(({ kind }) => hasLogBehind(kind));
  if (newest === undefined) throw new NoIncrement('there is no full backup yet');
  const { proofs } = await readVerifications(place, tools.store, tools.trusted, signal);
  const sound = manifests.filter(({ id }) => (proofs.get(id)?.level ?? 0) >= 0);
  if (!chainsOf(sound, tools.engine.rules).some((chain) => baseOf(chain).id === newest.id))
    throw new NoIncrement(`${newest.id}, or what it rests on, is missing or was found to be broken`);
  const onto = tools.engine.incrementsRestOn === 'full' ? manifests.find(({ id }) => id === newest.chain) : newest;
  if (onto === undefined) throw new NoIncrement(`${newest.chain} is missing`);
  try {
    const [parent] = await openChain([onto], { ...tools, engine: tools.engine.scratch }, signal);
    if (parent !== undefined) return parent;
  } catch (error) {
    // One of another agent, or one whose key was damaged.
    if (!(error instanceof BerthError) || (error.kind !== 'damaged' && error.kind !== 'usage')) throw error;
    throw new NoIncrement(`${onto.id} cannot be opened: ${error.message}`);
  }
  throw new Error('a chain of one gave nothing');
}
