import { offsiteKeyFile, recipientsFolder, signerFile, signersFile, stateFolder, storeKeyFile } from '../../model/backup/site-files.ts';
import type { PlannedService } from '../../model/plan.ts';
import type { MiB } from '../../model/units.ts';
import { agentName, copiedDatabases, databaseOf } from './services/agent.ts';
import { slots } from '../../model/release.ts';
import type { BackupJob, BackupsConfig, RuntimeConfig } from '../../model/runtime-config.ts';
import type { BackupPlaceSpec, BackupsSpec, StackSpec } from '../../model/stack-spec.ts';

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

const databaseJobs = (spec: StackSpec, { databases, timeZone }: BackupsSpec, memory: MiB): readonly BackupJob[] =>
  copiedDatabases(spec).flatMap((database) =>
    databases === undefined
      ? []
      : [
          {
            name: database.name,
            kind: 'postgres',
            agent: agentName,
            timeZone,
            timeout: databaseTimeout,
            ...kept(databases),
            database: databaseOf(database, databases, memory),
          },
        ],
  );

/** What was decided for the agent of the databases, or for the room that is kept for it. */
interface AgentFacts {
  readonly memory: MiB;
  /** As whom it runs. */
  readonly user: string;
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

function backupsOf(spec: StackSpec, backups: BackupsSpec, { memory, user }: AgentFacts): BackupsConfig {
  const { timeZone, configuration, secrets, verify, prune } = backups;
  const { offsite } = backups;
  return {
    store: {
      ...placeOf(backups, 0, storeKeyFile),
      ...('folder' in backups.store && copiedDatabases(spec).length > 0 ? { owner: backups.user ?? user } : {}),
    },
    ...(offsite === undefined ? {} : { offsite: { ...placeOf(offsite, 1, offsiteKeyFile), schedule: offsite.schedule, timeZone } }),
    recipients: recipientsFolder,
    signer: signerFile,
    signers: signersFile,
    state: stateFolder,
    jobs: [job('configuration', configuration, timeZone), job('secrets', secrets, timeZone), ...databaseJobs(spec, backups, memory)],
    verify: { schedule: verify, timeZone },
    prune: { schedule: prune, timeZone },
  };
}

/** What the runtime will find at the site, under the names that containers have there, and what it does. */
export const runtimeOf = (spec: StackSpec, services: readonly PlannedService[], agent: AgentFacts): RuntimeConfig => ({
  version: 1,
  site: spec.name,
  target: spec.target,
  timezone: 'UTC',
  roles: spec.backups === undefined ? [] : ['agent'],
  ...(spec.backups === undefined ? {} : { backups: backupsOf(spec, spec.backups, agent) }),
  services: services
    .filter((service) => service.kind === 'server' && service.role !== 'agent')
    .map((service) => ({
      name: service.name,
      role: service.role,
      ...(service.role === 'app' ? {} : { engine: service.image }),
      hosts: service.slotted ? slots.map((slot) => `${service.name}-${slot}`) : [service.name],
      ...(service.port === undefined ? {} : { port: service.port }),
    })),
});
