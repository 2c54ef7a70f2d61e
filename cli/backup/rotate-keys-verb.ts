import { resolve } from 'node:path';
import { BerthError } from '../../model/errors.ts';
import { usualSuite } from '../../model/backup/suites.ts';
import { checkForSuite } from '../../runtime/format/recipients.ts';
import { rotateAll, type Rotated } from '../../runtime/jobs/rotate-all.ts';
import { readIdentity, readRecipients } from '../../runtime/keys/read-keys.ts';
import { openStore, trustedSigners } from '../../runtime/open-store.ts';
import { chownFor } from '../../runtime/stores/folder-owner.ts';
import { leasesFor } from '../../runtime/wire.ts';
import { type Asked, runtimeOf } from '../open-catalogue.ts';
import { progressOn } from '../progress.ts';
import { worldOf } from '../runtime-config.ts';
import { type RuntimeContext, stoppable } from '../stoppable.ts';
import { table } from '../text.ts';
import { shortName } from './text.ts';

interface RotateAsked extends Asked {
  /** The private key of somebody who can open the backups now. */
  readonly key: string;
}

/** Lets those open all backups of a place whose public keys are in the site now, and nobody else. Data and manifests stay as they are. */
export const rotateAllKeys = (asked: RotateAsked, context: RuntimeContext): Promise<void> =>
  stoppable(context, async (signal) => {
    const { site, json, from, key } = asked;
    const { config, folder } = runtimeOf(site, from);
    const { backups } = config;
    const world = worldOf(context);
    const identity = readIdentity(key, context.env['BERTH_KEY_PASSPHRASE']);
    const store = await openStore(backups, folder, 'open', world);
    using progress = progressOn(context, json);
    const tools = {
      ...world,
      store,
      identity,
      leases: leasesFor(backups, config.site, folder, store, world),
      trusted: trustedSigners(backups, folder),
      recipientsOf: (source: string) => {
        const names = backups.jobs.find(({ name }) => name === source)?.recipients;
        const recipients = readRecipients(resolve(folder, backups.recipients), names);
        checkForSuite(backups.suite ?? usualSuite, recipients);
        return recipients;
      },
      found: (count: number) => progress.say(`${count} backups found`),
      heard: ({ source, id }: { readonly source: string; readonly id: string }) => progress.say(`${shortName(source)} ${id}`),
    };
    const jobs = backups.jobs.map(({ name }) => name);
    const all = await rotateAll(config.site, jobs, tools, signal).finally(() => {
      // What root has written is of no use to an agent, who is another user; also where this broke off.
      const { folder: root, owner } = backups.store;
      if (root !== undefined && owner !== undefined && process.getuid?.() === 0) chownFor(root, config.site, owner);
    });
    progress[Symbol.dispose]();
    tell(all, asked, context);
  });

function tell(all: readonly Rotated[], { site, json, from, key }: RotateAsked, context: RuntimeContext): void {
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
  const broken = all.flatMap((each) => each.broken);
  const found = [...(closed === 0 ? [] : [notMadeFor(key, closed)]), ...(broken.length === 0 ? [] : [withoutKeys(broken, from)])];
  const worst = found.at(-1);
  if (worst !== undefined)
    throw new BerthError(worst.kind, found.map(({ message }) => message).join('; '), found.map(({ hint }) => hint).join('; '));
}

const notMadeFor = (key: string, count: number): BerthError =>
  new BerthError(
    'stale',
    count === 1
      ? `1 backup was not made for ${key}, and opens for whom it did before`
      : `${count} backups were not made for ${key}, and open for whom they did before`,
    'run this again with the private key of somebody who can open them',
  );

const withoutKeys = (broken: readonly string[], from: Asked['from']): BerthError =>
  new BerthError(
    'damaged',
    `the key files of ${broken.join(', ')} are damaged or gone; all others were seen to`,
    `where there is a second place, put what is damaged aside, and \`berth backup copy${from === 'offsite' ? '' : ' --from offsite'}\` brings it back; without it nobody can open these`,
  );
