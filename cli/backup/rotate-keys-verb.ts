import { resolve } from 'node:path';
import type { Manifest } from '../../model/backup/manifest.ts';
import { makeUlid } from '../../model/backup/ulid.ts';
import { BerthError } from '../../model/errors.ts';
import { checkForSuite } from '../../runtime/format/recipients.ts';
import { rotateKeys } from '../../runtime/jobs/rotate-keys.ts';
import { acquireLease } from '../../runtime/jobs/take-backup.ts';
import { readIdentity, readRecipients } from '../../runtime/keys/read-keys.ts';
import { leasesFor } from '../../runtime/wire.ts';
import { usualSuite } from '../../model/backup/suites.ts';
import { openCatalogue } from '../open-catalogue.ts';
import { progressOn } from '../progress.ts';
import { type RuntimeContext, stoppable } from '../stoppable.ts';
import { table } from '../text.ts';
import { shortName } from './text.ts';

interface RotateAsked {
  readonly site: string;
  readonly json: boolean;
  /** The private key of somebody who can open the backups now. */
  readonly key: string;
}

/** What came of the backups of one source. */
interface Rotated {
  readonly source: string;
  readonly rotated: string[];
  readonly unchanged: string[];
  /** Those that this key does not open. */
  readonly closed: string[];
  /** Those whose key file is damaged or gone. */
  readonly broken: string[];
}

/** Lets those open all backups whose public keys are in the site now, and nobody else. Data and manifests stay as they are. */
export const rotateAll = ({ site, json, key }: RotateAsked, context: RuntimeContext): Promise<void> =>
  stoppable(context, async (signal) => {
    const { config, folder, store, catalogue, world } = await openCatalogue(site, context, signal);
    const { backups } = config;
    const identity = readIdentity(key, context.env['BERTH_KEY_PASSPHRASE']);
    const leases = leasesFor(backups, config.site, folder, store, world);
    const recipientsOf = (source: string) =>
      readRecipients(resolve(folder, backups.recipients), backups.jobs.find(({ name }) => name === source)?.recipients);
    const sources = Map.groupBy(catalogue.manifests, ({ source }) => source);
    for (const source of sources.keys()) checkForSuite(backups.suite ?? usualSuite, recipientsOf(source));
    using progress = progressOn(context, json);
    const all: Rotated[] = [];
    for (const [source, manifests] of sources) {
      const outcome: Rotated = { source, rotated: [], unchanged: [], closed: [], broken: [] };
      all.push(outcome);
      const tools = { store, identity, recipients: recipientsOf(source), random: world.random };
      const lease = await acquireLease(source, { leases, clock: world.clock, leasePatienceMs: world.leasePatienceMs }, signal);
      const stop = AbortSignal.any([signal, lease.lost]);
      try {
        for (const manifest of manifests) {
          await lease.confirm(stop);
          const version = makeUlid(world.clock.now(), world.random(10), manifest.id);
          outcome[await rotateOne(manifest, tools, version, stop)].push(manifest.id);
          progress.say(`${shortName(source)} ${manifest.id}`);
        }
      } finally {
        await lease.release();
      }
    }
    progress[Symbol.dispose]();
    tell(all, { site, json, key }, context);
  });

async function rotateOne(
  manifest: Manifest,
  tools: Parameters<typeof rotateKeys>[1],
  version: string,
  signal: AbortSignal,
): Promise<'rotated' | 'unchanged' | 'closed' | 'broken'> {
  try {
    return (await rotateKeys(manifest, tools, version, signal)) ? 'rotated' : 'unchanged';
  } catch (error) {
    if (error instanceof BerthError && error.kind === 'usage') return 'closed';
    // The others are not left open to whom they are to be closed to for its sake.
    if (error instanceof BerthError && error.kind === 'damaged') return 'broken';
    throw error;
  }
}

function tell(all: readonly Rotated[], { site, json, key }: RotateAsked, context: RuntimeContext): void {
  if (json) context.out(`${JSON.stringify({ site, sources: all }, null, 2)}\n`);
  else {
    const rows = all.map(({ source, rotated, unchanged, closed, broken }) => [
      shortName(source),
      `${rotated.length} rotated`,
      `${unchanged.length} as they were`,
      [
        ...(closed.length === 0 ? [] : [`${closed.length} not made for this key`]),
        ...(broken.length === 0 ? [] : [`broken: ${broken.join(', ')}`]),
      ].join(', '),
    ]);
    context.out(rows.length === 0 ? 'There are no backups.\n' : `${table(rows)}\n`);
  }
  const closed = all.reduce((sum, each) => sum + each.closed.length, 0);
  if (closed > 0)
    throw new BerthError(
      'stale',
      `${closed} backups were not made for ${key}, and open for whom they did before`,
      'run this again with the private key of somebody who can open them',
    );
  const broken = all.flatMap((each) => each.broken);
  if (broken.length > 0)
    throw new BerthError(
      'damaged',
      `the key files of ${broken.join(', ')} are damaged or gone; all others were seen to`,
      '`berth backup copy --from offsite` brings them back where there is a second place; without them nobody can open these',
    );
}
