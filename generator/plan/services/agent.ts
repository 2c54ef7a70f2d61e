import { agentPlaces, agentProgram, recipientsFolder, signerFile, signersFile, storeKeyFile } from '../../../model/backup/site-files.ts';
import { postgres } from '../../../model/engines/postgres.ts';
import type { PlannedService, Size } from '../../../model/plan.ts';
import type { BackupsConfig, RuntimeConfig } from '../../../model/runtime-config.ts';
import type { BackupsSpec, DatabaseSpec, StackSpec } from '../../../model/stack-spec.ts';
import { mib, seconds } from '../../../model/units.ts';
import type { MiB } from '../../../model/units.ts';
import { hostsOf } from './database-engine.ts';

/** The service that copies the databases, and the room that is kept for it. */
export const agentName = 'agent';

/** The agent's own folder: open to every user in the official image, so a new volume there is as well. */
const own = postgres.volumeFolder;

/** Below what the runtime itself and the programs that copy need, and what a server needs beside its shared memory. */
const besideScratch = 384;
const leastScratch = 64;

/** Databases that are copied while they run. */
export const copiedDatabases = ({ backups, target, databases }: StackSpec): readonly DatabaseSpec[] =>
  backups?.databases === undefined || target === 'kubernetes'
    ? []
    : databases.filter(({ engine, operator }) => engine === 'postgres' && operator === undefined);

/** The secret, and the file, that the agent logs in to a database with. */
export const backupSecret = (database: string): string => `${database}-backup`;

const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** As the agent reads it: the jobs that are its own, and everything under the path that it has in the container. */
export function agentConfig(site: RuntimeConfig & { readonly backups: BackupsConfig }): RuntimeConfig {
  // The second copy is the business of the runtime on the host.
  const { offsite: _offsite, ...backups } = site.backups;
  const { bucket } = backups.store;
  return {
    ...site,
    services: [],
    backups: {
      ...backups,
      store: {
        ...backups.store,
        ...(bucket === undefined
          ? {}
          : {
              bucket: {
                ...bucket,
                secretKey: `${agentPlaces.keys}/${nameOf(storeKeyFile)}`,
                ...(bucket.ca === undefined ? {} : { ca: agentPlaces.authority }),
              },
            }),
      },
      recipients: `${agentPlaces.backup}/${nameOf(recipientsFolder)}`,
      signer: `${agentPlaces.keys}/${nameOf(signerFile)}`,
      signers: `${agentPlaces.backup}/${nameOf(signersFile)}`,
      state: `${own}/state`,
      identity: `${own}/identity.key`,
      jobs: backups.jobs.filter(({ agent }) => agent === agentName).map(({ agent: _agent, ...job }) => job),
    },
  };
}

/** MiB of the container that the server of a restore may take. */
const scratchMemory = (memory: MiB): number => Math.max(leastScratch, Math.floor((memory - besideScratch) * 0.9));

/** How a database is reached from the container of the agent. */
export const databaseOf = (
  database: DatabaseSpec,
  { prove, rpo }: Pick<NonNullable<BackupsSpec['databases']>, 'prove' | 'rpo'>,
  memory: MiB,
) => ({
  host: hostsOf(database).writer,
  port: postgres.port,
  user: postgres.backup.account,
  password: `/run/secrets/${backupSecret(database.name)}`,
  folder: `${own}/${database.name}`,
  memory: scratchMemory(memory),
  prove,
  rpo,
});

const minutes = 2;
/** It says so itself twice a minute, as the runtime has no port. */
const alive = ['/bin/sh', '-c', `test -n "$(find ${own}/state/alive -mmin -${minutes})"`] as const;

/**
 * What copies the databases: Berth itself in the image of the database, so that client, server and the server in which restores are tried are of one version.
 * It speaks to the database over the network alone, and has nothing of its volume.
 */
export function planAgent(
  copied: readonly DatabaseSpec[],
  backups: BackupsSpec,
  size: Size,
  disk: MiB,
  image: { readonly user: string },
): PlannedService {
  const names = copied.map(({ name }) => name);
  const ca = 'bucket' in backups.store ? backups.store.bucket.ca : undefined;
  return {
    name: agentName,
    role: 'agent',
    title: `copies ${names.join(', ')} while it runs, ships its log, and restores what it copied into a server of its own to prove it`,
    kind: 'server',
    image: 'postgres',
    slotted: false,
    replicas: 1,
    size,
    user: backups.user ?? image.user,
    entrypoint: [...agentProgram, 'runtime', '--config', `${agentPlaces.config}/runtime.yaml`],
    env: { HOME: '/tmp' },
    secretEnv: {},
    secretFiles: names.map(backupSecret),
    mounts: [
      { source: '.berth/bin', target: agentPlaces.program, restarts: false, from: 'berth' },
      // It sees by itself when its configuration changes.
      { source: `config/${agentName}`, target: agentPlaces.config, restarts: false },
      { source: 'backup', target: agentPlaces.backup, restarts: false },
      { source: 'secrets/backup', target: agentPlaces.keys, restarts: false },
      ...(ca === undefined
        ? []
        : [{ source: ca.replace(/^\.\//, ''), target: agentPlaces.authority, restarts: false, from: 'operator' } as const]),
      ...('folder' in backups.store
        ? [{ source: backups.store.folder, target: backups.store.folder, restarts: false, from: 'host' } as const]
        : []),
    ],
    volumes: [{ name: `${agentName}-data`, target: own, size: disk, holds: 'log on its way, and restores that are tried' }],
    tmpfs: [{ path: '/tmp', size: mib(32), mode: '1777' }],
    ports: [],
    healthcheck: { argv: alive, interval: seconds(5), timeout: seconds(5), retries: 6, startPeriod: seconds(60) },
    connects: names.map((service) => ({ service, port: postgres.port })),
    gates: [],
    // What is at work may end; a copy that is cut off is made again.
    stopGrace: seconds(150),
    networks: 'bucket' in backups.store ? ['data', 'egress'] : ['data'],
    ...('bucket' in backups.store ? { egress: true } : {}),
    after: names.map((name) => ({ service: `${name}-accounts`, condition: 'service_completed_successfully', required: true })),
  };
}
