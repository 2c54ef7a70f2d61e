import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { agentPlaces } from '../../model/backup/site-files.ts';
import type { Plan } from '../../model/plan.ts';
import type { BackupsConfig } from '../../model/runtime-config.ts';
import { BerthError } from '../../model/errors.ts';
import { storeMarker } from '../../runtime/stores/folder-store.ts';
import { createPlace } from '../backup/store.ts';
import { type FoundRuntime, readRuntime } from '../runtime-config.ts';
import type { RuntimeContext } from '../stoppable.ts';
import { noteOf, typed } from '../text.ts';

/** Below a site: what its agents read in place of their own configuration, and the file of Compose that gives it to them. */
const folder = '.berth/offsite';
const overrideFile = '.berth/offsite.json';
const wayOut = 'egress';

type Place = BackupsConfig['store'];

/** What Compose reads of a site whose agents may be reading the second place. */
export const composeFiles = (site: string): readonly string[] =>
  ['compose.yaml', 'compose.override.yaml', overrideFile].map((file) => join(site, file)).filter((file) => existsSync(file));

/**
 * Has the agents of a site read another place than that of their configuration: of one that is being restored, of which the first place may be gone. What Compose
 * starts by {@link composeFiles} does so; nothing of the site itself is changed.
 *
 * @param from - Where the backups lie, as the host reads them: paths of its keys are below `folder`.
 */
export function readSecondPlace(site: string, { agents, services }: Pick<Plan, 'agents' | 'services'>, from: FoundRuntime): void {
  const { store } = from.config.backups;
  const names = new Set(agents.map(({ service }) => service));
  // What it holds is for the containers that have it mounted; on the host nobody else gets there.
  mkdirSync(join(site, folder), { recursive: true, mode: 0o700 });
  const override = [...names].map((name) => {
    const { volumes, place } = placeFor(store, from.folder, ownPlace(site, name));
    const own = join(site, folder, name);
    mkdirSync(own, { recursive: true });
    chmodSync(own, 0o755);
    for (const [file, text] of Object.entries(place.files)) put(join(own, file), text);
    put(join(own, 'runtime.yaml'), JSON.stringify(configOf(site, name, place.store)));
    const config = { type: 'bind', source: own, target: agentPlaces.config, read_only: true, bind: { create_host_path: false } };
    const service = { volumes: [config, ...volumes], ...(store.bucket === undefined ? {} : { networks: [wayOut] }) };
    return [name, service] as const;
  });
  const isNew = store.bucket !== undefined && !services.some(({ networks }) => networks.includes(wayOut));
  const whole = { services: Object.fromEntries(override), ...(isNew ? { networks: { [wayOut]: {} } } : {}) };
  writeFileSync(join(site, overrideFile), JSON.stringify(whole), { mode: 0o600 });
}

/** Does something with a site whose agents read the second place, and takes away what that took. @param work - With the environment that its commands of Compose need. */
export async function readingSecond<T>(
  site: string,
  plan: Plan,
  from: FoundRuntime,
  context: RuntimeContext,
  work: (context: RuntimeContext) => Promise<T>,
): Promise<T> {
  readSecondPlace(site, plan, from);
  try {
    // No path has a line break in it.
    const files = { COMPOSE_FILE: composeFiles(site).join('\n'), COMPOSE_PATH_SEPARATOR: '\n' };
    return await work({ ...context, env: { ...context.env, ...files } });
  } finally {
    forgetSecondPlace(site);
  }
}

/** Also what a run has left that was killed. */
export function forgetSecondPlace(site: string): void {
  rmSync(join(site, overrideFile), { force: true });
  rmSync(join(site, folder), { recursive: true, force: true });
}

/**
 * Begins the first place anew where it is a folder that is gone or no store: without it no agent starts, or none copies.
 *
 * @param state - What stands already.
 * @throws BerthError `unfinished` where who runs this may not make it.
 */
export async function beginFolder(site: string, state: string, context: RuntimeContext, signal: AbortSignal): Promise<void> {
  const { config, folder: here } = readRuntime(join(site, 'runtime.yaml'));
  const { store } = config.backups;
  const before = store.folder === undefined ? 'store' : lookAt(store.folder);
  if (store.folder === undefined || before === 'store') return;
  try {
    await createPlace(config.backups, here, config.site, context, signal);
  } catch (error) {
    const cure = `\`sudo ${createCommand(site)}\`, then \`docker compose up -d --wait\` there`;
    throw new BerthError(
      'unfinished',
      `${state}, and ${store.folder}, the first place of its backups, could not be begun anew: ${messageOf(error)}`,
      cure,
      { cause: error },
    );
  }
  if (before === 'no store')
    context.err(
      `${noteOf(`${store.folder} was no store, and backups begin anew there: see that it is the disk that it should be`, context)}\n`,
    );
}

/** The same for a bucket, which a site starts without: what keeps it from being used is told. */
export async function beginBucket(site: string, context: RuntimeContext, signal: AbortSignal): Promise<void> {
  const { config, folder: here } = readRuntime(join(site, 'runtime.yaml'));
  const { bucket } = config.backups.store;
  if (bucket === undefined) return;
  try {
    await createPlace(config.backups, here, config.site, context, signal);
  } catch (error) {
    if (!(error instanceof BerthError) || signal.aborted) throw error;
    const trouble = `bucket ${bucket.name} at ${bucket.endpoint}, the first place of its backups, cannot be used: ${error.message}`;
    context.err(`${noteOf(`${trouble}. Once it can, \`${createCommand(site)}\` begins it anew`, context)}\n`);
  }
}

const createCommand = (site: string): string => `berth backup store create --site ${typed(site)}`;
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** A folder that may not be looked into is somebody's, such as the agents'. */
function lookAt(folder: string): 'gone' | 'no store' | 'store' {
  if (!existsSync(folder)) return 'gone';
  try {
    return readdirSync(folder).includes(storeMarker) ? 'store' : 'no store';
  } catch {
    return 'store';
  }
}

/** Whoever the agent runs as, and whatever the umask. */
function put(file: string, text: string): void {
  writeFileSync(file, text);
  chmodSync(file, 0o644);
}

const ownConfig = (site: string, agent: string): FoundRuntime['config'] => readRuntime(join(site, 'config', agent, 'runtime.yaml')).config;
const ownPlace = (site: string, agent: string): Place => ownConfig(site, agent).backups.store;

function configOf(site: string, agent: string, store: Place): object {
  const config = ownConfig(site, agent);
  return { ...config, backups: { ...config.backups, store } };
}

interface InContainer {
  readonly volumes: readonly object[];
  readonly place: { readonly store: Place; readonly files: Readonly<Record<string, string>> };
}

/** The place as a container has it. Its folder is mounted, to be read alone; and where the first one, which is gone, would be, as a mount of what is not there keeps a container from starting. */
function placeFor(store: Place, host: string, first: Place): InContainer {
  const bind = (source: string, target: string) => ({ type: 'bind', source, target, read_only: true, bind: { create_host_path: false } });
  const { folder: here, bucket } = store;
  if (here !== undefined) {
    const target = first.folder ?? here;
    return { volumes: [bind(here, target)], place: { store: { ...store, folder: target }, files: {} } };
  }
  if (bucket === undefined) throw new Error('a place is a folder or a bucket');
  const { ca, secretKey, ...rest } = bucket;
  const named = (file: string): string => `${agentPlaces.config}/${file}`;
  return {
    volumes: first.folder === undefined ? [] : [{ type: 'tmpfs', target: first.folder }],
    place: {
      store: { ...store, bucket: { ...rest, secretKey: named('store.key'), ...(ca === undefined ? {} : { ca: named('store.pem') }) } },
      files: {
        'store.key': readFileSync(resolve(host, secretKey), 'utf8'),
        ...(ca === undefined ? {} : { 'store.pem': readFileSync(resolve(host, ca), 'utf8') }),
      },
    },
  };
}
