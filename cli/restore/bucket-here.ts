import { createPrivateKey, type KeyObject } from 'node:crypto';
import { manifestPrefix } from '../../model/backup/layout.ts';
import { BerthError } from '../../model/errors.ts';
import { Secret } from '../../model/secret.ts';
import { openBucket, type BucketAccount, type BucketJob } from '../../runtime/buckets.ts';
import { planBucketRestore, restoreIntoBucket } from '../../runtime/jobs/bucket/restore-bucket.ts';
import { readCatalogue } from '../../runtime/jobs/catalogue.ts';
import { readVerifications } from '../../runtime/jobs/verifications.ts';
import { levelOf } from '../../runtime/look-again.ts';
import { openStore, trustedSigners } from '../../runtime/open-store.ts';
import { worldOf, type FoundRuntime } from '../runtime-config.ts';
import type { RuntimeContext } from '../stoppable.ts';
import { choosePoint, pointOf, width, type BucketRestoreAsked, type RestoredBucket } from './bucket-point.ts';
import { agentIdentity } from './keys.ts';
import { secondsSince } from '../moment.ts';

/** What goes to the agent for one restore, and stays nowhere: what opens the backups, and who may write to the bucket. */
export interface Given {
  /** In PEM; without it the agent's own. */
  readonly key: string | null;
  readonly writer: { readonly accessKey: string; readonly secretKey: string } | null;
}

/** In the container of the agent, who reaches store and bucket. */
export async function restoreHere(
  found: FoundRuntime,
  job: BucketJob,
  asked: BucketRestoreAsked,
  context: RuntimeContext,
  signal: AbortSignal,
): Promise<RestoredBucket> {
  const {
    folder,
    config: { backups, site },
  } = found;
  const world = worldOf(context);
  const store = await openStore(backups, folder, 'open', world);
  const trusted = trustedSigners(backups, folder);
  const place = { site, source: job.name };
  const { manifests } = await readCatalogue(store, manifestPrefix(place), trusted, signal, (key) => key.endsWith('.bucket.json'));
  const { proofs } = await readVerifications(place, store, trusted, signal);
  const listing = choosePoint(manifests, asked.at, (id) => levelOf(proofs, id));
  const { key, writer } = givenIn(asked.given);
  const tools = { store, trusted, identity: key ?? (await agentIdentity(found)), width };
  const restore = {
    listing,
    bucket: openBucket(job, world, writer),
    prefix: asked.prefix,
    others: asked.exact ? ('delete' as const) : ('keep' as const),
  };
  const planned = { ...(await planBucketRestore(restore, tools, signal)), ...pointOf(job.name, listing, asked, 'live') };
  if (asked.dryRun) return { ...planned, seconds: null };
  if (!asked.yes) throw new BerthError('conflict', 'nothing was changed', 'run the same command with --yes');
  const begun = performance.now();
  await restoreIntoBucket(restore, tools, signal);
  return { ...planned, seconds: secondsSince(begun) };
}

function givenIn(given: Secret | undefined): { readonly key?: KeyObject; readonly writer?: BucketAccount } {
  if (given === undefined) return {};
  const { key, writer } = JSON.parse(given.reveal()) as Given;
  return {
    ...(key === null ? {} : { key: createPrivateKey(key) }),
    ...(writer === null ? {} : { writer: { accessKey: writer.accessKey, secretKey: new Secret(writer.secretKey) } }),
  };
}
