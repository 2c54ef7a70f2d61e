import { sqlserverEditions } from '../../model/engines/sqlserver.ts';
import type { Plan } from '../../model/plan.ts';
import type { PlannedService } from '../../model/planned-service.ts';
import type { HardwareProfile } from '../../model/profile.ts';
import type { StackSpec } from '../../model/stack-spec.ts';
import { filterNotes } from './filter-notes.ts';
import { loosenedNotes } from './loosened-notes.ts';
import { operationsNotes } from './operations-notes.ts';
import { backupNotes } from './backup-notes.ts';
import { clusterNotes } from './cluster-notes.ts';
import { isCluster, isReplicated } from './services/cache-members.ts';
import { copiesOf, isSet } from './services/database-engine.ts';
import { hasList } from './services/surroundings.ts';
import { limitOnHost } from './services/ways.ts';
import type { Topologies } from './topology.ts';
import { describeSize } from '../../model/units.ts';
import type { MiB } from '../../model/units.ts';

interface NoteInput {
  readonly profile: HardwareProfile;
  readonly topologies: Topologies;
  readonly services: readonly PlannedService[];
  readonly images: Plan['images'];
  readonly scaled: readonly string[];
  /** `9.4 GiB of 16 GiB`. */
  readonly describe: string;
  readonly cpus: string;
  /** What the edge can hold of uploads that the application has not taken yet. */
  readonly uploads: MiB;
}

const topologyName = { 'primary-replica': 'a primary with a replica', 'cluster': 'a cluster', 'single': 'a single node' } as const;

/** How far what is outside is kept to what was named. */
function limitOf(app: StackSpec['services'][number], spec: StackSpec): string {
  const { target, proxy } = spec;
  const { reaches } = app;
  const judged = proxy ? '; what goes by the proxy is for the proxy to judge' : '';
  if (target === 'compose') return `${limitOnHost(app, spec)}${judged}`;
  const names = reaches.filter(({ host }) => /[a-z]/.test(host) && !host.startsWith('['));
  const byPort =
    names.length > 0 ? `; a policy knows no names, so for ${names.map(({ host }) => host).join(', ')} it holds the port alone` : '';
  return `the network of the cluster keeps it to that${byPort}${judged}`;
}

const credentialsOf = ({ target, kubernetes, registry = '' }: StackSpec): string => {
  const host = registry.split('/')[0] ?? '';
  if (target === 'compose') return `\`docker login ${host}\` on this host if it wants credentials`;
  return kubernetes.pullSecret === undefined
    ? 'set kubernetes.pullSecret if it wants credentials'
    : `the Secret ${kubernetes.pullSecret} has its credentials`;
};

/** Whether anybody is told by his address whether he may come in. */
const asksForAddresses = ({ services, edge }: StackSpec): boolean =>
  edge.deny.length > 0 || services.some(({ http }) => http?.routes.some(({ addresses }) => addresses !== undefined));

/** What a careful reader must know before trusting the site. */
export function notesOf({ profile, topologies, services, images, scaled, describe, cpus, uploads }: NoteInput): readonly string[] {
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
      .filter(hasList)
      .map((app) => `${app.name} may reach ${app.reaches.map(({ host, port }) => `${host}:${port}`).join(', ')}: ${limitOf(app, spec)}`),
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
    ...(spec.backups
      ? backupNotes(spec, images)
      : ['nothing is backed up: `backups` in berth.yaml says where copies of the site go; until then they are yours to make']),
    ...(spec.operations ? operationsNotes(spec) : []),
    ...(services.some(({ loosened }) => loosened !== undefined) ? loosenedNotes(services) : []),
    ...(asksForAddresses(spec) ? filterNotes(spec) : []),
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
