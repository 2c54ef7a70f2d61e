import { describeBytes } from '../../model/backup/bytes.ts';
import type { ObjectRow } from '../../model/backup/object-row.ts';
import { BerthError } from '../../model/errors.ts';
import { readObjects, restoreObjects } from '../../runtime/jobs/bucket/restore-objects.ts';
import { trustedSigners } from '../../runtime/open-store.ts';
import { ObjectFiles } from '../../runtime/restore/object-files.ts';
import { ageOf, shownTime } from '../backup/text.ts';
import { openCatalogue } from '../open-catalogue.ts';
import { progressOn } from '../progress.ts';
import type { RuntimeContext } from '../stoppable.ts';
import { paint } from '../text.ts';
import { choosePoint, counted, pointOf, width, type BucketRestoreAsked, type RestoredBucket, theBucket } from './bucket-point.ts';
import { identityIn, keyFileOf } from './keys.ts';
import { secondsSince } from '../moment.ts';
import { makeFolder, refuseFull } from './make-folder.ts';

/** The host reads the store itself: nothing of the site has to run for it. What else S3 knows of the objects stays in the listing. */
export async function restoreAsFiles(asked: BucketRestoreAsked, into: string, context: RuntimeContext, signal: AbortSignal): Promise<void> {
  const { site, json, prefix } = asked;
  if (asked.exact) throw new BerthError('usage', 'a folder has nothing that came later', 'leave --exact away, or write --into live');
  const { folder, store, catalogue, config, levelOf: level } = await openCatalogue(site, context, signal, asked.from);
  const all = Map.groupBy(catalogue.manifests, ({ source }) => source);
  const sources = [...all].flatMap(([name, ofOne]) => (ofOne.some(({ kind }) => kind === 'bucket') ? [{ name, ofOne }] : []));
  const { name, ofOne } = theBucket(sources, asked.name);
  const listing = choosePoint(ofOne, asked.at, level);
  const tools = {
    store,
    trusted: trustedSigners(config.backups, folder),
    identity: identityIn(keyFileOf(folder, asked.key), context),
    width,
  };
  const wanted = async function* (): AsyncGenerator<ObjectRow> {
    for await (const row of readObjects(listing, tools, signal)) if (row.key.startsWith(prefix)) yield row;
  };
  using progress = progressOn(context, json);
  const total = { missing: 0, bytes: 0 };
  if (asked.dryRun)
    for await (const row of wanted()) {
      total.missing += 1;
      total.bytes += row.bytes;
    }
  const begun = performance.now();
  if (!asked.dryRun) {
    makeFolder(into, 0o700);
    if (!asked.yes) refuseFull(into, 'name an empty folder, or write files over what lies there with --yes');
    const files = new ObjectFiles(into);
    const take = async (row: ObjectRow, bytes: AsyncIterable<Uint8Array>): Promise<void> => {
      await files.take(row, bytes, signal);
      total.missing += 1;
      total.bytes += row.bytes;
      progress.say(`${name}: ${counted(total.missing)}, ${describeBytes(total.bytes)}`);
    };
    await restoreObjects(listing, wanted(), take, tools, signal);
  }
  const seconds = asked.dryRun ? null : secondsSince(begun);
  progress[Symbol.dispose]();
  const done: RestoredBucket = { ...pointOf(name, listing, asked, into), ...total, different: 0, same: 0, others: 0, seconds };
  if (json) return context.out(`${JSON.stringify(done, null, 2)}\n`);
  const age = ageOf(listing, context.now());
  context.out(
    `${paint(context.color)('bold', name)} from ${listing.id} of ${shownTime(listing.finishedAt)}, ${age} ago\n${counted(total.missing)}, ${describeBytes(total.bytes)}${seconds === null ? `, would be files in ${into}` : ` in ${into}, ${seconds} s`}\n`,
  );
}
