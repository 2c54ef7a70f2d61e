import type { KeyObject } from 'node:crypto';
import type { Manifest } from '../../model/backup/manifest.ts';
import { BerthError } from '../../model/errors.ts';
import type { LaidOut, Restorable, Scratch, ScratchEngine } from '../ports/scratch-engine.ts';
import type { Store } from '../ports/store.ts';
import { inOrder } from '../streams/in-order.ts';
import { backupsIn } from './coverage.ts';
import { openBackup } from './open-backup.ts';
import type { RestorePlan } from './plan-restore.ts';

export interface RestoreTools {
  readonly store: Store;
  readonly engine: ScratchEngine;
  /** The private key of a recipient. */
  readonly identity: KeyObject;
  /** Frames that are decompressed at the same time. */
  readonly width: number;
}

/** A store far away answers many at a time no slower than one. */
const atOnce = 16;

/** What it takes to read what an engine has given. */
type ReadTools = Omit<RestoreTools, 'engine'> & { readonly engine: Pick<ScratchEngine, 'engine'> };

/** A way to the files of each backup, one after the other. A day of log is thousands of backups, each with a key of its own. */
export const openEach = (manifests: readonly Manifest[], tools: ReadTools, signal: AbortSignal): AsyncGenerator<Restorable> =>
  inOrder(manifests, atOnce, async (manifest) => {
    if (manifest.engine !== tools.engine.engine) throw otherEngine(manifest, tools.engine);
    const open = await openBackup(tools.store, manifest, tools.identity, tools.width, signal);
    return {
      manifest,
      open: (file) => {
        const stream = manifest.streams.find(({ name }) => name === file);
        if (stream === undefined) throw new BerthError('damaged', `backup ${manifest.id} has no ${file}`, 'restore from another backup');
        return open(stream);
      },
    };
  });

export async function openOne(manifest: Manifest, tools: ReadTools, signal: AbortSignal): Promise<Restorable> {
  for await (const opened of openEach([manifest], tools, signal)) return opened;
  throw new Error('nothing was opened');
}

/** The same for all of them. */
export async function openChain(manifests: readonly Manifest[], tools: ReadTools, signal: AbortSignal): Promise<readonly Restorable[]> {
  const chain: Restorable[] = [];
  for await (const opened of openEach(manifests, tools, signal)) chain.push(opened);
  return chain;
}

const otherEngine = ({ id, engine }: Manifest, scratch: Pick<ScratchEngine, 'engine'>): BerthError =>
  new BerthError('usage', `backup ${id} is one of ${engine}, and this is ${scratch.engine}`, `restore it where ${engine} is`);

/** Carries a plan out in a scratch engine: fetched, laid out, found to be sound, and read up to the target. What is given back is to be disposed of. */
export async function restoreToScratch(plan: RestorePlan, tools: RestoreTools, signal: AbortSignal): Promise<Scratch> {
  const chain = await openChain(backupsIn(plan), tools, signal);
  const laidOut: LaidOut = await tools.engine.layOut(chain, signal);
  try {
    return await laidOut.recover(plan.target, signal);
  } catch (error) {
    await laidOut[Symbol.asyncDispose]();
    throw error;
  }
}
