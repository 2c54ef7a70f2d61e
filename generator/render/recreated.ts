import { parse } from 'yaml';
import { readPlainYaml } from '../../model/plain-yaml.ts';
import { quote } from './quote.ts';

/** A container that the next `docker compose up` replaces, and why. */
export interface Recreation {
  readonly service: string;
  readonly reasons: readonly string[];
}

type Services = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

const servicesOf = (text: string, variables: string): Services => {
  const plain = interpolate(text, variables);
  const document = (readPlainYaml(plain) ?? parse(plain)) as { services?: Services } | null;
  return document?.services ?? {};
};

/** Compose's own replacement of the variables that Berth writes into .env; `$$` stays. */
function interpolate(text: string, variables: string): string {
  const known = new Map([...variables.matchAll(/^([A-Z0-9_]+)='?([^'\n]*)'?$/gm)].map((match) => [match[1] ?? '', match[2] ?? '']));
  return text.replaceAll(/\$\$|\$\{([A-Z0-9_]+)\}/g, (whole, name: string | undefined) => (name === undefined ? whole : quote('yaml', known.get(name) ?? '').slice(1, -1)));
}

const short = (value: unknown): string => { const text = typeof value === 'string' ? value : JSON.stringify(value) ?? 'nothing'; return text.length > 60 ? `${text.slice(0, 57)}…` : text; };
/** Settings that Compose changes without a new container. */
const harmless = new Set(['build', 'deploy.replicas', 'depends_on', 'profiles']);

function* differences(before: unknown, after: unknown, path: string): Iterable<string> {
  if (JSON.stringify(before) === JSON.stringify(after) || harmless.has(path)) return;
  const isMap = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
  if (isMap(before) && isMap(after)) {
    for (const key of [...new Set([...Object.keys(before), ...Object.keys(after)])].sort()) yield* differences(before[key], after[key], path === '' ? key : `${path}.${key}`);
    return;
  }
  yield path === 'labels.berth.config' ? 'its mounted files or secrets changed' : `${path}: ${short(before)} → ${short(after)}`;
}

export interface Rendered { readonly compose: string; readonly env: string }

/**
 * What `docker compose up` will do with the containers of a running site. `changedFiles` names, for each service, the mounted files that changed.
 * @returns services that are recreated with their reasons, those that are new, and those that are gone.
 */
export function compareSites(before: Rendered, after: Rendered, changedFiles: ReadonlyMap<string, readonly string[]>): { readonly recreated: readonly Recreation[]; readonly added: readonly string[]; readonly removed: readonly string[] } {
  const [old, next] = [servicesOf(before.compose, before.env), servicesOf(after.compose, after.env)];
  const recreated = Object.keys(next).filter((name) => old[name] !== undefined).flatMap((service) => {
    const reasons = [...differences(old[service], next[service], '')].map((reason) => (reason.startsWith('its mounted') && (changedFiles.get(service) ?? []).length > 0 ? `${(changedFiles.get(service) ?? []).join(', ')} changed` : reason));
    return reasons.length > 0 ? [{ service, reasons }] : [];
  });
  return { recreated, added: Object.keys(next).filter((name) => old[name] === undefined), removed: Object.keys(old).filter((name) => next[name] === undefined) };
}
