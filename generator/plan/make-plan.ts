import { BerthError } from '../../model/errors.ts';
import type { ImageCatalogue } from '../../model/image-catalogue.ts';
import type { Decision, Dependency, Plan, PlannedSecret, PlannedService, SecretFile, Size } from '../../model/plan.ts';
import type { HardwareProfile } from '../../model/profile.ts';
import { slots } from '../../model/release.ts';
import type { WrittenRelease } from '../../model/release.ts';
import type { StackSpec } from '../../model/stack-spec.ts';
import { describeSize, describeCpus, mib, milliCpu } from '../../model/units.ts';
import { replicasOf } from './connections.ts';
import { tasks } from './demand.ts';
import type { Demand } from './demand.ts';
import { divideDisk } from './disk.ts';
import { fit } from './fit.ts';
import { notesOf } from './notes.ts';
import { firstRelease, resolveRelease } from './resolve-release.ts';
import { demandApp, planApp } from './services/app.ts';
import { demandEdge, planEdge } from './services/edge.ts';
import { accountOf, demandMinio, planMinio } from './services/minio.ts';
import { demandPostgres, planPostgres } from './services/postgres.ts';
import { demandValkey, planValkey } from './services/valkey.ts';
import { cpuWish, memoryWish } from './wish.ts';

/** Everything a plan is made of; the same four values give the same plan anywhere. */
export interface PlanInput {
  readonly spec: StackSpec;
  readonly profile: HardwareProfile;
  readonly images: ImageCatalogue;
  /** `undefined` before there is a release.yaml: every service then stands in its blue slot. */
  readonly release: WrittenRelease | undefined;
}

const agentFloor = { value: mib(512), because: '512 MiB: the program and a scratch engine of the smallest size' };

/** What each role asks for, the surge replica and the agent that is to come included. */
function demandsOf(spec: StackSpec, profile: HardwareProfile): readonly Demand[] {
  const apps = spec.services.map((app) => demandApp(app, profile));
  const largest = (pick: (demand: Demand) => number): Demand => apps.reduce((most, demand) => (pick(demand) > pick(most) ? demand : most), apps[0] as Demand);
  const [byWish, byFloor, byCpu] = [largest((demand) => demand.memory.wanted), largest((demand) => demand.memory.floor), largest((demand) => demand.cpu.wanted)];
  const surge: Demand = {
    name: 'surge', role: 'app', count: 1, cpu: byCpu.cpu, pids: byCpu.pids,
    memory: { ...byWish.memory, floor: byFloor.memory.floor, wantedBecause: `one more replica of ${byWish.name}, while one is replaced`, floorBecause: byFloor.memory.floorBecause },
  };
  const task = (name: string): Demand => ({ name, role: 'task', count: 1, pids: tasks.pids,
    memory: { wanted: mib(tasks.memory), floor: mib(tasks.memory), wantedBecause: 'a client and a shell', floorBecause: 'a client and a shell', change: 'fixed' },
    cpu: { wanted: milliCpu(tasks.cpu), floor: milliCpu(tasks.cpuShare), wantedBecause: 'runs for a second at every start', floorBecause: 'is idle otherwise', change: 'fixed' } });
  return [
    demandEdge(profile), ...apps, surge,
    ...spec.databases.flatMap((database) => [demandPostgres(database, spec, profile), task(`${database.name}-accounts`)]),
    ...spec.caches.map((cache) => demandValkey(cache, profile)),
    ...spec.stores.flatMap((store) => [demandMinio(store, profile), task(`${store.name}-buckets`)]),
    { name: 'agent', role: 'agent', count: 1, pids: 256, memory: memoryWish('agent', {}, profile.agent.memory, agentFloor), cpu: cpuWish('agent', {}, profile.agent.cpu, milliCpu(50)) },
  ];
}

/** Four networks of 254 addresses out of the site's 1024. */
function networksOf(first: string): Plan['network'] {
  const [a = 10, b = 0, c = 0] = first.split('.').map(Number);
  const subnet = (index: number) => `${a}.${b}.${c + index}.0/24`;
  return { edge: subnet(0), app: subnet(1), data: subnet(2), egress: subnet(3) };
}

const secretsOf = (spec: StackSpec): readonly PlannedSecret[] => [
  ...spec.databases.flatMap(({ name, database }) => [{ name: `${name}-admin`, length: 32, purpose: `superuser postgres of ${name}` }, { name: `${name}-app`, length: 32, purpose: `account ${database} of ${name}` }]),
  ...spec.caches.map(({ name }) => ({ name: `${name}-app`, length: 32, purpose: `account app of ${name}` })),
  ...spec.stores.flatMap(({ name }) => [{ name: `${name}-root`, length: 32, purpose: `administrator berth-root of ${name}` }, { name: `${name}-app`, length: 32, purpose: `account ${accountOf(spec)} of ${name}` }]),
];

const filesOf = (spec: StackSpec): readonly SecretFile[] => {
  const plain = (name: string): SecretFile => ({ name, text: [{ secret: name, form: 'plain' }], of: [name] });
  return [
    ...spec.databases.flatMap(({ name, database }): SecretFile[] => [plain(`${name}-admin`), { name: `${name}-verifier`, text: [{ secret: `${name}-app`, form: 'scram-sha-256', account: database }], of: [`${name}-app`] }]),
    // Valkey knows passwords by their hash: the file that lists its accounts holds none.
    ...spec.caches.map(({ name }): SecretFile => ({ name: `${name}-acl`, of: [`${name}-app`], text: ['user default on nopass resetkeys resetchannels -@all +ping\nuser app on #', { secret: `${name}-app`, form: 'sha256' }, ' ~* &* +@all -@admin -@dangerous +info +keys +flushdb\n'] })),
    ...spec.stores.flatMap(({ name }) => [plain(`${name}-root`), plain(`${name}-app`)]),
  ];
};

/** Which catalogue images a plan uses, and who uses them. */
function imagesOf(services: readonly PlannedService[], catalogue: ImageCatalogue): Plan['images'] {
  const keys = [...new Set(services.filter((service) => !service.slotted).map((service) => service.image))].sort();
  return keys.map((key) => ({ key, ...lookUp(catalogue, key), usedBy: services.filter((service) => service.image === key).map((service) => service.name) }));
}

function lookUp(catalogue: ImageCatalogue, key: string) {
  const image = catalogue[key];
  if (!image) throw new Error(`images.yaml has no image "${key}"`);
  return image;
}

/**
 * Decide everything: pure, so that it can be printed, compared and tested alone.
 * @throws BerthError `capacity` when the host is too small; `unsupported` when a target or topology has no implementation.
 */
export function makePlan({ spec, profile, images, release: written }: PlanInput): Plan {
  if (spec.target === 'kubernetes') throw new BerthError('unsupported', 'the target kubernetes comes with a later version of Berth', 'use `target: compose` for now; the spec stays the same');
  const demands = demandsOf(spec, profile);
  const fitted = fit(demands, spec.host);
  const sizeOf = (name: string): Size => {
    const [demand, size] = [demands.find((candidate) => candidate.name === name), fitted.sizes.get(name)];
    if (!demand || !size) throw new Error(`nothing was sized for ${name}`);
    return { ...size, pids: demand.pids };
  };
  const release = resolveRelease(written ?? firstRelease(spec), spec, (name) => { const app = spec.services.find((service) => service.name === name); return app ? replicasOf(app, profile) : 1; });
  const containers = demands.reduce((sum, demand) => sum + demand.count, 0);
  const disk = divideDisk(spec, profile, containers);
  const network = networksOf(spec.network);
  const databases = spec.databases.map((database) => planPostgres({ database, spec, profile, size: sizeOf(database.name), disk: disk.of(database.name), clients: network.data }, sizeOf(`${database.name}-accounts`), lookUp(images, 'postgres')));
  const caches = spec.caches.map((cache) => planValkey(cache, spec, profile, sizeOf(cache.name), disk.of(cache.name), lookUp(images, 'valkey')));
  const stores = spec.stores.map((store) => planMinio(store, spec, sizeOf(store.name), disk.of(store.name), sizeOf(`${store.name}-buckets`), lookUp(images, 'minio')));
  const apps = spec.services.map((app) => planApp(app, spec, profile, sizeOf(app.name)));
  // Only tasks are depended on: Compose recreates whatever depends on a service that it recreates, and a database's new setting must not take the application with it.
  // One always-running dependent of every task, so that `up --wait` ends well while no slot is live; not required, so that the edge can show the maintenance page when they fail.
  const afterTasks: Dependency[] = [...databases.map(({ accounts }) => accounts.name), ...stores.map(({ buckets }) => buckets.name)].map((service) => ({ service, condition: 'service_completed_successfully', required: false }));
  const edge = planEdge(spec, profile, sizeOf('edge'), lookUp(images, 'nginx'), afterTasks, network.edge);
  const services = [edge.service, ...apps.map((app) => app.service), ...databases.flatMap((database) => [database.service, database.accounts]), ...caches.map((cache) => cache.service), ...stores.flatMap((store) => [store.service, store.buckets])];
  const usedImages = imagesOf(services, images);
  const decisions: readonly Decision[] = [...fitted.decisions, ...disk.decisions, ...edge.decisions, ...apps.flatMap((app) => app.decisions), ...databases.flatMap((database) => database.decisions), ...caches.flatMap((cache) => cache.decisions), ...stores.flatMap((store) => store.decisions)];
  return {
    name: spec.name, target: spec.target, profile: spec.profile, domain: spec.domain, host: spec.host, network, services, release, decisions, images: usedImages,
    edge: edge.plan, databases: databases.map((database) => database.plan), caches: caches.map((cache) => cache.plan), stores: stores.map((store) => store.plan),
    secrets: [...secretsOf(spec), ...apps.flatMap((app) => app.secrets)], secretFiles: [...filesOf(spec), ...apps.flatMap((app) => app.files)],
    budget: fitted.budget, disk: disk.rows,
    runtime: { version: 1, site: spec.name, target: spec.target, timezone: 'UTC', backups: [],
      services: services.filter((service) => service.kind === 'server').map((service) => ({ name: service.name, role: service.role, ...(service.slotted ? {} : { engine: service.image }), hosts: service.slotted ? slots.map((slot) => `${service.name}-${slot}`) : [service.name], port: service.port ?? 0 })) },
    notes: notesOf({ spec, profile, images: usedImages, scaled: fitted.scaled, describe: `${describeSize(fitted.budget.sum)} of ${describeSize(fitted.budget.host)}`, cpus: spec.host ? describeCpus(spec.host.cpus) : 'any host', uploads: edge.service.tmpfs[0]?.size ?? mib(0) }),
  };
}
