import type { PlannedService } from '../../../model/planned-service.ts';
import type { YamlDocument } from '../write-yaml.ts';
import { networkPolicies } from './network.ts';
import { metaOf, object } from './objects.ts';
import { memory, resourcesOf } from './pod.ts';
import { imageOf, podOf, priorityClassOf } from './scene.ts';
import type { Scene } from './scene.ts';

/** What the operator sets by itself, and refuses to be told. */
const fixed: ReadonlySet<string> = new Set(['wal_level', 'shared_preload_libraries']);

/** Settings as the plan has them. */
const parametersOf = ({ plan }: Scene, service: PlannedService): Readonly<Record<string, string>> =>
  Object.fromEntries(
    (plan.databases.find((database) => database.service === service.name)?.settings ?? [])
      .filter(({ name }) => !fixed.has(name))
      .map(({ name, value }) => [name, value]),
  );

/** Of these the operator has a list of its own. */
const librariesOf = ({ plan }: Scene, service: PlannedService): readonly string[] | undefined =>
  plan.databases
    .find((database) => database.service === service.name)
    ?.settings.find(({ name }) => name === 'shared_preload_libraries')
    ?.value.split(',');

/** Seconds of a stop in which it waits for sessions to end by themselves; they are pools, and never do. */
const patience = 15;

function cluster(scene: Scene, service: PlannedService, operator: NonNullable<PlannedService['operator']>): YamlDocument {
  const { kubernetes } = scene;
  const pod = podOf(scene, service);
  const { superuser, owner } = operator.logins;
  const [uid = 26, gid = uid] = service.user.split(':').map(Number);
  const [volume] = service.volumes;
  return object(
    'postgresql.cnpg.io/v1',
    'Cluster',
    metaOf(scene, service),
    {
      spec: {
        instances: service.replicas,
        imageName: imageOf(scene, service.image),
        imagePullPolicy: 'IfNotPresent',
        imagePullSecrets: kubernetes.pullSecret === undefined ? undefined : [{ name: kubernetes.pullSecret }],
        postgresUID: uid,
        postgresGID: gid,
        bootstrap: {
          initdb: {
            database: operator.database,
            owner: operator.owner,
            secret: { name: owner.secret },
            dataChecksums: true,
            encoding: 'UTF8',
            localeProvider: 'icu',
            icuLocale: 'und',
          },
        },
        enableSuperuserAccess: true,
        superuserSecret: { name: superuser.secret },
        postgresql: { parameters: parametersOf(scene, service), shared_preload_libraries: librariesOf(scene, service) },
        resources: resourcesOf(service.size, pod),
        ephemeralVolumesSizeLimit: service.shm === undefined ? undefined : { shm: memory(service.shm) },
        storage: { size: memory(volume?.size ?? service.size.memory), storageClass: kubernetes.storageClass, resizeInUseVolumes: true },
        affinity: { enablePodAntiAffinity: true, podAntiAffinityType: 'preferred', topologyKey: 'kubernetes.io/hostname' },
        priorityClassName: priorityClassOf(scene, pod.priority),
        primaryUpdateStrategy: 'unsupervised',
        // With a switchover the operator refuses a new image together with new settings, which an upgrade of Berth may bring.
        primaryUpdateMethod: 'restart',
        smartShutdownTimeout: patience,
        stopDelay: patience + pod.grace,
        enablePDB: true,
        monitoring: { enablePodMonitor: false },
      },
    },
    `${service.title}. Its Services are ${service.name}-rw, where it is written to, ${service.name}-ro and ${service.name}-r.`,
  );
}

/** A database that an operator runs: its custom resource, and the way to it. Accounts, Services, budgets and claims are made by the operator. */
export function renderOperated(scene: Scene, service: PlannedService): readonly YamlDocument[] {
  if (!service.operator) throw new Error(`${service.name} has no operator`);
  return [cluster(scene, service, service.operator), ...networkPolicies(scene, service)];
}
