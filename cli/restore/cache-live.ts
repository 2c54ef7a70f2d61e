import { appendOnlyFolder } from '../../model/backup/append-only.ts';
import { BerthError } from '../../model/errors.ts';
import { valkey } from '../../model/engines/valkey.ts';
import { lockSite } from '../../generator/io/lock.ts';
import { undoScript } from './cache-exchange.ts';
import { CacheNodes, type Concerned, concernedByCache } from './cache-nodes.ts';
import { composeIn, never, startAll } from '../compose.ts';
import type { OpenedCopy, PlannedCopy } from './open-copy.ts';
import { progressOn } from '../progress.ts';
import { describeCopy } from './cache.ts';
import { refuseUnended } from './database-live-record.ts';
import { loadSite } from '../site.ts';
import type { RuntimeContext } from '../stoppable.ts';
import { fileStamp, secondsSince } from '../moment.ts';

export interface CacheLive {
  readonly site: string;
  readonly json: boolean;
  readonly yes: boolean;
  readonly dryRun: boolean;
  readonly cache: string;
}

const { dataFolder } = valkey;

/**
 * Puts a cache back to an earlier state in its place: the new data are brought beside the old ones while it runs, then all that uses it is stopped, and they
 * change places. Up to there a failure changes nothing.
 */
export async function restoreCacheLive(asked: CacheLive, copy: OpenedCopy, context: RuntimeContext, signal: AbortSignal): Promise<void> {
  const { site, json, cache } = asked;
  const { plan } = loadSite(site, context);
  const concerned = concernedByCache(
    plan,
    cache,
    copy.planned.files.map(({ name }) => name),
  );
  if (!json) say(asked, copy.planned, concerned, context);
  if (asked.dryRun) return json ? context.out(`${JSON.stringify({ ...copy.planned, into: 'live' }, null, 2)}\n`) : undefined;
  if (!asked.yes)
    throw new BerthError(
      'conflict',
      `what was written to ${cache} since then would be gone; nothing was changed`,
      'run the same command with --yes, or try it with --into scratch first',
    );
  using _lock = lockSite(site);
  refuseUnended(site);
  using progress = progressOn(context, json);
  const compose = composeIn(site, context);
  const nodes = new CacheNodes(plan, concerned, compose, context.err);
  const kept = `${appendOnlyFolder}.before-${fileStamp(context.now())}`;
  const begun = performance.now();
  let stopped = begun;
  try {
    await nodes.refuseOtherSlots(copy.planned, signal);
    for (const node of concerned.nodes) {
      progress.say(`${node.service.name}: bringing the new data beside the old ones`);
      await nodes.fill(node, copy, signal);
    }
    stopped = performance.now();
    const names = concerned.nodes.map(({ service }) => service.name);
    // A proxy without clients, and who watches over nodes, have nothing to bring to its end.
    for (const [services, options] of [
      [concerned.clients, []],
      [concerned.around, ['--timeout', '3']],
      [names, []],
    ] as const) {
      // Told to stop nothing by name, Compose stops everything.
      if (services.length === 0) continue;
      progress.say(`stopping ${services.join(', ')}`);
      await compose(['stop', ...options, ...services], never);
      signal.throwIfAborted();
    }
  } catch (error) {
    progress.say('nothing was exchanged; taking away what was brought');
    return await nodes.giveUp(error);
  }
  progress.say('exchanging old and new data');
  await nodes.exchange(kept);
  progress.say('starting everything');
  await startAll(`${cache} has its new data, the old ones are in ${kept}`, compose);
  progress[Symbol.dispose]();
  const done = { ...copy.planned, into: 'live', kept, seconds: secondsSince(begun), downSeconds: secondsSince(stopped) };
  if (json) return context.out(`${JSON.stringify(done, null, 2)}\n`);
  tell(done, concerned, context);
}

function say({ cache }: CacheLive, planned: PlannedCopy, { clients, around, nodes }: Concerned, context: RuntimeContext): void {
  const names = nodes.map(({ service }) => service.name);
  const order = [clients, around, names].filter((each) => each.length > 0).map((each) => each.join(', '));
  context.out(
    [
      `${describeCopy(planned, context)}\n`,
      `  holds      ${cache} as it was at ${planned.madeAt}, without what has expired since; what was written after it is gone\n`,
      `  stops      ${order.join(', then ')}; the edge shows its maintenance page\n`,
      `  keeps      the present data beside the new ones, in the same volume${names.length === 1 ? '' : ', of each node'}\n\n`,
    ].join(''),
  );
}

function tell(
  { source, kept, seconds, downSeconds }: PlannedCopy & { readonly kept: string; readonly seconds: number; readonly downSeconds: number },
  { clients, around, nodes }: Concerned,
  context: RuntimeContext,
): void {
  const names = nodes.map(({ service }) => service.name);
  context.out(
    [
      `${source} is back: ${seconds} s, of which ${downSeconds} s without the application.\n\n`,
      '→ once you are sure:\n',
      ...names.map((name) => `    docker compose exec ${name} rm -rf ${dataFolder}/${kept}\n`),
      '→ to undo it:\n',
      `    docker compose stop ${[...clients, ...around, ...names].join(' ')}\n`,
      ...names.map((name) => `    docker compose run --rm --no-deps --entrypoint /bin/sh ${name} -c '${undoScript(kept)}'\n`),
      '    docker compose up -d --wait\n',
    ].join(''),
  );
}
