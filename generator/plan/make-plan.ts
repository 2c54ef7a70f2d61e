import type { ImageCatalogue } from '../../model/image-catalogue.ts';
import type { Dependency, Size } from '../../model/planned-service.ts';
import type { WrittenClaim } from '../../model/kubernetes-plan.ts';
import type { Plan } from '../../model/plan.ts';
import type { HardwareProfile } from '../../model/profile.ts';
import type { WrittenRelease } from '../../model/release.ts';
import type { DatabaseSpec } from '../../model/database-spec.ts';
import type { StackSpec } from '../../model/stack-spec.ts';
import { describeCpus, describeSize, mib } from '../../model/units.ts';
import { replicasOf } from './connections.ts';
import { containersOf, demandsOf } from './demands.ts';
import { divideDisk } from './disk.ts';
import { taskSize } from './demand.ts';
import { fit } from './fit.ts';
import { outsidePlaces } from './outside-places.ts';
import { planKubernetes } from './kubernetes.ts';
import { networksOf } from './networks.ts';
import { notesOf } from './notes.ts';
import { firstRelease, imageOf, resolveRelease } from './resolve-release.ts';
import { runtimeOf } from './runtime.ts';
import { secretFilesOf, secretsOf } from './secrets.ts';
import { plansElsewhere } from './services/agent-elsewhere.ts';
import { planAgent } from './services/agent.ts';
import { agentConfig } from './services/agent-config.ts';
import { agentsOf } from './services/copied-databases.ts';
import { takesRestored } from './services/takes-restored.ts';
import { filesAgentDecisions, planFilesAgent, takesRestoredCopy } from './services/agent-files.ts';
import { filesAgentIn } from './services/agents.ts';
import { planApp } from './services/app.ts';
import { databaseEngines } from './services/databases.ts';
import { hasEdge, planEdge } from './services/edge.ts';
import { serversOf, tlsFilesOf } from './services/internal-tls.ts';
import { planRelay } from './services/relay.ts';
import { planScalers } from './services/scaler.ts';
import { storeEngines } from './services/stores.ts';
import { hasLists } from './services/surroundings.ts';
import { exchangeName } from './services/exchange.ts';
import { planExchange } from './services/sqlserver-exchange.ts';
import { planVolume } from './services/volumes.ts';
import { waysOf } from './services/ways.ts';
import { planCache } from './services/cache.ts';
import { chooseTopologies } from './topology.ts';
import { lookUp, usedImages } from './used-images.ts';

/** Everything a plan is made of; the same four values give the same plan anywhere. */
export interface PlanInput {
  readonly spec: StackSpec;
  readonly profile: HardwareProfile;
  readonly images: ImageCatalogue;
  /** `undefined` before there is a release.yaml: every service then stands in its blue slot. */
  readonly release: WrittenRelease | undefined;
  /** The claims that were written before, what nobody asked otherwise stays as it is. */
  readonly claims?: readonly WrittenClaim[];
}

/**
 * Decide everything: pure, so that it can be printed, compared and tested alone.
 * @throws BerthError `capacity` when the host is too small; `conflict` for a claim that would get smaller; `unsupported` when a target cannot do what the spec asks for.
 */
export function makePlan({ spec: asked, profile, images, release: written, claims }: PlanInput): Plan {
  const topologies = chooseTopologies(asked, profile);
  const { spec } = topologies;
  const demands = demandsOf(spec, profile);
  const fitted = fit(demands, spec.host);
  const sizeOf = (name: string): Size => {
    const [demand, size] = [demands.find((candidate) => candidate.name === name), fitted.sizes.get(name)];
    if (!demand || !size) throw new Error(`nothing was sized for ${name}`);
    return { ...size, pids: demand.pids };
  };
  const release = resolveRelease(written ?? firstRelease(spec), spec, (name) => {
    const app = spec.services.find((service) => service.name === name);
    return app ? replicasOf(app, profile) : 1;
  });
  const disk = divideDisk(spec, profile, containersOf(demands), claims);
  const ways = hasLists(spec) ? waysOf(spec, profile) : [];
  const network = networksOf(spec.network, ways);
  const databases = spec.databases.map((database) => {
    const engine = databaseEngines[database.engine];
    const [size, room] = [sizeOf(database.name), disk.of(database.name)];
    const subnet = spec.target === 'kubernetes' ? undefined : network.data;
    const task = sizeOf(`${database.name}-accounts`);
    return engine.plan(
      { database, spec, profile, size, disk: room, subnet, sizeOf, imageOf: (key) => lookUp(images, key) },
      task,
      lookUp(images, engine.image),
    );
  });
  const userOf = (image: string): string => lookUp(images, image).user;
  const caches = spec.caches.map((cache) => planCache({ cache, spec, profile, sizeOf, diskOf: disk.of, userOf }));
  const filesAgent = filesAgentIn(spec);
  const stores = spec.stores.map((store) => {
    const engine = storeEngines[store.engine];
    return engine.plan({
      store,
      spec,
      size: sizeOf(store.name),
      disk: disk.of(store.name),
      task: sizeOf(`${store.name}-buckets`),
      image: lookUp(images, engine.image),
      copied: filesAgent?.buckets.flatMap((one) => (one.store === store.name ? [one.bucket] : [])) ?? [],
    });
  });
  const volumes = spec.volumes.map((volume) =>
    planVolume(volume, spec, profile, disk.of(volume.name), () => sizeOf(`${volume.name}-volume`)),
  );
  const forGates = { task: taskSize, userOf };
  const apps = spec.services.map((app) =>
    planApp(
      app,
      spec,
      profile,
      {
        size: sizeOf(app.name),
        image: imageOf(app, release),
        way: ways.find(({ service }) => service === app.name),
        release: release.get(app.name) ?? [],
      },
      forGates,
    ),
  );
  // Only tasks are depended on: Compose recreates whatever depends on a service that it recreates, and a database's new setting must not take the application with it.
  // One always-running dependent of every task, so that `up --wait` ends well while no slot is live; not required, so that the edge can show the maintenance page when they fail.
  const afterTasks: Dependency[] = [
    ...databases.map(({ accounts }) => accounts.name),
    ...stores.map(({ buckets }) => buckets.name),
    ...volumes.flatMap(({ task }) => (task ? [task.name] : [])),
  ].map((service) => ({ service, condition: 'service_completed_successfully', required: false }));
  const agents = agentsOf(spec);
  const exchanges = agents
    .filter(({ engine }) => engine === 'sqlserver')
    .map(({ databases: served }) =>
      planExchange(
        served.map(({ name }) => name),
        spec,
        disk.of(exchangeName),
      ),
    );
  const sharedVolumes = [...volumes, ...exchanges].map(({ volume }) => volume);
  // Of all, as they share the folder that they write to. A SQL Server writes files that its own user alone may read.
  const readsFiles = agents.find(({ engine }) => engine === 'sqlserver');
  const agentUser = spec.backups?.user ?? userOf((readsFiles ?? agents[0])?.engine ?? 'postgres');
  const ownEdge = hasEdge(spec);
  const edge = planEdge(spec, profile, ownEdge ? sizeOf('edge') : taskSize, lookUp(images, 'nginx'), afterTasks, network.edge);
  const relay = ways.length > 0 ? planRelay(ways, sizeOf('egress'), lookUp(images, 'nginx')) : undefined;
  const services = [
    ...(ownEdge ? [edge.service] : []),
    ...(relay ? [relay.service] : []),
    ...apps.flatMap((app) => (app.migrate ? [app.migrate.task, app.service] : [app.service])),
    ...spec.services.flatMap((app) => planScalers(app, spec, taskSize, lookUp(images, 'nginx'))),
    ...databases.flatMap((database, index) => [
      {
        ...database.service,
        gates: [...database.service.gates, ...takesRestored(spec.databases[index] as DatabaseSpec, spec, database.service.user)],
      },
      ...(database.replicas ?? []),
      database.accounts,
      ...(database.beside ?? []),
    ]),
    ...caches.flatMap((cache) =>
      cache.services.map((service) =>
        filesAgent ? { ...service, gates: [...service.gates, ...takesRestoredCopy(filesAgent, service, spec)] } : service,
      ),
    ),
    ...stores.flatMap((store) => [store.service, store.buckets]),
    ...volumes.flatMap(({ task }) => (task ? [task] : [])),
    ...agents.flatMap((agent) =>
      spec.backups ? [planAgent(agent, spec.backups, sizeOf(agent.name), disk.of(agent.name), agentUser, spec)] : [],
    ),
    ...(filesAgent && spec.backups
      ? [planFilesAgent(filesAgent, { ...spec, backups: spec.backups }, sizeOf(filesAgent.name), disk.of(filesAgent.name), agentUser)]
      : []),
  ];
  const runtime = runtimeOf(spec, services, (agent) => sizeOf(agent).memory, agentUser);
  const imagesInUse = usedImages(services, images);
  const kubernetes = spec.target === 'kubernetes' ? planKubernetes(spec, services, sharedVolumes, fitted, disk.left) : undefined;
  const decisions = [
    fitted,
    disk,
    ...(ownEdge ? [edge] : []),
    ...(relay ? [relay] : []),
    ...(kubernetes ? [kubernetes] : []),
    ...apps,
    ...databases,
    ...caches,
    ...stores,
    ...volumes,
    ...exchanges,
  ]
    .flatMap((part) => part.decisions)
    .concat(filesAgent ? filesAgentDecisions(filesAgent, sizeOf(filesAgent.name)) : []);
  return {
    name: spec.name,
    target: spec.target,
    profile: spec.profile,
    domain: spec.domain,
    host: spec.host,
    network,
    services,
    release: new Map([...release, ...apps.flatMap(({ migrate }) => (migrate ? [[migrate.task.name, migrate.release] as const] : []))]),
    decisions,
    images: imagesInUse,
    edge: edge.plan,
    ...(relay ? { relay: relay.plan } : {}),
    databases: databases.map((database) => database.plan),
    caches: caches.map((cache) => cache.plan),
    stores: stores.map((store) => store.plan),
    volumes: sharedVolumes,
    trust: spec.trust.flatMap(({ name, certificates }) => certificates.map((pem) => `# ${name}\n${pem}`)).join(''),
    ...(spec.registry === undefined ? {} : { registry: spec.registry }),
    servers: serversOf(spec),
    secrets: [...secretsOf(spec), ...apps.flatMap((app) => app.secrets)],
    secretFiles: [...secretFilesOf(spec), ...tlsFilesOf(spec), ...apps.flatMap((app) => app.files)],
    budget: fitted.budget,
    disk: disk.rows,
    runtime,
    agents: [...agents, ...(filesAgent ? [filesAgent] : [])].flatMap((agent) => {
      const { backups } = runtime;
      return backups ? [{ service: agent.name, config: agentConfig({ ...runtime, backups }, agent) }] : [];
    }),
    outside: outsidePlaces(spec),
    ...(agents.some(({ elsewhere }) => elsewhere.length > 0) ? { elsewhere: plansElsewhere(agents, spec.name) } : {}),
    ...(spec.backups?.drill === undefined
      ? {}
      : {
          drill: {
            cron: spec.backups.drill.schedule,
            timeZone: spec.backups.timeZone,
            key: spec.backups.drill.key,
            every: spec.backups.drill.every,
            tight: spec.backups.drill.tight,
          },
        }),
    ...(kubernetes ? { kubernetes: kubernetes.plan } : {}),
    notes: [
      ...disk.notes,
      ...notesOf({
        topologies,
        profile,
        services,
        images: imagesInUse,
        scaled: fitted.scaled,
        describe: `${describeSize(fitted.budget.sum)} of ${describeSize(fitted.budget.host)}`,
        cpus: spec.host ? describeCpus(spec.host.cpus) : 'any host',
        uploads: edge.service.tmpfs[0]?.size ?? mib(0),
      }),
    ],
  };
}
