import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { parse, stringify } from 'yaml';
import type { EngineSetting } from '../../model/engine-setting.ts';
import { ensureSecondCompose } from './engine.ts';
import type { LabSite } from './installed.ts';
import { attempt, run } from './process.ts';
import { until } from './until.ts';
import type { Answer, Visitor } from './visitor.ts';

interface Health {
  readonly status: string;
  readonly checks: Readonly<Record<string, { readonly status: string; readonly error?: string }>>;
}
/** What `plan --json` says of a site, as far as rows ask. */
export interface PlanJson {
  readonly services: readonly {
    readonly name: string;
    readonly kind: string;
    readonly slotted: boolean;
    readonly user: string;
    readonly role: string;
    readonly networks: readonly string[];
    readonly volumes: readonly { readonly name: string; readonly target: string }[];
    readonly shared?: readonly { readonly name: string; readonly target: string; readonly readOnly: boolean }[];
    readonly tmpfs: readonly { readonly path: string }[];
    readonly nofile?: number;
    readonly shm?: number;
    readonly size: { readonly memory: number; readonly cpu: number; readonly pids: number };
    readonly env: Readonly<Record<string, string>>;
  }[];
  readonly databases: readonly { readonly settings: readonly EngineSetting[] }[];
  readonly caches: readonly { readonly service: string; readonly settings: readonly EngineSetting[]; readonly tls?: true }[];
  readonly edge: { readonly workers: number; readonly connections: number; readonly nofile: number };
  readonly decisions: readonly { readonly key: string; readonly value: string }[];
}
interface Inspected {
  readonly Id: string;
  readonly Name: string;
  readonly Mounts: readonly {
    readonly Type: string;
    readonly Name?: string;
    readonly Source: string;
    readonly Destination: string;
    readonly RW: boolean;
  }[];
  readonly Config: {
    readonly User: string;
    readonly Env: readonly string[];
    readonly Labels: Readonly<Record<string, string>>;
    readonly Healthcheck?: object;
    readonly StopTimeout?: number;
  };
  readonly HostConfig: {
    readonly ReadonlyRootfs: boolean;
    readonly CapDrop: readonly string[];
    readonly CapAdd: readonly string[] | null;
    readonly SecurityOpt: readonly string[];
    readonly PidsLimit: number;
    readonly Memory: number;
    readonly MemorySwap: number;
    readonly NanoCpus: number;
    readonly Privileged: boolean;
    readonly PortBindings: Readonly<Record<string, unknown>>;
    readonly LogConfig: { readonly Type: string; readonly Config: Readonly<Record<string, string>> };
    readonly Tmpfs: Readonly<Record<string, string>> | null;
    readonly Ulimits: readonly { readonly Name: string; readonly Soft: number; readonly Hard: number }[] | null;
    readonly ShmSize: number;
    readonly Init?: boolean | null;
  };
  readonly NetworkSettings: { readonly Networks: Readonly<Record<string, unknown>> };
}

/** What `generate --json` says of containers. */
interface Announced {
  readonly recreated: readonly { readonly service: string }[];
  readonly scaled: readonly { readonly service: string }[];
  readonly added: readonly string[];
}

/** Whole, not merely serving: an application without its cache or its store answers 200 as well, as degraded. */
export const isHealthy = (answer: Pick<Answer, 'status' | 'body'>): boolean =>
  answer.status === 200 && (JSON.parse(answer.body) as { status: string }).status === 'healthy';

/** The services, by what `generate --json` says, whose containers the next `up` makes. */
export function announced(said: string): readonly string[] {
  const { recreated, scaled, added } = (JSON.parse(said) as { containers: Announced }).containers;
  return [...new Set([...recreated, ...scaled].map(({ service }) => service).concat(added))].sort();
}

/** A site that runs with the sample application, and what is asked of any such site, whatever its profile and its engines are. */
export interface House {
  readonly name: string;
  readonly site: LabSite;
  readonly visitor: Visitor;
  readonly plan: PlanJson;
  /** The service that the sample application stands for. */
  readonly app: string;
}

/** The service of a container. */
const serviceOf = ({ name }: House, container: string): string =>
  container
    .replace(/^\//, '')
    .slice(name.length + 1)
    .replace(/-\d+$/, '');

/** The services whose containers are others than before, or are new or gone. */
export function changed(
  house: House,
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
): readonly string[] {
  const names = Object.keys({ ...before, ...after }).filter((name) => before[name] !== after[name]);
  return [...new Set(names.map((name) => serviceOf(house, name)))].sort();
}

export async function inspectAll({ site }: House): Promise<readonly Inspected[]> {
  return JSON.parse(await run(['docker', 'inspect', ...Object.values(await site.ids())])) as Inspected[];
}

export const healthy = ({ visitor }: House): Promise<Answer> => visitor.until('/api/health', isHealthy);

/** As a person does it: again, while the store is still starting. What health says of it is a few seconds old, and a refused note leaves nothing behind. */
export async function writeNote({ visitor }: House, text: string): Promise<void> {
  await until(async () => {
    const { status } = await visitor.ask({
      path: '/notes',
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', 'accept': 'application/json' },
      body: new URLSearchParams({ text }).toString(),
    });
    return status === 201;
  }, `the note "${text}" is taken`);
}

/** Node has the heap that the plan gives it, and the pool. */
export async function expectRuntime(house: House): Promise<void> {
  const { heapLimitMiB, poolSize } = await house.visitor.json<{ heapLimitMiB: number; poolSize: number }>('/api/env');
  const decided = (key: string) => house.plan.decisions.find((decision) => decision.key === `${house.app}.${key}`)?.value;
  const heap = Number(decided('max-old-space-size'));
  // V8 counts its young generation on top.
  expect(heapLimitMiB).toBeGreaterThanOrEqual(heap);
  expect(heapLimitMiB).toBeLessThan(heap + 200);
  expect(String(poolSize)).toBe(decided('pool'));
}

/** nginx has the workers, connections and file descriptors of the plan. */
export async function expectEdge(house: House): Promise<void> {
  const { edge } = house.plan;
  const dump = await house.site.compose('exec', '-T', 'edge', 'nginx', '-c', '/etc/berth/edge/nginx.conf', '-T');
  expect(/worker_connections\s+(\d+)/.exec(dump)?.[1]).toBe(String(edge.connections));
  const [container] = (await inspectAll(house)).filter(({ Name }) => Name.endsWith('-edge-1'));
  const processes = (await run(['docker', 'top', container?.Id ?? '', '-o', 'pid,args']))
    .split('\n')
    .filter((line) => line.includes('worker process'));
  expect(processes).toHaveLength(edge.workers);
  const limits = await run(['cat', `/proc/${processes[0]?.trim().split(/\s+/)[0] ?? ''}/limits`]);
  expect(/Max open files\s+(\d+)/.exec(limits)?.[1]).toBe(String(edge.nofile));
}

/** What is written stands before both versions of Compose, and neither has a word to say about it. */
export async function expectAccepted({ site }: House): Promise<void> {
  for (const compose of [['docker', 'compose'], [await ensureSecondCompose()]])
    expect(await site.operator.attempt([...compose, 'config', '--quiet'], site.folder)).toEqual({ code: 0, stdout: '', stderr: '' });
}

/** A setting of the edge recreates the edge, which then runs with it, and nothing else. */
export async function expectEdgeAlone(house: House): Promise<void> {
  const { site } = house;
  const before = await site.ids();
  site.edit('berth.yaml', (text) => text.replace(/^edge:\n/m, 'edge:\n  connections: 150\n'));
  expect(announced(await site.berth('generate', '--json'))).toEqual(['edge']);
  expect(await site.up()).toMatchObject({ code: 0 });
  expect(changed(house, before, await site.ids())).toEqual(['edge']);
  expect(await site.compose('exec', '-T', 'edge', 'nginx', '-c', '/etc/berth/edge/nginx.conf', '-T')).toContain(
    'limit_conn per_address 150;',
  );
  await healthy(house);
}

/** Every container is as hard, as large and as alone as the plan says. */
export async function expectHardened(house: House): Promise<void> {
  const containers = await inspectAll(house);
  expect(containers.length).toBeGreaterThanOrEqual(8);
  const declared = Object.keys((parse(house.site.read('compose.yaml')) as { volumes: object }).volumes).map(
    (volume) => `${house.name}_${volume}`,
  );
  for (const { Name, Mounts, NetworkSettings, Config, HostConfig } of containers) {
    const service = house.plan.services.find(({ name, slotted }) => serviceOf(house, Name) === (slotted ? `${name}-blue` : name));
    expect(service, Name).toBeDefined();
    expect({
      Name,
      user: Config.User,
      root: HostConfig.ReadonlyRootfs,
      drop: HostConfig.CapDrop,
      add: HostConfig.CapAdd ?? [],
      security: HostConfig.SecurityOpt,
      privileged: HostConfig.Privileged,
      pids: HostConfig.PidsLimit,
      memory: HostConfig.Memory,
      swap: HostConfig.MemorySwap,
      cpus: HostConfig.NanoCpus,
      log: HostConfig.LogConfig,
      ports: Object.keys(HostConfig.PortBindings).length,
    }).toEqual({
      Name,
      user: service?.user,
      root: true,
      drop: ['ALL'],
      add: [],
      security: ['no-new-privileges:true'],
      privileged: false,
      pids: service?.size.pids,
      memory: (service?.size.memory ?? 0) * 2 ** 20,
      swap: (service?.size.memory ?? 0) * 2 ** 20,
      cpus: (service?.size.cpu ?? 0) * 1e6,
      log: { Type: 'json-file', Config: { 'max-file': '3', 'max-size': '10m' } },
      ports: service?.name === 'edge' ? 2 : 0,
    });
    expect(Config.User).not.toMatch(/^(0|root|)(:|$)/);
    expect(Config.Healthcheck !== undefined, `${Name} has a health check`).toBe(service?.kind === 'server');
    expect({
      Name,
      nofile: (HostConfig.Ulimits ?? []).map(({ Name: limit, Soft, Hard }) => `${limit} ${Soft} ${Hard}`),
      shm: HostConfig.ShmSize,
      init: HostConfig.Init ?? false,
      networks: Object.keys(NetworkSettings.Networks).sort(),
    }).toEqual({
      Name,
      nofile: service?.nofile === undefined ? [] : [`nofile ${service.nofile} ${service.nofile}`],
      shm: (service?.shm ?? 64) * 2 ** 20,
      init: service?.role === 'app',
      networks: (service?.networks ?? []).map((network) => `${house.name}_${network}`).sort(),
    });
    expect(Object.keys(HostConfig.Tmpfs ?? {}).sort(), Name).toEqual((service?.tmpfs ?? []).map(({ path }) => path).sort());
    for (const [path, options] of Object.entries(HostConfig.Tmpfs ?? {}))
      expect(options.split(','), `${Name} ${path}`).toEqual(
        expect.arrayContaining(['noexec', 'nosuid', 'nodev', expect.stringMatching(/^size=\d+m$/)]),
      );
    // An image may declare volumes that nobody asked for: Docker would make one without a name for each container.
    const volumes = Mounts.filter(({ Type }) => Type === 'volume');
    const mounted = [
      ...(service?.volumes ?? []).map(({ name, target }) => ({ name, target, written: true })),
      ...(service?.shared ?? []).map(({ name, target, readOnly }) => ({ name, target, written: !readOnly })),
    ];
    expect(Object.fromEntries(volumes.map(({ Name: volume, Destination, RW }) => [volume, `${Destination} ${RW}`])), Name).toEqual(
      Object.fromEntries(mounted.map(({ name, target, written }) => [`${house.name}_${name}`, `${target} ${written}`])),
    );
    expect(
      volumes.filter(({ Name: volume }) => !declared.includes(volume ?? '')),
      Name,
    ).toEqual([]);
    expect(
      Mounts.filter(({ Type, RW, Source }) => Type !== 'volume' && (Type !== 'bind' || RW || !Source.startsWith(`${house.site.folder}/`))),
      Name,
    ).toEqual([]);
    expect(Config.StopTimeout ?? 0, `${Name} has a stop grace`).toBeGreaterThanOrEqual(10);
  }
}

/** While a service is down, health says so and names its check alone; the application stays, and all is well after the next `up`. */
export async function expectDown(house: House, service: string, check: string, status: string): Promise<void> {
  await house.site.compose('kill', service);
  // What does not answer within a second counts as down, so on a busy machine it may be more than that for a moment.
  await house.visitor.until('/api/health', (found) => {
    if (found.status !== 503) return false;
    const { status: said, checks } = JSON.parse(found.body) as Health;
    const down = Object.keys(checks).filter((name) => checks[name]?.status !== 'healthy');
    return said === status && down.join() === check;
  });
  // A dependency that is down must not evict the application.
  expect((await house.visitor.ask({ path: '/readyz' })).status).toBe(200);
  expect(await house.site.up()).toMatchObject({ code: 0 });
  await healthy(house);
}

const replicasOf = ({ plan, app }: House): number => Number(plan.decisions.find(({ key }) => key === `${app}.replicas`)?.value);

type Slots = Readonly<Record<'blue' | 'green', object | undefined>>;

function writeRelease({ site, app }: House, { blue, green }: Slots, migrates: boolean): void {
  site.edit('release.yaml', (text) => {
    const written = parse(text) as { services: Record<string, object> };
    // Which of two images brings the schema up to date is for the operator to say.
    const migrations = migrates && blue && green ? { migrations: 'green' } : {};
    return stringify({ ...written, services: { ...written.services, [app]: { blue, green, ...migrations } } });
  });
}

/** Green does not start when its migrations fail; blue serves on, and the next `up` of blue alone has nothing to do. The image is that of the site, with programs that fail. */
export async function expectFailedMigration(house: House, image: string): Promise<void> {
  await healthy(house);
  const failing = `${image.replace(/:.*/, '')}:failing`;
  await run(['docker', 'build', '--tag', failing, '-'], { input: `FROM ${image}\nUSER 0\nRUN ln -sf /bin/false "$(command -v node)"\n` });
  const blue = { image, weight: 100, replicas: replicasOf(house) };
  const running = async () => (await house.site.compose('ps', '--no-trunc', '--format', '{{.Name}} {{.ID}}')).trim().split('\n').sort();
  const before = await running();
  const load = house.visitor.load(5);
  writeRelease(house, { blue, green: { image: failing, weight: 0, replicas: 1 } }, true);
  await house.site.berth('generate');
  const up = await house.site.up();
  expect(up.code).not.toBe(0);
  expect(up.stderr).toMatch(new RegExp(`${house.app}-migrate(?:-green)?" didn't complete successfully: exit 1`));
  expect(await running()).toEqual(before);
  writeRelease(house, { blue, green: undefined }, true);
  await house.site.berth('generate');
  expect(await house.site.up()).toMatchObject({ code: 0 });
  expect(await running()).toEqual(before);
  expect((await load.stop()).failed).toEqual([]);
}

/** Blue gives way to green under load, step by step: no request fails, the edge stays, and green alone is left. Of both images the tag is the version. */
export async function expectSwitch(
  house: House,
  image: string,
  [first, second]: readonly [string, string],
  { migrates = false, perSecond = 60 }: { readonly migrates?: boolean; readonly perSecond?: number } = {},
): Promise<void> {
  await healthy(house);
  await run(['docker', 'tag', `${image}:${first}`, `${image}:${second}`]);
  const replicas = replicasOf(house);
  const before = await house.site.ids();
  const release = (slots: Slots) => {
    writeRelease(house, slots, migrates);
  };
  const slot = (tag: string, weight: number, count: number) => ({ image: `${image}:${tag}`, weight, replicas: count });
  const apply = async () => {
    await house.site.berth('generate');
    expect(await house.site.up()).toMatchObject({ code: 0 });
  };
  const visitors = 60;
  const inGreen = async () => {
    let found = 0;
    for (let number = 0; number < visitors; number++) {
      const { body } = await house.visitor.ask({ path: '/api/env', headers: { 'user-agent': `one of many ${number}` } });
      if ((JSON.parse(body) as { slot: string }).slot === 'green') found += 1;
    }
    return found;
  };
  const load = house.visitor.load(perSecond);
  try {
    release({ blue: slot(first, 100, replicas), green: slot(second, 0, 1) });
    await apply();
    // The edge looks every two seconds where the names of slots lead to.
    const green = await house.visitor.until({ path: '/api/env', headers: { 'x-berth-slot': 'green' } }, ({ status }) => status === 200);
    expect(JSON.parse(green.body)).toMatchObject({ version: second, slot: 'green' });
    release({ blue: slot(first, 75, replicas), green: slot(second, 25, 1) });
    expect(await house.site.berth('generate')).toContain('no container has to be recreated');
    await until(async () => (await inGreen()) > 0, 'somebody is sent to green');
    await sleep(3000);
    release({ blue: slot(first, 75, 1), green: slot(second, 25, replicas) });
    await apply();
    release({ blue: slot(first, 0, 1), green: slot(second, 100, replicas) });
    await house.site.berth('generate');
    await until(async () => (await inGreen()) === visitors, 'everybody is sent to green');
    await sleep(3000);
    release({ blue: undefined, green: slot(second, 100, replicas) });
    await apply();
    await sleep(1000);
  } finally {
    const result = await load.stop();
    const complaints =
      result.failed.length === 0
        ? ''
        : (await house.site.compose('logs', '--no-log-prefix', '--no-color', 'edge'))
            .split('\n')
            .filter((line) => /"status":"?5|error|warn/.test(line))
            .slice(-20)
            .join('\n');
    expect(result.failed, complaints).toEqual([]);
    expect(result.sent).toBeGreaterThan(10 * perSecond);
  }
  const after = await house.site.ids();
  expect(
    Object.keys(after)
      .filter((name) => new RegExp(`-${house.app}-(?:blue|green)-`).test(name))
      .sort(),
  ).toEqual(Array.from({ length: replicas }, (_, index) => `${house.name}-${house.app}-green-${index + 1}`));
  expect(after[`${house.name}-edge-1`]).toBe(before[`${house.name}-edge-1`]);
  expect(JSON.parse((await house.visitor.ask({ path: '/api/env' })).body)).toMatchObject({ version: second, slot: 'green' });
}

/** What visitors left is there after everything was taken down. */
export async function expectKept(house: House): Promise<void> {
  await writeNote(house, 'kept through a restart');
  const before = await house.visitor.json<{ visits: number }>('/api/visits');
  await house.site.compose('--profile', '*', 'down');
  expect((await house.site.compose('--profile', '*', 'ps', '-aq')).trim()).toBe('');
  expect(await house.site.up()).toMatchObject({ code: 0 });
  await healthy(house);
  expect((await house.visitor.json<{ visits: number }>('/api/visits')).visits).toBeGreaterThan(before.visits);
  expect((await house.visitor.ask({ path: '/api/notes' })).body).toContain('kept through a restart');
}

/**
 * No drawn secret stands in what containers are told and say, in the files outside of secrets/, or in what Berth says.
 *
 * @param spoken - What was said so far, by whom.
 * @param declared - The variables that carry secrets by design, by the service that has them.
 */
export async function expectHidden(
  house: House,
  spoken: Readonly<Record<string, string>>,
  declared: Readonly<Record<string, readonly string[]>>,
): Promise<void> {
  const ledger = JSON.parse(house.site.read('secrets/ledger.json')) as {
    secrets: Record<string, string[]>;
    leaf: { key: string };
    authority: { key: string };
    servers?: Record<string, { key: string }>;
  };
  const secrets = [
    ...Object.entries(ledger.secrets).flatMap(([name, versions]) => versions.map((value) => [name, value] as const)),
    ...Object.entries({ leaf: ledger.leaf, authority: ledger.authority, ...ledger.servers }).map(
      ([name, { key }]) => [`key of ${name}`, key.split('\n')[1] ?? ''] as const,
    ),
  ];
  for (const [name, value] of secrets) expect(value.length, name).toBeGreaterThan(15);
  expect(secrets.length).toBeGreaterThanOrEqual(7);
  const inspected = await inspectAll(house);
  const declaredOf = (container: string) => declared[serviceOf(house, container).replace(/-(?:blue|green)$/, '')] ?? [];
  const containers = inspected.map((container) => ({
    ...container,
    Config: {
      ...container.Config,
      Env: container.Config.Env.filter((variable) => !declaredOf(container.Name).includes(variable.split('=')[0] ?? '')),
    },
  }));
  const { stdout, stderr } = await attempt(['docker', 'compose', '--profile', '*', 'logs', '--no-color'], { cwd: house.site.folder });
  const said: string[] = [];
  for (const args of [
    ['generate'],
    ['generate', '--json'],
    ['plan', '--json'],
    ['explain', '--json'],
    ['images', '--json'],
    ['plan'],
    ['explain'],
  ])
    said.push(await house.site.berth(...args));
  const files = await run(['sh', '-c', 'find . -path ./secrets -prune -o -type f -print0 | xargs -0 cat'], { cwd: house.site.folder });
  const places = { ...spoken, inspect: JSON.stringify(containers), logs: stdout + stderr, said: said.join(''), files };
  for (const [place, text] of Object.entries(places))
    for (const [name, value] of secrets) expect(text.includes(value), `${name} in ${place}`).toBe(false);
  const found = inspected.filter(({ Name }) => serviceOf(house, Name).startsWith(`${house.app}-`));
  expect(found.length).toBeGreaterThan(0);
  expect(found.every(({ Config }) => Config.Env.some((variable) => variable.startsWith('DATABASE_URL=')))).toBe(true);
}
