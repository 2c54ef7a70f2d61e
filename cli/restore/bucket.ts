import { resolve } from 'node:path';
import { describeBytes } from '../../model/backup/bytes.ts';
import { BerthError } from '../../model/errors.ts';
import { Secret } from '../../model/secret.ts';
import { isBucket, type BucketJob } from '../../runtime/buckets.ts';
import { readSecret } from '../../runtime/keys/read-keys.ts';
import { inAgent, type AgentHome } from '../agent-exec.ts';
import { ageOf, shownTime } from '../backup/text.ts';
import { firstPlaceAlone, runtimeOf } from '../open-catalogue.ts';
import { progressOn } from '../progress.ts';
import type { FoundRuntime } from '../runtime-config.ts';
import { stoppable, type RuntimeContext } from '../stoppable.ts';
import { paint } from '../text.ts';
import { counted, type BucketRestoreAsked, type RestoredBucket, theBucket } from './bucket-point.ts';
import { restoreHere, type Given } from './bucket-here.ts';
import { restoreAsFiles } from './bucket-files.ts';
import { openedKey } from './keys.ts';

/** Puts a bucket back to a point in time: in its place, by the agent that reaches it, or as files of this host. */
export const restoreBucket = (asked: BucketRestoreAsked, context: RuntimeContext): Promise<void> =>
  stoppable(context, async (signal) => {
    if (asked.into !== 'live') return restoreAsFiles(asked, asked.into.folder, context, signal);
    if (asked.from === 'offsite') throw firstPlaceAlone();
    const found = runtimeOf(asked.site);
    const job = jobOf(found, asked.name);
    if (job.agent === undefined) {
      const restored = await restoreHere(found, job, asked, context, signal);
      return context.out(`${JSON.stringify(restored, null, 2)}\n`);
    }
    await restoreByAgent(found, { ...job, agent: job.agent }, asked, context, signal);
  });

const jobOf = ({ config }: FoundRuntime, name: string | undefined): BucketJob => theBucket(config.backups.jobs.filter(isBucket), name);

type AgentJob = BucketJob & { readonly agent: string };

/** Has the agent do it, or look what it would do. */
async function askAgent(
  home: AgentHome,
  job: AgentJob,
  { at, prefix, exact, key }: Pick<BucketRestoreAsked, 'at' | 'prefix' | 'exact' | 'key'>,
  writer: Given['writer'],
  how: readonly string[],
  context: RuntimeContext,
  signal: AbortSignal,
): Promise<RestoredBucket> {
  const given: Given = { key: key === undefined ? null : openedKey(key, context).reveal(), writer };
  const words = ['restore', '--only', 'bucket', '--name', job.name, ...(at === undefined ? ['--latest'] : ['--at', at])];
  // A prefix may begin with a dash.
  const which = [`--prefix=${prefix}`, ...(exact ? ['--exact'] : []), '--into', 'live', '--given'];
  const answer = await inAgent(home, job.agent, [...words, ...which, ...how], context, signal, new Secret(JSON.stringify(given)));
  return answer as unknown as RestoredBucket;
}

/** Puts back what is missing or another, of a site whose store and agent run, or only looks. @param at - The time of a point. */
export const putBack = (
  home: AgentHome,
  job: AgentJob,
  { at, key, dryRun }: { readonly at: string; readonly key: string; readonly dryRun: boolean },
  context: RuntimeContext,
  signal: AbortSignal,
): Promise<RestoredBucket> =>
  askAgent(
    home,
    job,
    { at, prefix: '', exact: false, key },
    dryRun ? null : writerOf(job, home.site),
    [dryRun ? '--dry-run' : '--yes'],
    context,
    signal,
  );

/** Says first what it will do. What would be overwritten or deleted is copied before that, so that the restore can be undone. */
async function restoreByAgent(
  { folder, config }: FoundRuntime,
  job: AgentJob,
  asked: BucketRestoreAsked,
  context: RuntimeContext,
  signal: AbortSignal,
): Promise<void> {
  const { site, json, exact, cluster } = asked;
  const home: AgentHome = { site, config, ...(cluster && { cluster }) };
  const ask = (at: string | undefined, writer: Given['writer'], how: readonly string[]): Promise<RestoredBucket> =>
    askAgent(home, job, { ...asked, at }, writer, how, context, signal);
  using progress = progressOn(context, json);
  progress.say(`${job.name}: comparing it with its backup`);
  const planned = await ask(asked.at, null, ['--dry-run']);
  progress[Symbol.dispose]();
  if (!json) say(planned, context);
  if (asked.dryRun) return json ? context.out(`${JSON.stringify(planned, null, 2)}\n`) : undefined;
  const overwritten = planned.different + (exact ? planned.others : 0);
  if (planned.missing + overwritten === 0)
    return context.out(json ? `${JSON.stringify({ ...planned, seconds: 0 }, null, 2)}\n` : 'Nothing is to be done.\n');
  if (!asked.yes)
    throw new BerthError(
      'conflict',
      overwritten === 0
        ? 'objects would be written; nothing was changed'
        : `${overwritten} objects would be another or gone; nothing was changed`,
      'run the same command with --yes, or restore into a folder first: --into DIR --key FILE',
    );
  let before: string | null = null;
  if (overwritten > 0) {
    progress.say(`${job.name}: copying what it holds now`);
    const { backups } = await inAgent(home, job.agent, ['backup', 'now', job.name, '--label', 'before a restore'], context, signal);
    before = (backups as readonly { readonly madeAt: string }[])[0]?.madeAt ?? null;
  }
  progress.say(`${job.name}: putting back ${planned.missing + planned.different} objects`);
  const done = await ask(planned.point.madeAt, writerOf(job, folder), ['--yes']);
  progress[Symbol.dispose]();
  if (json) return context.out(`${JSON.stringify({ ...done, before }, null, 2)}\n`);
  const undo = `berth restore --only bucket --name ${job.name} --at ${before ?? ''} --exact --into live`;
  const gone = exact && done.others > 0 ? `, ${counted(done.others)} deleted` : '';
  context.out(
    `${counted(done.missing + done.different)} put back${gone} in ${done.seconds ?? 0} s.\n${before === null ? '' : `→ to undo it:\n    ${undo}\n`}`,
  );
}

/** Who may write to the bucket: the account of the application. Its secret is read at the site, and the agent has it for this restore alone. */
function writerOf({ name, bucket: { writer } }: BucketJob, folder: string): Given['writer'] {
  if (writer === undefined)
    throw new BerthError('spec', `runtime.yaml does not say who may write to ${name}`, 'run `berth generate`, which writes it anew');
  const secretKey = readSecret(resolve(folder, writer.secretKey))?.trim() ?? '';
  if (secretKey === '')
    throw new BerthError(
      'usage',
      `${writer.secretKey} has no secret key of ${writer.accessKey}`,
      'run `berth generate`, and supply what it asks for',
    );
  return { accessKey: writer.accessKey, secretKey };
}

function say({ bucket, point, prefix, missing, different, same, others, bytes, exact }: RestoredBucket, context: RuntimeContext): void {
  const age = ageOf({ finishedAt: point.madeAt }, context.now());
  context.out(
    [
      `${paint(context.color)('bold', bucket)} from ${point.id} of ${shownTime(point.madeAt)}, ${age} ago\n`,
      ...(prefix === '' ? [] : [`  only       what begins with ${prefix}\n`]),
      `  puts back  ${counted(missing)} that ${missing === 1 ? 'is' : 'are'} missing and ${different} that changed: ${describeBytes(bytes)}\n`,
      `  leaves     ${same} as they are\n`,
      others === 0 ? '' : `  ${exact ? 'deletes  ' : 'keeps    '}  ${others} that came later${exact ? '' : '; --exact deletes them'}\n`,
      '  stops      nothing: what applications write meanwhile stays\n\n',
    ].join(''),
  );
}
