import { BerthError } from '../../model/errors.ts';
import type { RetentionPlan } from '../../runtime/jobs/retention.ts';
import { openStore } from '../../runtime/open-store.ts';
import { openBackups } from '../../runtime/wire.ts';
import { type AgentHome, agentsOf, inAgent } from '../agent-exec.ts';
import { describeAge, shortName, shownTime } from './text.ts';
import { type Asked, runtimeOf } from '../open-catalogue.ts';
import { worldOf } from '../runtime-config.ts';
import { type RuntimeContext, stoppable } from '../stoppable.ts';
import { paint, table } from '../text.ts';

/** What was, or would be, kept and removed of one source, with reasons. */
interface Pruned {
  readonly source: string;
  readonly keep: readonly { readonly id: string; readonly at: string; readonly because: readonly string[] }[];
  readonly remove: readonly { readonly id: string; readonly at: string; readonly because: string }[];
  readonly refused: string | null;
  readonly swept: readonly { readonly id: string; readonly because: string }[];
}

const prunedOf = (source: string, plan: RetentionPlan, swept: Pruned['swept']): Pruned => ({
  source,
  keep: plan.keep.map(({ point, because }) => ({ id: point.id, at: point.at.toISOString(), because })),
  remove: plan.remove.map(({ point, because }) => ({ id: point.id, at: point.at.toISOString(), because })),
  refused: plan.refused ?? null,
  swept,
});

/** Removes what no rule keeps, or says what that would be. */
export const pruneBackups = (
  { site, json, from, cluster, dryRun }: Asked & { readonly dryRun: boolean },
  context: RuntimeContext,
): Promise<void> =>
  stoppable(context, async (signal) => {
    const { config, folder } = runtimeOf(site, from);
    const world = worldOf(context);
    const first = from === 'offsite' ? runtimeOf(site).config.backups : undefined;
    const backups = await openBackups(config, folder, world, first && (() => openStore(first, folder, 'open', world)));
    const home = { site, config, ...(cluster && { cluster }) };
    const time = { now: context.now(), expected: context.now() };
    const all: Pruned[] = [];
    for (const job of backups.jobs) {
      if (dryRun) all.push(prunedOf(job.name, await backups.planPrune(job, time, signal), []));
      else {
        const { plan, swept } = await backups.prune(job, time, signal);
        all.push(prunedOf(job.name, plan, swept));
      }
    }
    for (const agent of agentsOf(config.backups.jobs)) {
      const { sources } = await inAgent(home, agent, ['backup', 'prune', ...(dryRun ? ['--dry-run'] : [])], context, signal);
      all.push(...(sources as readonly Pruned[]));
    }
    if (json) return context.out(`${JSON.stringify({ site: config.site, dryRun, sources: all }, null, 2)}\n`);
    const style = paint(context.color);
    for (const { source, keep, remove, refused, swept } of all) {
      const rows = [
        ...keep.map(({ id, at, because }) => ['keep', id, shownTime(at), because.join(', ')]),
        ...remove.map(({ id, at, because }) => [dryRun ? 'would remove' : 'removed', id, shownTime(at), because]),
        ...swept.map(({ id, because }) => ['deleted', id, '', because]),
      ];
      context.out(`${style('bold', shortName(source))}\n${rows.length === 0 ? '  nothing there' : table(rows)}\n`);
      if (refused !== null) context.out(`${style('yellow', 'nothing is removed')}: ${refused}\n`);
      context.out('\n');
    }
    context.out(
      dryRun
        ? 'Nothing was changed.\n'
        : `What was removed can be brought back for ${describeAge(48 * 3_600_000)}: its data are deleted after that.\n`,
    );
  });

/** Makes a backup of what was removed, as long as its data are there. */
export const bringBack = ({ site, json, from, cluster, id }: Asked & { readonly id: string }, context: RuntimeContext): Promise<void> =>
  stoppable(context, async (signal) => {
    const { config, folder } = runtimeOf(site, from);
    const backups = await openBackups(config, folder, worldOf(context));
    const removed = await backups.removed(signal);
    const found = removed.find((each) => each.id === id.toUpperCase());
    const agents = agentsOf(config.backups.jobs);
    if (found === undefined && agents.length > 0) {
      const source = await bringBackByAgent({ site, config, ...(cluster && { cluster }) }, agents, id, context, signal);
      return sayBroughtBack(config.site, { id: id.toUpperCase(), source }, json, context);
    }
    if (found === undefined)
      throw new BerthError(
        'usage',
        `${id} was not removed, or its time of grace is over`,
        removed.length === 0 ? 'nothing can be brought back now' : `what can be brought back: ${removed.map((each) => each.id).join(', ')}`,
      );
    await backups.bringBack(found, signal);
    sayBroughtBack(config.site, { id: found.id, source: found.place.source }, json, context);
  });

/** Each knows its own alone. @returns of what it is. @throws BerthError of the last, where none has it. */
async function bringBackByAgent(
  home: AgentHome,
  agents: readonly string[],
  id: string,
  context: RuntimeContext,
  signal: AbortSignal,
): Promise<string> {
  for (const agent of agents.slice(0, -1))
    try {
      return String((await inAgent(home, agent, ['backup', 'prune', '--undo', id], context, signal))['source']);
    } catch (error) {
      if (!(error instanceof BerthError) || error.kind !== 'usage') throw error;
    }
  return String((await inAgent(home, agents.at(-1) ?? '', ['backup', 'prune', '--undo', id], context, signal))['source']);
}

function sayBroughtBack(
  site: string,
  { id, source }: { readonly id: string; readonly source: string },
  json: boolean,
  context: RuntimeContext,
): void {
  if (json) return context.out(`${JSON.stringify({ site, broughtBack: id, source }, null, 2)}\n`);
  context.out(`${shortName(source)} ${id} is a backup again. Give it a rule that keeps it, or the next run removes it.\n`);
}
