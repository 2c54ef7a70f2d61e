import { contentHash } from '../generator/merge/content-hash.ts';
import type { Plan } from '../model/plan.ts';
import { compareSites } from '../generator/render/recreated.ts';
import type { Comparison, Scaling } from '../generator/render/recreated.ts';
import { composeServices } from '../generator/render/compose.ts';
import type { Context } from './context.ts';
import type { PreparedSite } from './site.ts';
import { clusterComparison, describeApply } from './describe-cluster.ts';
import { releaseHints } from './release-hints.ts';
import { noteOf, paint, table, wrap } from './text.ts';

/** Files that are others than before. One that only its owner edited is not written again, and still has to reach its container. */
function changedPaths(state: PreparedSite['state'], decision: PreparedSite['decision']): readonly string[] {
  const edited = [...decision.merged]
    .filter(([path, content]) => state.hashes.has(path) && state.hashes.get(path) !== contentHash(content))
    .map(([path]) => path);
  return [...new Set([...decision.changes.map(({ path }) => path), ...edited])].sort();
}

/** What the next `docker compose up` does with each container; `undefined` before there was a site. */
function comparison({ plan, state, decision }: PreparedSite): Comparison | undefined {
  const before = { compose: state.current.get('compose.yaml'), env: state.current.get('.env') };
  if (before.compose === undefined || before.env === undefined) return undefined;
  const changed = changedPaths(state, decision);
  const files = new Map(
    composeServices(plan).map(({ name, service }) => [
      name,
      changed.filter(
        (path) =>
          service.mounts.some((mount) => mount.restarts && path.startsWith(`${mount.source}/`)) ||
          service.secretFiles.some((secret) => path === `secrets/${secret}`) ||
          path === `secrets/${service.name}.env`,
      ),
    ]),
  );
  return compareSites(
    { compose: before.compose, env: before.env },
    { compose: decision.merged.get('compose.yaml') ?? '', env: decision.merged.get('.env') ?? '' },
    files,
  );
}

/** What happens to each container, one line each. */
function describeContainers({ recreated, scaled, left, networks, added, removed }: Comparison, context: Context): readonly string[] {
  const name = (service: string) => paint(context.color)('bold', service);
  const scaling = ({ service, from, to }: Scaling): string => {
    if (from === 0) return `  starts ${name(service)}, ${to} of it`;
    // Both versions of Compose that were tried remove the containers and then look for them.
    if (to === 0)
      return `  takes ${name(service)} down${from > 1 ? '; Compose may end with "missing dependency", the same command again ends well' : ''}`;
    return `  scales ${name(service)} from ${from} to ${to}`;
  };
  return [
    ...recreated.map(
      ({ service, reasons }) => `  recreates ${name(service)}: ${wrap(reasons.join('; '), Math.min(context.columns, 110) - 14, '    ')}`,
    ),
    ...scaled.map(scaling),
    ...added.map((service) => `  starts ${name(service)}`),
    ...left.map(
      (service) => `  leaves ${name(service)} running, without traffic: \`docker compose --profile '*' stop ${service}\` ends it`,
    ),
    ...(networks.length > 0
      ? [
          `  needs \`docker compose --profile '*' down\` first: the addresses of ${networks.join(', ')} change, and Compose keeps a network that exists`,
        ]
      : []),
    ...removed.map((service) => `  leaves ${name(service)} behind: add --remove-orphans; its volumes stay, with all they hold`),
  ];
}

const weightsPath = 'config/weights/weights.json';
const describeWeights = (plan: Plan): string =>
  [...plan.release]
    .filter(([name]) => plan.services.some((service) => service.name === name && service.kind === 'server'))
    .map(([service, filled]) => {
      const live = filled.filter(({ weight }) => weight > 0);
      return `${service} ${live.length === 0 ? 'shows the maintenance page' : live.map(({ slot, weight }) => `${slot} ${weight} %`).join(', ')}`;
    })
    .join('; ');

const words = { create: 'created', update: 'updated', merge: 'merged', delete: 'removed', chmod: 'mode set' } as const;

/** What only the operator can bring. */
const waitsFor = ({ awaited }: PreparedSite, context: Context): readonly string[] =>
  awaited.length === 0
    ? []
    : [
        `${paint(context.color)('yellow', 'to supply')}: ${wrap(`${awaited.join(', ')}; write each secret into its file, readable by you alone, then run \`berth generate\``, Math.min(context.columns, 110) - 11, '           ')}`,
      ];

/** Changes and their consequences, for eyes. */
export function describeWritten(prepared: PreparedSite, context: Context): string {
  const { decision, drawn, plan, spec, state } = prepared;
  const style = paint(context.color);
  const hints = (compared: Comparison | undefined) =>
    [...releaseHints(plan, spec, compared), ...prepared.notices].map((hint) => noteOf(hint, context));
  if (decision.changes.length === 0)
    return ['Nothing to write: the site is what its spec says.', ...waitsFor(prepared, context), ...hints(undefined)].join('\n');
  const shown = decision.changes.filter(({ path }) => !path.startsWith('.berth/'));
  const compared = comparison(prepared);
  const first = state.hashes.size === 0;
  const lines = first
    ? [`${shown.length} files written, from berth.yaml to SITE.md`]
    : [
        table(
          shown.map(({ action, path }) => [words[action], path]),
          [],
          '',
        ),
      ];
  if (drawn.length > 0 && !first)
    lines.push('', `${style('yellow', 'drawn')}: ${drawn.join(', ')}; copy secrets/ledger.json to a safe place`);
  if (compared) {
    const consequences = describeContainers(compared, context);
    lines.push(
      '',
      ...(consequences.length > 0
        ? ['beyond what earlier runs announced, `docker compose up -d --wait`', ...consequences]
        : ['no container has to be recreated for this']),
    );
    if (decision.changes.some(({ path }) => path === weightsPath))
      lines.push('', `the edge follows within two seconds: ${describeWeights(plan)}`);
  }
  if (plan.kubernetes) {
    const moved = decision.changes.some(({ path }) => path === `k8s/generated/${weightsPath}`);
    lines.push(...describeApply(prepared, changedPaths(state, decision), moved ? describeWeights(plan) : undefined, context));
  }
  if (decision.leftovers.length > 0)
    lines.push('', `no longer written, but edited by you, so left where they are: ${decision.leftovers.join(', ')}`);
  const notes = [...waitsFor(prepared, context), ...(first ? [] : hints(compared))];
  return [...lines, ...(notes.length > 0 ? ['', ...notes] : [])].join('\n');
}

/** The same for scripts; never a secret. */
export function writtenAsJson(site: string, prepared: PreparedSite): object {
  const { decision, drawn, awaited, plan, spec, state } = prepared;
  const containers = comparison(prepared);
  return {
    site,
    changes: decision.changes.map(({ path, action }) => ({ path, action })),
    conflicts: decision.conflicts.map(({ path, reason, hint, diff }) => ({ path, reason, hint, diff })),
    leftovers: decision.leftovers,
    drawn,
    awaited,
    containers: containers ?? null,
    ...(plan.kubernetes ? { workloads: clusterComparison(prepared, changedPaths(state, decision)) ?? null } : {}),
    hints: [...releaseHints(plan, spec, containers), ...prepared.notices],
    notes: plan.notes,
  };
}
