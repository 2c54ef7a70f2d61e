import type { StackSpec } from '../../model/stack-spec.ts';
import { formatDuration, parseDuration } from '../../model/units.ts';
import type { Seconds } from '../../model/units.ts';
import type { Operations } from '../../model/written-operations.ts';
import { longestGap } from './longest-gap.ts';
import { copiedElsewhere, isCopied } from './services/copied-databases.ts';
import { filesAgentIn } from './services/agents.ts';

/** What may be lost of each kind that is copied, with the key that says so. */
function lossesOf(spec: StackSpec): readonly { readonly what: string; readonly key: string; readonly loss: Seconds }[] {
  const { backups } = spec;
  if (backups === undefined) return [];
  const { buckets = [], caches = [], volumes = [] } = filesAgentIn(spec) ?? {};
  const listed = (names: readonly string[], key: string, loss: Seconds | undefined) =>
    names.length === 0 || loss === undefined ? [] : [{ what: names.join(', '), key, loss }];
  const elsewhere = copiedElsewhere(spec);
  const gap = (job: { readonly schedule: string } | undefined) => job && longestGap(job.schedule);
  return [
    ...listed(
      [...spec.databases.filter((database) => isCopied(database, spec)), ...elsewhere.filter(({ backup }) => backup.log)].map(
        ({ name }) => name,
      ),
      'backups.databases.rpo',
      backups.databases?.rpo,
    ),
    ...listed(
      elsewhere.filter(({ backup }) => !backup.log).map(({ name }) => name),
      'backups.databases.schedule',
      gap(backups.databases),
    ),
    ...listed(
      buckets.map(({ store, bucket }) => `${store}.${bucket}`),
      'backups.buckets.schedule',
      gap(backups.buckets),
    ),
    ...listed(
      caches.map(({ name }) => name),
      'backups.caches.schedule',
      gap(backups.caches),
    ),
    ...listed(
      volumes.map(({ name }) => name),
      'backups.volumes.schedule',
      gap(backups.volumes),
    ),
  ];
}

function objectivesNote(spec: StackSpec, { rpo }: NonNullable<Operations['objectives']>): string {
  const aim = rpo === undefined ? undefined : parseDuration(rpo);
  if (aim !== undefined && spec.backups === undefined)
    return `objectives.rpo is ${rpo ?? ''}, and nothing is backed up: whatever is lost with its disk is lost as a whole until \`backups\` says where copies go`;
  const short = aim === undefined ? [] : lossesOf(spec).filter(({ loss }) => loss > aim);
  if (short.length > 0)
    return `objectives.rpo is ${rpo ?? ''}, and backups may lose more: ${short.map(({ what, key, loss }) => `${what} up to ${formatDuration(loss)} (${key})`).join(', ')}`;
  return 'objectives: nothing watches the running site by it yet; a restore of the whole site and `berth drill` warn where they would take longer than its rto, and `berth backup list` says how far back each copy reaches';
}

const logsNote = ({ target }: StackSpec, { retention }: NonNullable<Operations['logs']>): string =>
  `logs is not acted on yet: ${target === 'compose' ? 'Docker keeps the newest 30 MB of each container, however old they are, and none of one that was made anew' : 'a node keeps as much of a pod as its kubelet is set to, and nothing of one that is gone'}; until then a collector of yours has to keep them for ${retention}`;

/** One note for each key that is validated and that nothing acts on yet. It is loaded for specs that have one of them. */
export function operationsNotes(spec: StackSpec): readonly string[] {
  const { deploy, alerts, logs, errorTracking, objectives } = spec.operations ?? {};
  return [
    ...(deploy
      ? [
          `deploy is not acted on yet: a version is released by its weight in release.yaml and \`berth generate\`, ${deploy.steps ? 'step by step, ' : ''}and nothing goes back by itself; the version before is at hand in the other slot for as long as that is filled${deploy.backup === true ? ', and a backup before is `berth backup now --label NAME`' : ''}`,
        ]
      : []),
    ...(alerts
      ? [
          `alerts is not acted on yet: nobody is told of anything; until then a monitoring of yours asks the site what its visitors ask, and ${spec.target === 'compose' ? '`docker compose ps`' : '`kubectl get pods`'} shows what is not healthy`,
        ]
      : []),
    ...(logs ? [logsNote(spec, logs)] : []),
    ...(errorTracking
      ? [
          'errorTracking is not acted on yet: no service is told of it; until then give those that report a secret with supplied: true, and its place under their egress',
        ]
      : []),
    ...(objectives ? [objectivesNote(spec, objectives)] : []),
  ];
}
