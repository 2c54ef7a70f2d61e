import { offsiteKeyFile, recipientsFolder, signerFile, signersFile, stateFolder, storeKeyFile } from '../../model/backup/site-files.ts';
import { usualSuite } from '../../model/backup/suites.ts';
import type { PlannedService } from '../../model/planned-service.ts';
import type { MiB } from '../../model/units.ts';
import { databaseOf } from './services/agent-database.ts';
import { agentsOf } from './services/copied-databases.ts';
import { databaseElsewhere } from './services/agent-elsewhere.ts';
import { bucketJobs, cacheJobs, volumeJobs } from './services/agent-files.ts';
import { filesAgentIn } from './services/agents.ts';
import { slotServiceOf } from '../../model/kubernetes-spec.ts';
import { slots } from '../../model/release.ts';
import type { BackupJob, BackupsConfig, RuntimeConfig } from '../../model/runtime-config.ts';
import type { BackupPlaceSpec, BackupsSpec } from '../../model/backups-spec.ts';
import type { StackSpec } from '../../model/stack-spec.ts';

/** A folder of some MiB is copied in seconds; a store may be slow, and retries for minutes. */
const timeout = 3600;
/** A database is copied at the speed of its disk or of the store; a terabyte takes hours. */
const databaseTimeout = 24 * 3600;

const job = (kind: 'configuration' | 'secrets', files: BackupsSpec['configuration'], timeZone: string): BackupJob => ({
  // No service has a dot in its name.
  name: `site.${kind}`,
  kind,
  timeZone,
  timeout,
  ...kept(files),
});

const kept = ({ schedule, keep, recipients }: BackupsSpec['configuration']) => ({
  schedule,
  ...(keep === 'forever' ? {} : { keep }),
  ...(recipients === undefined ? {} : { recipients: [...recipients] }),
});

const databaseJobs = (spec: StackSpec, { databases, timeZone }: BackupsSpec, memoryOf: (agent: string) => MiB): readonly BackupJob[] =>
  agentsOf(spec).flatMap((agent) =>
    databases === undefined
      ? []
      : [
          ...agent.databases.map((database) => ({
            name: database.name,
            copied: databaseOf(database, databases, memoryOf(agent.name), spec.internalTls),
          })),
          ...agent.elsewhere.map((database) => ({
            name: database.name,
            copied: databaseElsewhere(database, databases, memoryOf(agent.name), spec.name),
          })),
        ].map(({ name, copied }) => ({
          name,
          kind: agent.engine,
          agent: agent.name,
          timeZone,
          timeout: databaseTimeout,
          ...kept(databases),
          database: copied,
        })),
  );

function filesJobs(spec: StackSpec, { buckets, caches, volumes, timeZone }: BackupsSpec): readonly BackupJob[] {
  const agent = filesAgentIn(spec);
  if (agent === undefined) return [];
  return [
    ...(buckets === undefined ? [] : bucketJobs(agent, buckets, { timeZone, ...kept(buckets) })),
    ...(caches === undefined ? [] : cacheJobs(agent, { timeZone, ...kept(caches) }, spec.internalTls)),
    ...(volumes === undefined ? [] : volumeJobs(agent, { timeZone, ...kept(volumes) })),
  ];
}

/** @param tier - Of a folder; a bucket is one step further away. */
const placeOf = ({ store, lease }: BackupPlaceSpec, tier: number, secretKey: string): BackupsConfig['store'] =>
  'folder' in store
    ? { tier, folder: store.folder, lease }
    : {
        tier: tier + 1,
        bucket: { ...store.bucket, secretKey, ...(store.bucket.ca === undefined ? {} : { ca: store.bucket.ca.replace(/^\.\//, '') }) },
        lease,
      };

function backupsOf(spec: StackSpec, backups: BackupsSpec, memoryOf: (agent: string) => MiB, user: string): BackupsConfig {
  const { timeZone, configuration, secrets, drill, verify, prune } = backups;
  const { offsite } = backups;
  const inContainers = agentsOf(spec).length > 0 || filesAgentIn(spec) !== undefined;
  return {
    store: { ...placeOf(backups, 0, storeKeyFile), ...('folder' in backups.store && inContainers ? { owner: user } : {}) },
    ...(offsite === undefined ? {} : { offsite: { ...placeOf(offsite, 1, offsiteKeyFile), schedule: offsite.schedule, timeZone } }),
    ...(backups.suite === usualSuite ? {} : { suite: backups.suite }),
    recipients: recipientsFolder,
    signer: signerFile,
    signers: signersFile,
    state: stateFolder,
    jobs: [
      job('configuration', configuration, timeZone),
      job('secrets', secrets, timeZone),
      ...databaseJobs(spec, backups, memoryOf),
      ...filesJobs(spec, backups),
    ],
    ...(drill === undefined ? {} : { drill: { every: drill.every } }),
    verify: { schedule: verify, timeZone },
    prune: { schedule: prune, timeZone },
  };
}

/**
 * What the runtime will find at the site, under the names that containers have there, and what it does.
 *
 * @param user - As whom agents run.
 */
export const runtimeOf = (
  spec: StackSpec,
  services: readonly PlannedService[],
  memoryOf: (agent: string) => MiB,
  user: string,
): RuntimeConfig => ({
  version: 1,
  site: spec.name,
  target: spec.target,
  ...(spec.target === 'kubernetes' ? { namespace: spec.kubernetes.namespace } : {}),
  timezone: 'UTC',
  roles: spec.backups === undefined ? [] : ['agent'],
  ...(spec.backups === undefined ? {} : { backups: backupsOf(spec, spec.backups, memoryOf, user) }),
  services: services
    .filter((service) => service.kind === 'server' && service.role !== 'agent')
    .map((service) => ({
      name: service.name,
      role: service.role,
      ...(service.role === 'app' ? {} : { engine: service.image }),
      hosts: service.slotted
        ? slots.map((slot) =>
            spec.target === 'kubernetes' ? slotServiceOf(spec.kubernetes, service.name, slot) : `${service.name}-${slot}`,
          )
        : [service.name],
      ...(service.port === undefined ? {} : { port: service.port }),
    })),
});
