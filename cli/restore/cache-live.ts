import { appendOnlyFolder } from '../../model/backup/append-only.ts';
import { valkey } from '../../model/engines/valkey.ts';
import type { Plan } from '../../model/plan.ts';
import type { Compose } from '../compose.ts';
import { loadSite } from '../site.ts';
import type { RuntimeContext } from '../stoppable.ts';
import { describeCopy } from './cache.ts';
import { undoScript } from './cache-exchange.ts';
import { CacheNodes, concernedByCache, refuseOtherShards } from './cache-nodes.ts';
import { type CopyLiveAsked, type CopyWork, type LiveCopy, restoreCopyLive } from './copy-live.ts';
import { volumeOf } from './database-volume.ts';
import type { OpenedCopy } from './open-copy.ts';

const folders = { kept: `${appendOnlyFolder}.before-`, aside: `${appendOnlyFolder}.undone-` };

/**
 * Puts a cache back to an earlier state in its place: the new data are brought beside the old ones while it runs, then all that uses it is stopped, and they
 * change places, on all of its nodes.
 */
export async function restoreCacheLive(
  asked: CopyLiveAsked,
  open: CopyWork['open'],
  context: RuntimeContext,
  signal: AbortSignal,
): Promise<void> {
  const { plan } = loadSite(asked.site, context);
  const concerned = concernedByCache(plan, asked.name);
  const openSuch = async (at: string | undefined): Promise<OpenedCopy> => {
    const copy = await open(at);
    refuseOtherShards(concerned, copy.planned);
    return copy;
  };
  await restoreCopyLive(asked, cacheLive(plan, asked, context), openSuch, context, signal);
}

/** The data of all nodes of a cache, and what changes them. */
export function cacheLive(plan: Plan, { name }: CopyLiveAsked, context: RuntimeContext): (compose: Compose) => LiveCopy {
  const concerned = concernedByCache(plan, name);
  const { clients, around } = concerned;
  const nodes = concerned.nodes.map(({ service }) => service.name);
  const order = [clients, around, nodes].filter((each) => each.length > 0).map((each) => each.join(', '));
  return (compose) => {
    const its = new CacheNodes(plan, concerned, compose, context.err);
    return {
      volumes: concerned.nodes.map(({ service }) => volumeOf(plan, service)),
      // A proxy without clients, and who watches over nodes, have nothing to bring to its end.
      stops: [
        { services: clients, options: [] },
        { services: around, options: ['--timeout', '3'] },
        { services: nodes, options: [] },
      ],
      folders,
      refusal: {
        state: `what was written to ${name} since then would be gone`,
        cure: 'run the same command with --yes, or try it with --into scratch first',
      },
      describe: (planned) =>
        [
          `${describeCopy(planned, context)}\n`,
          `  holds      ${name} as it was at ${planned.madeAt}, without what has expired since; what was written after it is gone\n`,
          `  stops      ${order.join(', then ')}; the edge shows its maintenance page\n`,
          `  keeps      the present data beside the new ones, in the same volume${nodes.length === 1 ? '' : ', of each node'}\n\n`,
        ].join(''),
      fill: async (copy, _, heard, whileFilling) => {
        await its.refuseOtherSlots(copy.planned, whileFilling);
        for (const node of concerned.nodes) {
          heard(`${node.service.name}: bringing the new data beside the old ones`);
          await its.fill(node, copy, whileFilling);
        }
        return copy.planned;
      },
      exchange: its.exchange,
      endExchange: its.endExchange,
      look: its.look,
      giveBack: its.giveBack,
      clean: () => its.clean(),
      waysOn: (kept) =>
        [
          '→ once you are sure:\n',
          ...nodes.map((node) => `    docker compose exec ${node} rm -rf ${valkey.dataFolder}/${kept}\n`),
          '→ to undo it:\n',
          `    docker compose stop ${[...clients, ...around, ...nodes].join(' ')}\n`,
          ...nodes.map(
            (node) =>
              `    docker compose run --rm --no-deps --entrypoint /bin/sh ${node} -c '${undoScript(kept, folders.aside + kept.slice(folders.kept.length))}'\n`,
          ),
          '    docker compose up -d --wait\n',
        ].join(''),
    };
  };
}
