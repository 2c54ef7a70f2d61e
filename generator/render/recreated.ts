import { parse } from 'yaml';
import { readPlainYaml } from '../../model/plain-yaml.ts';
import { quote } from './quote.ts';

/** A container that the next `docker compose up` replaces, and why. */
interface Recreation {
  readonly service: string;
  readonly reasons: readonly string[];
}

type Named = Readonly<Record<string, Readonly<Record<string, unknown>>>>;
interface Project {
  readonly services?: Named;
  readonly networks?: Named;
}

function projectOf({ compose, env }: Rendered): Project {
  const plain = interpolate(compose, env);
  return ((readPlainYaml(plain) ?? parse(plain)) as Project | null) ?? {};
}

/** Compose's own replacement of the variables that Berth writes into .env; `$$` stays. */
function interpolate(text: string, variables: string): string {
  const known = new Map([...variables.matchAll(/^([A-Z0-9_]+)='?([^'\n]*)'?$/gm)].map((match) => [match[1] ?? '', match[2] ?? '']));
  return text.replaceAll(/\$\$|\$\{([A-Z0-9_]+)\}/g, (whole, name: string | undefined) =>
    name === undefined ? whole : quote('yaml', known.get(name) ?? '').slice(1, -1),
  );
}

const short = (value: unknown): string => {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'nothing');
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
};
/** Settings that Compose changes without a new container. */
const harmless = new Set(['build', 'deploy.replicas', 'depends_on', 'profiles']);

function* differences(before: unknown, after: unknown, path: string): Iterable<string> {
  if (JSON.stringify(before) === JSON.stringify(after) || harmless.has(path)) return;
  const isMap = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
  if (isMap(before) && isMap(after)) {
    for (const key of [...new Set([...Object.keys(before), ...Object.keys(after)])].sort())
      yield* differences(before[key], after[key], path === '' ? key : `${path}.${key}`);
    return;
  }
  yield path === 'labels.berth.config' ? 'its mounted files or secrets changed' : `${path}: ${short(before)} → ${short(after)}`;
}

export interface Rendered {
  readonly compose: string;
  readonly env: string;
}

/** A service that stands with another number of containers afterwards. */
export interface Scaling {
  readonly service: string;
  readonly from: number;
  readonly to: number;
}

export interface Comparison {
  readonly recreated: readonly Recreation[];
  readonly scaled: readonly Scaling[];
  /** Services whose profile is no longer active: `up` neither touches nor stops them. */
  readonly left: readonly string[];
  /** Networks with other addresses: Compose 2.26 keeps the one that exists, without a word. */
  readonly networks: readonly string[];
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

/** Containers that `up` wants of a service; `undefined` when no active profile names it. */
function wantedOf(service: Readonly<Record<string, unknown>>, variables: string): number | undefined {
  const active = (/^COMPOSE_PROFILES='?([^'\n]*)/m.exec(variables)?.[1] ?? '').split(',');
  const { profiles, deploy } = service as {
    readonly profiles?: readonly string[];
    readonly deploy?: { readonly replicas?: number | string };
  };
  if (profiles && !profiles.some((profile) => active.includes(profile))) return undefined;
  return Number(deploy?.replicas ?? 1);
}

/** Compose recreates what depends on a service that it recreates, and what depends on that. */
function withDependents(
  own: readonly Recreation[],
  running: readonly { readonly service: string; readonly now: Readonly<Record<string, unknown>> }[],
): readonly Recreation[] {
  const found = new Map(own.map((recreation) => [recreation.service, recreation]));
  for (let grown = true; grown;) {
    const next = running
      .filter(({ service }) => !found.has(service))
      .flatMap(({ service, now }) => {
        const cause = Object.keys((now as { readonly depends_on?: object }).depends_on ?? {}).find((dependency) => found.has(dependency));
        return cause === undefined ? [] : [{ service, reasons: [`it depends on ${cause}`] }];
      });
    for (const recreation of next) found.set(recreation.service, recreation);
    grown = next.length > 0;
  }
  return [...found.values()];
}

/** What `docker compose up` will do with the containers of a running site. `changedFiles` names, for each service, the mounted files that changed. */
export function compareSites(before: Rendered, after: Rendered, changedFiles: ReadonlyMap<string, readonly string[]>): Comparison {
  const [oldProject, nextProject] = [projectOf(before), projectOf(after)];
  const [old, next] = [oldProject.services ?? {}, nextProject.services ?? {}];
  const common = Object.keys(next).flatMap((service) => {
    const [was, now] = [old[service], next[service]];
    return was && now ? [{ service, was, now, from: wantedOf(was, before.env) ?? 0, wanted: wantedOf(now, after.env) }] : [];
  });
  const reasonsFor = (service: string, reasons: readonly string[]) => {
    const files = changedFiles.get(service) ?? [];
    return reasons.map((reason) => (reason.startsWith('its mounted') && files.length > 0 ? `${files.join(', ')} changed` : reason));
  };
  const own = common
    .filter(({ from, wanted }) => from > 0 && wanted !== undefined && wanted > 0)
    .map(({ service, was, now }) => ({ service, reasons: reasonsFor(service, [...differences(was, now, '')]) }))
    .filter(({ reasons }) => reasons.length > 0);
  return {
    recreated: withDependents(
      own,
      common.filter(({ from, wanted }) => from > 0 && wanted !== undefined && wanted > 0).map(({ service, now }) => ({ service, now })),
    ),
    scaled: common.flatMap(({ service, from, wanted }) => (wanted === undefined || wanted === from ? [] : [{ service, from, to: wanted }])),
    // A task has come to its end long ago.
    left: common
      .filter(({ was, from, wanted }) => wanted === undefined && from > 0 && was['restart'] !== 'no')
      .map(({ service }) => service),
    networks: Object.entries(oldProject.networks ?? {})
      .filter(([name, network]) => nextProject.networks?.[name] && JSON.stringify(network) !== JSON.stringify(nextProject.networks[name]))
      .map(([name]) => name),
    added: Object.entries(next)
      .filter(([name, service]) => old[name] === undefined && (wantedOf(service, after.env) ?? 0) > 0)
      .map(([name]) => name),
    removed: Object.keys(old).filter((name) => next[name] === undefined),
  };
}
