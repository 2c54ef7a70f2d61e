import { BerthError } from '../model/errors.ts';
import type { CachePlan, Plan, PlannedService } from '../model/plan.ts';
import { redis } from '../model/engines/redis.ts';
import { valkey } from '../model/engines/valkey.ts';
import { lockSite } from '../generator/io/lock.ts';
import { composeServices } from '../generator/render/compose.ts';
import { slotsOf } from '../runtime/engines/cache/member.ts';
import { localPrograms, outputOf } from '../runtime/programs/local-programs.ts';
import type { Bytes } from '../runtime/streams/blocks.ts';
import type { OpenedCopy, PlannedCopy } from './copy-source.ts';
import { progressOn } from './progress.ts';
import { describeCopy } from './restore-cache.ts';
import { loadSite } from './site.ts';
import type { RuntimeContext } from './stoppable.ts';

export interface CacheLive {
  readonly site: string;
  readonly json: boolean;
  readonly yes: boolean;
  readonly dryRun: boolean;
  readonly cache: string;
}

const engines = { valkey, redis } as const;
const { dataFolder } = valkey;
/** What is on its way, in the volume of each node. */
const workshop = '.berth-restore';
const appendOnly = 'appendonlydir';
/** Nobody stops what must come to its end. */
const never = new AbortController().signal;

/** A node, by the name of its service, and the file that holds what it will serve. */
interface Node {
  readonly service: PlannedService;
  readonly file: string;
}

interface Concerned {
  readonly plan: CachePlan;
  readonly clients: readonly string[];
  /** Those that lead to the nodes, and those that watch over them. They stop first: nobody is to take over. */
  readonly around: readonly string[];
  /** Every node of a cache gets the data: whoever is the primary then has them, and nobody else's older ones win. */
  readonly nodes: readonly Node[];
}

export function concernedByCache(plan: Plan, cache: string, files: readonly string[]): Concerned {
  const found = plan.caches.find((each) => each.cache === cache);
  if (found === undefined) throw new Error(`the plan has no cache ${cache}`);
  const shards = found.cluster?.shards ?? [found.members];
  if (shards.length !== files.length)
    throw new BerthError(
      'unsupported',
      `the copy of ${cache} is of ${files.length} parts, and it is divided into ${shards.length} now`,
      'restore its files with --into DIR, and load them with the means of the engine',
    );
  const nodes = shards.flatMap((members, shard) =>
    members.flatMap((member) => {
      const service = plan.services.find(({ name }) => name === member);
      return service === undefined ? [] : [{ service, file: files[shard] ?? '' }];
    }),
  );
  const around = [...(found.sentinel?.proxy ? [found.sentinel.proxy.service] : []), ...(found.sentinel?.sentinels ?? [])];
  const near = new Set([...nodes.map(({ service }) => service.name), ...around]);
  const clients = composeServices(plan).filter(
    ({ service }) =>
      service.kind === 'server' &&
      service.role !== 'agent' &&
      !near.has(service.name) &&
      service.connects.some((each) => near.has(each.service)),
  );
  return { plan: found, clients: clients.map(({ name }) => name), around, nodes };
}

/** Shell, in a container like the node's: takes the new data from the standard input, beside the old ones. */
export const fillScript = (bytes: number, folder: string = dataFolder, settings = '/etc/berth/cache/*.conf'): string =>
  [
    'set -eu',
    'umask 077',
    `grep -Eqs '^appendonly "?yes' ${settings} || { echo 'appendonly is not yes in its settings: it would not read what is restored' >&2; exit 1; }`,
    `rm -rf ${folder}/${workshop}`,
    `mkdir ${folder}/${workshop}`,
    `cat >${folder}/${workshop}/base.rdb`,
    `[ "$(wc -c <${folder}/${workshop}/base.rdb)" -eq ${bytes} ] || { echo 'not all of it came' >&2; exit 1; }`,
    'sync',
  ].join('\n');

/**
 * Shell: makes the new data those that a server starts with. A server that appends to a file ignores `dump.rdb`: it reads what its manifest names, so the
 * new data become the base of a new manifest. That one takes the place of the old one by one rename for each node; the files of before lie beside, in a
 * folder that is one as the server knows it.
 *
 * @param folders - Of all nodes, as they are mounted.
 * @param kept - Name of the folder with the old data.
 */
export const exchangeScript = (folders: readonly string[], kept: string): string => {
  const all = folders.join(' ');
  return `set -eu
umask 077
for at in ${all}; do
  dir=$at/${appendOnly} new=$at/${workshop} kept=$at/${kept} base=0 incr=0
  [ -s "$new/base.rdb" ]
  mkdir -p "$dir"
  rm -rf "$kept"
  mkdir "$kept"
  for file in "$dir"/*; do
    [ -f "$file" ] || continue
    ln "$file" "$kept/"
    name=\${file##*/appendonly.aof.} number=\${file##*/appendonly.aof.}
    number=\${number%%.*}
    case $number in '' | *[!0-9]*) continue ;; esac
    case $name in
      *.base.*) [ "$number" -le "$base" ] || base=$number ;;
      *.incr.*) [ "$number" -le "$incr" ] || incr=$number ;;
    esac
  done
  base=$((base + 1)) incr=$((incr + 1))
  ln -f "$new/base.rdb" "$dir/appendonly.aof.$base.base.rdb"
  : >"$dir/appendonly.aof.$incr.incr.aof"
  printf 'file appendonly.aof.%s.base.rdb seq %s type b\\nfile appendonly.aof.%s.incr.aof seq %s type i\\n' "$base" "$base" "$incr" "$incr" >"$new/manifest"
done
sync
for at in ${all}; do mv -f "$at/${workshop}/manifest" "$at/${appendOnly}/appendonly.aof.manifest"; done
sync
for at in ${all}; do
  for file in "$at/${kept}"/*; do
    name=\${file##*/}
    [ "$name" = appendonly.aof.manifest ] || rm -f "$at/${appendOnly}/$name"
  done
  rm -rf "$at/${workshop}"
done`;
};

/** Shell: brings the old data back, and keeps what was there instead. */
const undoScript = (kept: string): string => `cd ${dataFolder} && mv ${appendOnly} ${appendOnly}.undone && mv ${kept} ${appendOnly}`;

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
  using progress = progressOn(context, json);
  const nodes = new CacheNodes(site, plan, concerned, context);
  const kept = `${appendOnly}.before-${context.now().toISOString().replaceAll(/[:.]/g, '-')}`;
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
      await nodes.compose(['stop', ...options, ...services], never);
      signal.throwIfAborted();
    }
  } catch (error) {
    progress.say('nothing was exchanged; starting everything as it was');
    await nodes.putBack();
    throw error;
  }
  progress.say('exchanging old and new data');
  await nodes.exchange(kept);
  progress.say('starting everything');
  await nodes.up(`${cache} has its new data, the old ones are in ${kept}`);
  const ended = performance.now();
  progress[Symbol.dispose]();
  const seconds = (from: number): number => Math.round((ended - from) / 100) / 10;
  const done = { ...copy.planned, into: 'live', kept, seconds: seconds(begun), downSeconds: seconds(stopped) };
  if (json) return context.out(`${JSON.stringify(done, null, 2)}\n`);
  tell(done, concerned, context);
}

/** The nodes of a cache, and the commands of Compose that change what lies in their volumes. */
class CacheNodes {
  readonly #site: string;
  readonly #plan: Plan;
  readonly #concerned: Concerned;
  readonly #programs: ReturnType<typeof localPrograms>;
  constructor(site: string, plan: Plan, concerned: Concerned, { env }: RuntimeContext) {
    this.#site = site;
    this.#plan = plan;
    this.#concerned = concerned;
    this.#programs = localPrograms({ ...process.env, ...env }, 60_000, true);
  }

  compose(args: readonly string[], signal: AbortSignal, input?: Bytes): Promise<string> {
    const argv = ['docker', 'compose', '--project-directory', this.#site, ...args] as const;
    return outputOf(this.#programs, { argv, ...(input === undefined ? {} : { input }) }, signal);
  }

  /** A shell in a container like that of a node: its user, its volume, its limits. */
  #beside = ({ name }: PlannedService, script: string, options: readonly string[] = []): readonly string[] => [
    'run',
    '--rm',
    '--no-deps',
    '-T',
    ...options,
    '--entrypoint',
    '/bin/sh',
    name,
    '-c',
    script,
  ];

  async fill({ service, file }: Node, { planned, open }: OpenedCopy, signal: AbortSignal): Promise<void> {
    const bytes = planned.files.find(({ name }) => name === file)?.bytes ?? 0;
    await this.compose(this.#beside(service, fillScript(bytes)), signal, open(file));
  }

  /** All in one container, so that hardly a moment lies between the first node and the last. */
  async exchange(kept: string): Promise<void> {
    const [first, ...others] = this.#concerned.nodes;
    if (first === undefined) return;
    const mounted = others.map(({ service }, index) => ({ folder: `/berth-nodes/${index + 1}`, volume: this.#volumeOf(service) }));
    const volumes = mounted.flatMap(({ folder, volume }) => ['--volume', `${volume}:${folder}`]);
    const script = exchangeScript([dataFolder, ...mounted.map(({ folder }) => folder)], kept);
    try {
      await this.compose(this.#beside(first.service, script, volumes), never);
    } catch (error) {
      throw new BerthError(
        'unfinished',
        `the exchange broke off, and nothing was started: ${error instanceof Error ? error.message : String(error)}`,
        'run the same command again, which begins anew; what was there before is kept',
        { cause: error },
      );
    }
  }

  /** Of a cluster: each shard must serve the keys that its copy holds. */
  async refuseOtherSlots({ facts }: PlannedCopy, signal: AbortSignal): Promise<void> {
    const { plan } = this.#concerned;
    const shards = plan.cluster?.shards ?? [];
    const copied = facts['shards'];
    for (const [index, [first]] of shards.entries()) {
      const ask = ['exec', '-T', first ?? '', '/bin/sh', '/etc/berth/cache/cluster.sh', 'ask', 'cluster', 'nodes'];
      const now = slotsOf((await this.compose(ask, signal)).replaceAll('\r', ''));
      const then = Array.isArray(copied) ? (copied[index] as { readonly slots?: unknown }).slots : undefined;
      if (now !== then)
        throw new BerthError(
          'conflict',
          `${first ?? ''} and its copy serve the slots ${now} now, and ${String(then)} when the backup was made`,
          'give the shards the slots of then back, or restore the files with --into DIR',
        );
    }
  }

  /** Gives up. @throws BerthError when the site does not come up again. */
  async putBack(): Promise<void> {
    for (const { service } of this.#concerned.nodes)
      await this.compose(this.#beside(service, `rm -rf ${dataFolder}/${workshop}`), never).catch(() => undefined);
    await this.up('nothing was exchanged');
  }

  async up(state: string): Promise<void> {
    try {
      await this.compose(['up', '-d', '--wait'], never);
    } catch (error) {
      throw new BerthError(
        'unfinished',
        `${state}, and not everything is up: ${error instanceof Error ? error.message : String(error)}`,
        'see `docker compose ps -a` and what the service says, then run `docker compose up -d --wait`',
        { cause: error },
      );
    }
  }

  #volumeOf = (service: PlannedService): string => `${this.#plan.name}_${service.volumes[0]?.name ?? ''}`;
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

/** What a copy held when a server had loaded it. */
interface Tried {
  readonly file: string;
  readonly databases: Readonly<Record<string, number>>;
  /** Keys that were due to vanish by now. */
  readonly expired: number;
}

/** Shell: loads what comes by the standard input, says what that is, and ends. Nobody can reach it: it has no port and no network. */
const tryScript = ({ server, client }: { readonly server: string; readonly client: string }): string =>
  [
    'set -eu',
    'cat >dump.rdb',
    `${server} --port 0 --unixsocket /tmp/try.sock --dir "$PWD" --dbfilename dump.rdb --appendonly no --save '' >/tmp/log 2>&1 &`,
    'tries=0',
    `until [ "$(${client} -s /tmp/try.sock ping 2>/dev/null)" = PONG ]; do`,
    '  kill -0 $! 2>/dev/null || { tail -n 3 /tmp/log >&2; exit 1; }',
    '  sleep 0.1',
    'done',
    `${client} -s /tmp/try.sock info keyspace`,
    "sed -n 's/.*keys expired: \\([0-9]*\\).*/expired:\\1/p' /tmp/log",
    `${client} -s /tmp/try.sock shutdown nosave || true`,
  ].join('\n');

/** Loads every file of a copy into a server of the cache's own image, which is thrown away. */
export async function tryCopies(
  { site, cache }: Pick<CacheLive, 'site' | 'cache'>,
  { planned, open }: OpenedCopy,
  context: RuntimeContext,
  signal: AbortSignal,
): Promise<readonly Tried[]> {
  const { plan } = loadSite(site, context);
  const { nodes, plan: found } = concernedByCache(
    plan,
    cache,
    planned.files.map(({ name }) => name),
  );
  const [node] = nodes;
  const image = plan.images.find(({ key }) => key === found.engine)?.reference;
  if (node === undefined || image === undefined) throw new Error(`the plan has no image for ${cache}`);
  const { user, size } = node.service;
  const engine = engines[found.engine as keyof typeof engines];
  const confined = ['run', '--rm', '-i', '--network', 'none', '--read-only', '--cap-drop', 'ALL', '--tmpfs', '/tmp', '--user', user];
  const limits = ['--memory', `${size.memory * 2}m`, '--pids-limit', '64', '--volume', dataFolder, '--workdir', dataFolder];
  const tried: Tried[] = [];
  for (const { name } of planned.files) {
    const argv = ['docker', ...confined, ...limits, '--entrypoint', '/bin/sh', image, '-c', tryScript(engine)] as const;
    const said = await outputOf(localPrograms({ ...process.env, ...context.env }), { argv, input: open(name) }, signal);
    tried.push({
      file: name,
      databases: Object.fromEntries([...said.matchAll(/^(db\d+):keys=(\d+)/gm)].map(([, database, keys]) => [database, Number(keys)])),
      expired: Number(/^expired:(\d+)/m.exec(said)?.[1] ?? 0),
    });
  }
  return tried;
}
