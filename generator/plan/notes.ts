import { sqlserverEditions } from '../../model/engines/sqlserver.ts';
import type { Plan } from '../../model/plan.ts';
import type { HardwareProfile } from '../../model/profile.ts';
import type { StackSpec } from '../../model/stack-spec.ts';
import { agentsOf, isCopied } from './services/agent.ts';
import { leftWithoutImage } from './services/agent-files.ts';
import { filesAgentIn } from './services/agents.ts';
import { isCluster, isReplicated } from './services/cache-members.ts';
import { copiesOf, isSet } from './services/database-engine.ts';
import { exchangeNotes } from './services/sqlserver-exchange.ts';
import type { Topologies } from './topology.ts';
import { describeSize } from '../../model/units.ts';
import type { MiB } from '../../model/units.ts';

interface NoteInput {
  readonly profile: HardwareProfile;
  readonly topologies: Topologies;
  readonly images: Plan['images'];
  readonly scaled: readonly string[];
  /** `9.4 GiB of 16 GiB`. */
  readonly describe: string;
  readonly cpus: string;
  /** What the edge can hold of uploads that the application has not taken yet. */
  readonly uploads: MiB;
}

const topologyName = { 'primary-replica': 'a primary with a replica', 'cluster': 'a cluster', 'single': 'a single node' } as const;

/** What the site holds and no backup does. */
function notCopied(spec: StackSpec): readonly string[] {
  const { buckets: copied = [], caches: copiedCaches = [], volumes: copiedVolumes = [] } = filesAgentIn(spec) ?? {};
  const left = (store: string, buckets: readonly { readonly name: string }[]): readonly string[] =>
    buckets.map(({ name }) => name).filter((name) => !copied.some((one) => one.store === store && one.bucket === name));
  const others = [
    ...spec.databases
      .filter((database) => !isCopied(database, spec))
      .map(({ name, engine, operator }) => `${name} (${engine}${operator === undefined ? '' : `, run by ${operator}`})`),
    ...spec.externals
      .filter(({ name, engine, buckets }) => engine !== 'memcached' && (buckets.length === 0 || left(name, buckets).length > 0))
      .map(({ name }) => `${name} (elsewhere)`),
    ...spec.stores.flatMap(({ name, buckets }) => {
      const others = left(name, buckets);
      return others.length === buckets.length ? [`${name} (objects)`] : others.map((bucket) => `${name}.${bucket} (objects)`);
    }),
    ...spec.caches
      .filter(({ name, use }) => use !== 'cache' && !copiedCaches.some((one) => one.name === name))
      .map(({ name, use }) => `${name} (${use})`),
    ...spec.volumes.filter(({ name }) => !copiedVolumes.some((one) => one.name === name)).map(({ name }) => `${name} (files)`),
  ];
  return others.length === 0 ? [] : [`not in the backups, and yours to copy until a later version does it: ${others.join(', ')}`];
}

/** Files that others may not read stop the copy of their volume, by their names. */
function foreignFiles(spec: StackSpec): readonly string[] {
  const user = spec.backups?.user;
  return (filesAgentIn(spec)?.volumes ?? []).flatMap(({ name }) => {
    const users = new Set(
      spec.services.filter(({ volumes }) => volumes.some((mount) => mount.name === name)).map((service) => service.user),
    );
    const [one] = users;
    return one === undefined || (users.size === 1 && one === user)
      ? []
      : [
          `${name}: a file there that only ${[...users].join(' or ')} may read makes its copy fail, as agents run as ${user ?? 'the user of a database'}; backups.user: "${one}" has them run as its service does`,
        ];
  });
}

function backupNotes(spec: StackSpec, images: NoteInput['images']): readonly string[] {
  const { backups, target, registry, databases, stores, caches } = spec;
  if (backups === undefined)
    return ['nothing is backed up: `backups` in berth.yaml says where copies of the site go; until then they are yours to make'];
  const withoutImage = leftWithoutImage(spec);
  return [
    ...notCopied(spec),
    ...agentsOf(spec).flatMap((agent) => (agent.engine === 'sqlserver' ? exchangeNotes(agent, spec) : [])),
    ...foreignFiles(spec),
    ...(withoutImage.length === 0
      ? []
      : [
          `${withoutImage.join(', ')}: not copied, as this site runs no PostgreSQL, MySQL or MariaDB in whose image that could be done; name one of yours with glibc and libstdc++ under backups.image, such as docker.io/library/debian:trixie-slim`,
        ]),
    ...('folder' in backups.store
      ? [
          ...(agentsOf(spec).length === 0 && filesAgentIn(spec) === undefined
            ? []
            : [
                `before the first \`docker compose up\`: \`berth backup store create\`, which makes ${backups.store.folder}; its agents mount that`,
              ]),
          ...(backups.offsite === undefined
            ? [
                `backups go to ${backups.store.folder} on this host (tier 0): what takes the host takes them too; name a bucket elsewhere, or a second place under backups.offsite`,
              ]
            : []),
        ]
      : []),
    ...(target === 'kubernetes'
      ? [
          'the folder of the site is copied from where it lies, by `berth backup now` or `berth runtime` there',
          ...images
            .filter(({ key }) => key === 'berth')
            .map(
              ({ reference, usedBy }) =>
                `${usedBy.join(', ')} bring${usedBy.length === 1 ? 's' : ''} Berth along in an image of its own: \`docker build -t ${reference} .berth/bin\`, on the architecture of the nodes; ${registry === undefined ? 'push it to a registry that they reach, and name that under images in k8s/site/kustomization.yaml' : 'then push it'}`,
            ),
          ...('folder' in backups.store && databases.length + stores.length + caches.length > 0
            ? [
                `no pod reaches ${backups.store.folder}, a folder of this machine: with a bucket, agents in the cluster copy databases, buckets and caches`,
              ]
            : []),
        ]
      : []),
  ];
}

function clusterNotes({ services, kubernetes, edge, host, domain }: StackSpec): readonly string[] {
  const foreign = kubernetes.expose === 'gateway' || kubernetes.expose === 'ingress';
  const limited = services.flatMap(({ http }) =>
    (http?.routes ?? []).filter(({ rateLimits }) => rateLimits.length > 0).map(({ path }) => path),
  );
  const way = kubernetes.expose === 'gateway' ? 'gateway' : 'ingress controller';
  return [
    ...(domain === 'localhost'
      ? ['the domain is localhost, which is no name of a cluster: set domain to the name that its visitors type, before the first apply']
      : []),
    ...services
      .filter(({ build }) => build !== undefined)
      .map(
        ({ name, image, build }) =>
          `${name} is built from ${build ?? ''}: build ${image} and push it to a registry that the nodes reach, then name that under images in k8s/site/kustomization.yaml`,
      ),
    ...(foreign
      ? [
          `requests come in by the ${way} of the cluster: connection limits${edge.hsts ? ', HSTS' : ''}, body sizes, access log and maintenance page of Berth's edge are not there${limited.length > 0 ? `, nor the rate limits of ${limited.join(', ')}` : ''}`,
        ]
      : []),
    ...(kubernetes.expose === 'ingress'
      ? ['an Ingress cannot divide traffic: all of it goes to the slot with the most weight, at once']
      : []),
    ...(kubernetes.expose === 'hostPort'
      ? [
          `the edge stands in the namespace ${kubernetes.namespace}-edge, where Pod Security is not enforced: ports of the nodes are allowed nowhere else`,
        ]
      : []),
    ...services
      .filter(({ scaling }) => scaling?.queue !== undefined)
      .map(
        ({ name, scaling }) =>
          `${name} is scaled by ${scaling?.queue?.metric ?? ''}: the cluster needs an adapter that serves it as an external metric`,
      ),
    ...(host
      ? [
          'volumes are shares of the disk that the cluster was said to have, and a claim cannot be changed later: fix each by its disk in berth.yaml before you add a service',
        ]
      : []),
    'the network policies hold where the network of the cluster enforces them; `kubectl get networkpolicy` shows them either way',
  ];
}

/** How far what is outside is kept to what was named. */
function limitOf({ target, proxy }: StackSpec, reaches: StackSpec['services'][number]['reaches']): string {
  if (target === 'compose') return 'on one host its way out is open as a whole; a firewall of the host or the proxy keeps it to that';
  const names = reaches.filter(({ host }) => /[a-z]/.test(host) && !host.startsWith('['));
  const byPort =
    names.length > 0 ? `; a policy knows no names, so for ${names.map(({ host }) => host).join(', ')} it holds the port alone` : '';
  return `the network of the cluster keeps it to that${byPort}${proxy ? '; what goes by the proxy is for the proxy to judge' : ''}`;
}

const credentialsOf = ({ target, kubernetes, registry = '' }: StackSpec): string => {
  const host = registry.split('/')[0] ?? '';
  if (target === 'compose') return `\`docker login ${host}\` on this host if it wants credentials`;
  return kubernetes.pullSecret === undefined
    ? 'set kubernetes.pullSecret if it wants credentials'
    : `the Secret ${kubernetes.pullSecret} has its credentials`;
};

/** What a careful reader must know before trusting the site. */
export function notesOf({ profile, topologies, images, scaled, describe, cpus, uploads }: NoteInput): readonly string[] {
  const { spec } = topologies;
  const beyond = (names: readonly string[], topology: keyof typeof topologyName) =>
    topology === 'single'
      ? []
      : names.map(
          (name) =>
            `${name} is single until this version of Berth can set up ${topologyName[topology]}, which profile ${profile.name} asks for`,
        );
  return [
    ...(scaled.length > 0 ? [`scaled down to fit ${cpus} and ${describe} in use: ${scaled.join('; ')}`] : []),
    ...(spec.target === 'kubernetes' ? clusterNotes(spec) : []),
    ...spec.services
      .filter(({ scaling }) => scaling !== undefined && spec.target === 'compose')
      .map(({ name }) => `services.${name}.scaling is not acted on: on one host the number of replicas is fixed`),
    ...(spec.host?.fit === false && spec.target === 'compose'
      ? [`not fitted to a host: these sizes take ${describe.split(' of ')[0]}, and Docker refuses a CPU limit above the host’s CPUs`]
      : []),
    ...beyond(topologies.unable, profile.database.topology.value),
    ...topologies.declined.databases.map(
      ({ name, wished, topology }) =>
        `${name} ${topology === 'single' ? 'is single' : 'has one replica'}: the host is too small for ${wished === 'cluster' ? 'the two replicas' : 'the replica'} that profile ${profile.name} asks for; \`topology: ${wished}\` in berth.yaml says how large it must be`,
    ),
    ...(spec.target === 'compose' ? spec.databases : [])
      .map((database) => ({ name: database.name, copies: copiesOf(database).length, set: isSet(database) }))
      .filter(({ copies }) => copies > 0)
      .map(({ name, copies, set }) =>
        set
          ? `the three members of ${name} stand on one host: that protects from a dead process, and helps nothing when the host dies`
          : `${name} and its ${copies === 1 ? 'replica' : 'replicas'} stand on one host: that protects from a dead process and takes reads off the primary, and helps nothing when the host dies`,
      ),
    ...spec.databases
      .filter(({ pgbouncer }) => pgbouncer !== undefined)
      .map(
        ({ name }) =>
          `${name} is reached through PgBouncer, one transaction at a time: what an application keeps in a session, such as LISTEN, SET, temporary tables and advisory locks beyond a transaction, is lost in between${spec.target === 'compose' ? `; after a replica was made anew, \`docker compose restart ${name}-pgbouncer\`` : ''}`,
      ),
    ...topologies.declined.caches.map(
      (name) =>
        `${name} is single: the host is too small for the three nodes with Sentinel that this version sets up for profile ${profile.name}; \`topology: sentinel\` in berth.yaml says how large it must be`,
    ),
    ...topologies.granted.map(
      (name) =>
        `the three nodes of ${name} begin empty: where it was a single one so far, \`topology: single\` in berth.yaml keeps it, and its data, as they are`,
    ),
    ...topologies.lesser.map(
      (name) =>
        `${name} has three nodes with Sentinel: the cluster of six that profile ${profile.name} asks for is for clients that speak to one; \`client: cluster\` in berth.yaml says that they do`,
    ),
    ...(spec.target === 'compose' ? spec.caches.filter(isReplicated) : []).map(
      (cache) =>
        `the ${isCluster(cache) ? 'six' : 'three'} nodes of ${cache.name} stand on one host: that protects from a dead process, and helps nothing when the host dies`,
    ),
    ...spec.caches
      .filter(({ use }) => use !== 'cache')
      .map(
        ({ name, use }) =>
          `${name} keeps its data (use: ${use}) on disk and saves from a copy of its process: set vm.overcommit_memory=1 on the host, or a save may fail when memory is short`,
      ),
    ...spec.services.flatMap((app) =>
      (app.http?.routes ?? [])
        .filter(({ body, stream }) => !stream && body > uploads)
        .map(
          ({ path, body }) =>
            `${app.name} ${path}: a request may have ${describeSize(body)}, and the edge has ${describeSize(uploads)} to hold it until the application takes it; set stream: true on this route, so that it is handed on as it comes`,
        ),
    ),
    ...spec.services
      .filter(({ reaches, egress }) => reaches.length > 0 && !egress)
      .map(
        ({ name, reaches }) =>
          `${name} may reach ${reaches.map(({ host, port }) => `${host}:${port}`).join(', ')}: ${limitOf(spec, reaches)}`,
      ),
    ...spec.stores.flatMap(({ name, publicHost }) =>
      publicHost === undefined
        ? []
        : [
            `${publicHost} leads visitors to the objects of ${name} by signed addresses: its name has to lead to the edge, as ${spec.domain} does, and a certificate of your own has to be for both`,
          ],
    ),
    ...(spec.registry === undefined
      ? []
      : [
          `images of databases, caches, stores and edge come from ${spec.registry}, under the paths that they have elsewhere: copy them there first, as \`berth images\` lists them, and ${credentialsOf(spec)}`,
        ]),
    ...backupNotes(spec, images),
    ...spec.databases.flatMap(({ name, edition }) => {
      const notice = edition && sqlserverEditions[edition].notice;
      return notice ? [`${name}: ${notice}`] : [];
    }),
    ...images.flatMap(({ reference, notices }) => (notices ?? []).map((notice) => `${reference}: ${notice}`)),
    ...images
      .filter((image) => image.status !== 'supported')
      .map(
        (image) =>
          `${image.reference} is ${image.status}: ${image.note ?? 'no fixes'}${image.replacement ? `; instead: ${image.replacement}` : ''}`,
      ),
  ];
}
