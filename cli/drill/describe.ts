import { type Answer, isServed } from './ask-edge.ts';
import { describeAge, shownTime } from '../backup/text.ts';
import type { Chosen } from '../restore/choose-whole.ts';
import { chosenAsJson, expectedLines, filledRows, wantedRows, warnOfRto } from '../restore/describe-whole.ts';
import { describeLate, type Late } from './late.ts';
import type { Needs } from './needs.ts';
import type { DrillRoom } from './room.ts';
import type { SiteFilled } from '../restore/fill-site.ts';
import type { FolderPlan } from '../restore/site.ts';
import type { RuntimeContext } from '../stoppable.ts';
import { noteOf, paint, table, typed } from '../text.ts';
import { describeSize } from '../../model/units.ts';

/** What a drill is made of. */
export interface DrillPlan {
  readonly site: string;
  readonly at: string | undefined;
  readonly startedAt: Date;
  readonly folder: FolderPlan;
  readonly chosen: Chosen;
  /** What should have been copied since. */
  readonly late: readonly Late[];
  readonly needs: Needs;
  readonly room: Pick<DrillRoom, 'folder' | 'site' | 'project'>;
}

/** What came of it. */
export interface Drilled extends DrillPlan, SiteFilled {
  readonly answers: readonly Answer[];
  /** From the command to the last answer: what an administrator would have waited, who had everything at hand. */
  readonly seconds: number;
  /** The backups that are proven by it; none where nobody could sign that. */
  readonly proven: readonly string[];
  readonly kept: boolean;
}

/** What would have been lost by now: of the database that was copied least lately. Only the newest says so. */
export function lossOf({ at, startedAt, outcomes }: Pick<Drilled, 'at' | 'startedAt' | 'outcomes'>): number | undefined {
  const covered = outcomes.flatMap(({ until }) => (until === null ? [] : [new Date(until).getTime()]));
  if (at !== undefined || covered.length === 0) return undefined;
  return Math.max(0, Math.round((startedAt.getTime() - Math.min(...covered)) / 1000));
}

/** What a restore would have lost by now, as the databases themselves show by the time that was written into them: of the one that came back oldest. */
export function measuredLossOf({ at, startedAt, outcomes }: Pick<Drilled, 'at' | 'startedAt' | 'outcomes'>): number | undefined {
  const seen = outcomes.flatMap(({ canary }) => (canary === null ? [] : [new Date(canary.moment).getTime()]));
  if (at !== undefined || seen.length === 0) return undefined;
  return Math.max(0, Math.round((startedAt.getTime() - Math.min(...seen)) / 1000));
}

const madeOf = ({ chosen, folder }: DrillPlan) => ({
  folder: folder.chosen.map(({ part, manifest }) => ({ part, id: manifest.id, madeAt: manifest.finishedAt })),
  ...chosenAsJson(chosen),
});

const lateAsJson = ({ late }: DrillPlan) => late.map(({ name, ageSeconds, terms }) => ({ name, ageSeconds, terms }));

export const planAsJson = (plan: DrillPlan) => ({
  site: plan.site,
  from: madeOf(plan),
  late: lateAsJson(plan),
  needs: plan.needs,
  drilled: false,
});

export function sayDrill(plan: DrillPlan, store: string, context: RuntimeContext): void {
  const { site, folder, chosen, late, needs, room } = plan;
  const now = context.now();
  const rows = [
    ...folder.chosen.map(({ part, manifest: { id, finishedAt } }) => [
      part,
      id,
      '',
      `as it was at ${shownTime(finishedAt)}, ${describeAge(now.getTime() - new Date(finishedAt).getTime())} ago`,
    ]),
    ...wantedRows(chosen, now),
  ];
  for (const id of chosen.broken) context.err(`${noteOf(`${id} was found to be broken, and is left out`, context)}\n`);
  for (const one of late) context.err(`${noteOf(`${describeLate(one)}: see what ${one.agent} says`, context)}\n`);
  const of = (free: Needs['freeDisk']): string => (free === undefined ? '' : ` of the ${describeSize(free)} that are free`);
  context.out(
    [
      `${paint(context.color)('bold', site)} from ${store}, drilled in ${room.folder}\n${table(rows)}\n`,
      chosen.empty.length === 0 ? '' : `  empty, as there is no backup: ${chosen.empty.join(', ')}\n`,
      chosen.elsewhere === undefined ? '' : `  not touched, as it stands elsewhere: ${chosen.elsewhere.join(', ')}\n`,
      `\n  runs as ${room.project}: no ports, no way out; what runs here goes on\n`,
      `  takes up to ${describeSize(needs.memory)} of memory${of(needs.freeMemory)}, and some ${describeSize(needs.disk)} of disk${of(needs.freeDisk)}\n`,
      ...expectedLines(chosen).map((line) => `${line}\n`),
      '\n',
    ].join(''),
  );
  warnOfRto(chosen, context);
}

export function tellDrill(done: Drilled, json: boolean, context: RuntimeContext): void {
  const { site, outcomes, buckets, copies, answers, seconds, proven, kept, chosen, room, startedAt } = done;
  const [lostSeconds, measured] = [lossOf(done), measuredLossOf(done)];
  if (json)
    return context.out(
      `${JSON.stringify(
        {
          site,
          from: madeOf(done),
          late: lateAsJson(done),
          drilled: true,
          startedAt: startedAt.toISOString(),
          seconds,
          lostSeconds: lostSeconds ?? null,
          canarySeconds: measured ?? null,
          databases: outcomes,
          buckets,
          copies,
          answers,
          level: proven.length === 0 ? null : 4,
          backups: proven,
          kept: kept ? { project: room.project, folder: room.site } : null,
        },
        null,
        2,
      )}\n`,
    );
  const rows = [
    ...filledRows(done),
    ...answers.map((answer) => [answer.url, isServed(answer) ? 'is served' : 'is not', `status ${answer.status ?? ''}`]),
  ];
  const lost = lostSeconds === undefined ? '' : `, with at most the last ${describeAge(lostSeconds * 1000)} of its databases lost`;
  context.out(
    `${paint(context.color)('bold', `${site} was whole again after ${seconds} s`)}${lost}.\n${rows.length === 0 ? '' : `${table(rows)}\n`}\n`,
  );
  if (measured !== undefined)
    context.out(`The newest canary that came back was ${describeAge(measured * 1000)} old when the drill began.\n`);
  for (const { database, left = [] } of outcomes) for (const one of left) context.out(`→ ${database}: ${one}\n`);
  for (const name of chosen.empty) context.err(`${noteOf(`${name} was empty: there is no backup of it by then`, context)}\n`);
  for (const { name, because } of chosen.apart) context.err(`${noteOf(`${name} was empty: it ${because.split(':')[0] ?? ''}`, context)}\n`);
  context.out(
    proven.length === 0
      ? 'It is not written down: the backups hold no key that signs.\n'
      : `${proven.length} backups are at level 4 now; \`berth backup list\` shows it.\n`,
  );
  context.out(
    kept
      ? `→ it runs as ${room.project}: docker compose --project-directory ${typed(room.site)} -p ${room.project} ps; the next drill takes it away\n`
      : 'Nothing of the drill is left here.\n',
  );
}
