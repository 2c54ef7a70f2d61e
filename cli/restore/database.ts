import { join } from 'node:path';
import { describeBytes } from '../../model/backup/bytes.ts';
import { givenKey } from '../../model/backup/site-files.ts';
import { BerthError, EXIT } from '../../model/errors.ts';
import type { BackupJob } from '../../model/runtime-config.ts';
import type { Secret } from '../../model/secret.ts';
import { isDatabase, type DatabaseJob, type DatabaseKind } from '../../runtime/databases.ts';
import { type ClusterChoice, inAgent } from '../agent-exec.ts';
import { countedBehind } from '../backup/text.ts';
import { firstPlaceAlone, type PlaceName } from '../open-catalogue.ts';
import { progressOn } from '../progress.ts';
import { readRuntime } from '../runtime-config.ts';
import { stoppable, type RuntimeContext } from '../stoppable.ts';
import { paint, table } from '../text.ts';
import { describeCanary, tooOld } from './canary.ts';
import { theOne } from './choose-named.ts';
import { type Restored, restoredData, restoreHere, type RestoreHereAsked, targetOf } from './database-here.ts';
import { another, type LiveEnding, LiveRecordFile, nothingLeft, ofUnended, whenStopped } from './live-record.ts';
import { describeEstimate } from './estimate.ts';
import { openedKey } from './keys.ts';

/** A server of its own that is thrown away, one that stays beside the site, the place of the database in its site, or a new folder in the container of an agent. */
type DatabasePlace = 'scratch' | 'new' | 'live' | { readonly folder: string };

export interface DatabaseRestoreAsked extends RestoreHereAsked {
  readonly site: string;
  readonly from: PlaceName;
  readonly json: boolean;
  /** Of the database; none where there is but one. */
  readonly name: string | undefined;
  readonly into: DatabasePlace;
  readonly yes: boolean;
  readonly cluster?: ClusterChoice;
  /** Of a restore into its place that was cut off. */
  readonly ending?: LiveEnding | undefined;
}

/** Restores a database into a server of its own, of which nothing stays, and says what it held. */
export const restoreDatabase = (given: DatabaseRestoreAsked, context: RuntimeContext): Promise<void> =>
  stoppable(
    context,
    async (signal) => {
      const asked = given.ending === undefined ? given : asBegun(given, given.ending);
      if (asked.from === 'offsite') throw firstPlaceAlone();
      // A time that is none is told here, and not by an agent that has to run for it.
      targetOf(asked);
      const found = readRuntime(join(asked.site, 'runtime.yaml'));
      const job = ofUnended(asked.site, asked.ending, () => jobOf(found.config.backups.jobs, asked.name));
      const { agent } = job;
      const home = { site: asked.site, config: found.config, ...(asked.cluster && { cluster: asked.cluster }) };
      if (typeof asked.into === 'object' && agent !== undefined)
        throw new BerthError(
          'usage',
          `a database is not restored into ${asked.into.folder}`,
          'write --into scratch, which tries it in the agent, --into new, which keeps it beside the site, or --into live, which puts it in its place',
        );
      if (asked.into === 'live' || asked.into === 'new') {
        if (agent === undefined) throw new BerthError('usage', 'an agent has nothing but itself', 'run this in the folder of the site');
        if (asked.into === 'live' && job.database.elsewhere !== undefined)
          throw new BerthError(
            'unsupported',
            `${job.name} stands elsewhere, at ${job.database.host}: what runs there is for its administrator to stop and to replace`,
            `try it with --into scratch, or keep it beside the site with --into new; "Put ${job.name} back over there" in SITE.md makes a dump of that time, for that server or another`,
          );
        if (found.config.target === 'kubernetes') throw byHandAlone(asked.into);
        // To undo it nothing is opened.
        const key = asked.ending === 'undo' ? undefined : keyOf(asked, context);
        const look = async (): Promise<Restored> =>
          (await inAgent(home, agent, verbOf(job.name, { ...asked, dryRun: true }, 'scratch'), context, signal)) as unknown as Restored;
        const verb = (folder: string): readonly string[] => verbOf(job.name, asked, folder);
        const filling = { ...asked, key, database: job.name, agent, look, verb };
        if (asked.into === 'new') {
          const { restoreNew } = await import('./database-new.ts');
          return restoreNew({ ...filling, kind: job.kind }, context, signal);
        }
        const { restoreLive } = await import('./database-live.ts');
        const ship = () => inAgent(home, agent, ['backup', 'now', job.name, '--log'], context, signal);
        return restoreLive({ ...filling, ending: asked.ending, keyFile: asked.key, ship }, context, signal);
      }
      using progress = progressOn(context, asked.json);
      progress.say(`${job.name} is restored into a server of its own`);
      const restored =
        agent === undefined
          ? await restoreHere(found, job, asked, context, signal)
          : ((await inAgent(
              home,
              agent,
              verbOf(job.name, asked, 'scratch'),
              context,
              signal,
              keyOf(asked, context),
            )) as unknown as Restored);
      progress[Symbol.dispose]();
      if (asked.json) context.out(`${JSON.stringify(restored, null, 2)}\n`);
      else describe(restored, job.kind, asked.into, context);
      // Whoever has asked an agent tells it; the agent itself only says what it found.
      const isTold = agent !== undefined || !asked.json;
      if (restored.canary?.late === true && isTold) {
        if (asked.json) return context.exit(EXIT.damaged);
        throw tooOld(restored.database, restored.canary);
      }
    },
    whenStopped(given),
  );

const byHandAlone = (into: 'live' | 'new'): BerthError =>
  new BerthError(
    'unsupported',
    into === 'live'
      ? 'in a cluster this version puts no database back in its place by itself'
      : 'in a cluster this version keeps no restored database beside the site',
    'see "Put a database back" in SITE.md for the way by hand; --into scratch tries the restore first',
  );

/** What that restore was asked for. */
function asBegun(asked: DatabaseRestoreAsked, ending: LiveEnding): DatabaseRestoreAsked {
  const left = new LiveRecordFile(asked.site).read();
  if (left === undefined) throw nothingLeft(ending, 'database');
  if (left.version !== 1) throw another(left);
  const { database, at, before, full, keyFile } = left;
  if (asked.name !== undefined && asked.name !== database) throw another(left);
  return { ...asked, name: database, at, before, full, key: asked.key ?? keyFile };
}

const keyOf = ({ key }: DatabaseRestoreAsked, context: RuntimeContext): Secret | undefined =>
  key === undefined ? undefined : openedKey(key, context);

/** What its agent is told to do. */
export const verbOf = (
  name: string,
  { at, before, full, dryRun, key }: Pick<DatabaseRestoreAsked, 'at' | 'before' | 'full' | 'dryRun' | 'key'>,
  into: string,
): readonly string[] => [
  'restore',
  '--only',
  'database',
  '--name',
  name,
  '--into',
  into,
  ...(at === undefined ? [] : ['--at', at]),
  ...(before === undefined ? [] : ['--before', before]),
  ...(full === undefined ? [] : ['--full', full]),
  ...(at === undefined && before === undefined ? ['--latest'] : []),
  ...(dryRun ? ['--dry-run'] : key === undefined ? [] : ['--key', givenKey]),
];

const jobOf = (jobs: readonly BackupJob[], name: string | undefined): DatabaseJob => theOne(jobs.filter(isDatabase), 'database', name);

interface Holding {
  readonly databases: readonly {
    readonly name: string;
    readonly tables: readonly { readonly name: string; readonly rows: string | null }[];
  }[];
}

function describe(
  { database, full, increments, logs, because, expected, position, seconds, holds, canary, left = [] }: Restored,
  kind: DatabaseKind,
  into: DatabasePlace,
  context: RuntimeContext,
): void {
  const style = paint(context.color);
  context.out(
    `${style('bold', database)} from ${full.id} (${describeBytes(full.bytes)}) and ${countedBehind(increments.length, logs)}\n  ${because}\n${expected === undefined ? '' : `  takes ${describeEstimate(expected)}\n`}`,
  );
  if (position === null) return context.out('\nNothing was restored.\n');
  if (typeof into === 'object')
    return context.out(
      `\nrestored up to ${position} in ${seconds ?? 0} s, into ${join(into.folder, restoredData)}\n${left.map((one) => `→ ${one}\n`).join('')}`,
    );
  const rows = (holds as Holding).databases.flatMap(({ name, tables }) =>
    tables.map((one) => [`${name}: ${one.name}`, one.rows === null ? 'not counted' : `${one.rows} rows`]),
  );
  context.out(
    `\n${rows.length === 0 ? '  no tables' : table(rows, [1])}\n\nrestored up to ${position} in ${seconds ?? 0} s, and thrown away again\n${describeCanary(canary, kind)}\n`,
  );
}
