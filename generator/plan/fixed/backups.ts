import type { Decision } from '../../../model/decision.ts';
import type { BackupJob, BackupsConfig } from '../../../model/runtime-config.ts';
import { fixed } from './fixed.ts';

const kept = (rules: NonNullable<BackupJob['keep']>): string =>
  Object.entries(rules)
    .map(([rule, count]) => `${rule} ${count}`)
    .join(', ');

/** What an agent does when, and for how long it keeps it. */
function ofJob({ name, schedule, timeZone, timeout, keep, database, bucket }: BackupJob): readonly Decision[] {
  const proved = database?.prove ?? bucket?.prove;
  const said = [
    `at ${schedule} (${timeZone}), given up after ${timeout}s`,
    ...(keep ? [`kept: ${kept(keep)}`] : []),
    ...(proved === undefined ? [] : [`restored and compared at ${proved}`]),
    ...(database ? [database.elsewhere?.log === false ? 'without its log' : `log at most ${database.rpo}s behind`] : []),
    ...(database?.elsewhere?.slot === undefined || !database.elsewhere.log ? [] : [`kept there by the slot ${database.elsewhere.slot}`]),
    ...(database ? [`the server of its restores has ${database.memory} MiB`] : []),
    ...(database?.increments === undefined ? [] : [`increments at ${database.increments}`]),
  ];
  return [
    fixed(`backups.${name}`, said.join('; '), 'what berth.yaml says of backups, or its default: docs/backups.md', 'backups in berth.yaml'),
  ];
}

/** Where backups go, and when they are looked at again. */
export function ofBackups({ store, offsite, drill, verify, prune, jobs }: BackupsConfig): readonly Decision[] {
  const inSpec = (key: string, value: string, because: string): Decision =>
    fixed(`backups.${key}`, value, `design: ${because}`, 'backups in berth.yaml');
  return [
    inSpec('store', `tier ${store.tier}`, 'how far it is from what it protects: what is on tier 0 is lost with it'),
    ...(offsite
      ? [inSpec('offsite', `tier ${offsite.tier}, at ${offsite.schedule} (${offsite.timeZone})`, 'a fire in one place leaves the other')]
      : []),
    ...(drill ? [inSpec('drill', `every ${drill.every} days`, 'who has not seen a whole restore lately does not know that it works')] : []),
    inSpec('verify', `at ${verify.schedule} (${verify.timeZone})`, 'everything that is kept is read again once a week'),
    inSpec('prune', `at ${prune.schedule} (${prune.timeZone})`, 'after the nightly backups'),
    ...jobs.flatMap(ofJob),
  ];
}
