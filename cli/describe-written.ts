import { contentHash } from '../generator/merge/content-hash.ts';
import { compareSites } from '../generator/render/recreated.ts';
import { composeServices } from '../generator/render/compose.ts';
import type { Context } from './context.ts';
import type { PreparedSite } from './site.ts';
import { paint, table, wrap } from './text.ts';

/** What the next `docker compose up` does with each container; `undefined` before there was a site. */
function comparison({ plan, state, decision }: PreparedSite): ReturnType<typeof compareSites> | undefined {
  const before = { compose: state.current.get('compose.yaml'), env: state.current.get('.env') };
  if (before.compose === undefined || before.env === undefined) return undefined;
  // A file that only its owner edited is not written again, and still has to reach its container.
  const edited = [...decision.merged].filter(([path, content]) => state.hashes.has(path) && state.hashes.get(path) !== contentHash(content)).map(([path]) => path);
  const changed = [...new Set([...decision.changes.map(({ path }) => path), ...edited])].sort();
  const files = new Map(composeServices(plan).map(({ name, service }) => [name, changed.filter((path) =>
    service.mounts.some((mount) => mount.restarts && path.startsWith(`${mount.source}/`)) || service.secretFiles.some((secret) => path === `secrets/${secret}`) || path === `secrets/${service.name}.env`)]));
  return compareSites({ compose: before.compose, env: before.env }, { compose: decision.merged.get('compose.yaml') ?? '', env: decision.merged.get('.env') ?? '' }, files);
}

const words = { create: 'created', update: 'updated', merge: 'merged', delete: 'removed', chmod: 'mode set' } as const;

/** Changes and their consequences, for eyes. */
export function describeWritten(prepared: PreparedSite, context: Context): string {
  const { decision, drawn } = prepared;
  if (decision.changes.length === 0) return 'Nothing to write: the site is what its spec says.';
  const style = paint(context.color);
  const shown = decision.changes.filter(({ path }) => !path.startsWith('.berth/'));
  const compared = comparison(prepared);
  const first = compared === undefined;
  const lines = first ? [`${shown.length} files written, from berth.yaml to SITE.md`] : [table(shown.map(({ action, path }) => [words[action], path]), [], '')];
  if (drawn.length > 0 && !first) lines.push('', `${style('yellow', 'drawn')}: ${drawn.join(', ')}; copy secrets/ledger.json to a safe place`);
  if (compared && compared.recreated.length + compared.added.length + compared.removed.length > 0)
    lines.push('', 'the next `docker compose up -d --wait`',
      ...compared.recreated.map(({ service, reasons }) => `  recreates ${style('bold', service)}: ${wrap(reasons.join('; '), Math.min(context.columns, 110) - 14, '    ')}`),
      ...compared.added.map((service) => `  starts ${style('bold', service)}`), ...compared.removed.map((service) => `  leaves ${style('bold', service)} behind: add --remove-orphans`));
  else if (compared) lines.push('', 'no container has to be recreated');
  if (decision.leftovers.length > 0) lines.push('', `no longer written, but edited by you, so left where they are: ${decision.leftovers.join(', ')}`);
  return lines.join('\n');
}

/** The same for scripts; never a secret. */
export function writtenAsJson(site: string, prepared: PreparedSite): object {
  const { decision, drawn, plan } = prepared;
  return { site, changes: decision.changes.map(({ path, action }) => ({ path, action })), conflicts: decision.conflicts.map(({ path, reason, hint, diff }) => ({ path, reason, hint, diff })), leftovers: decision.leftovers, drawn, containers: comparison(prepared) ?? null, notes: plan.notes };
}
