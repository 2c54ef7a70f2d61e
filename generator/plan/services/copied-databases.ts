import { enginesElsewhere, type CopiedEngine } from '../../../model/backup/copied-engines.ts';
import type { DatabaseEngineName, DatabaseSpec } from '../../../model/database-spec.ts';
import { mongodb } from '../../../model/engines/mongodb.ts';
import { mysqlFamily } from '../../../model/engines/mysql-family.ts';
import { postgres } from '../../../model/engines/postgres.ts';
import { sqlserver } from '../../../model/engines/sqlserver.ts';
import type { ExternalBackupSpec, ExternalSpec } from '../../../model/external-spec.ts';
import type { PlannedService } from '../../../model/planned-service.ts';
import type { StackSpec } from '../../../model/stack-spec.ts';
import type { AgentPlace } from './agent-container.ts';

/** The service that copies the databases of an engine. One more database of another engine renames none. */
const nameOfAgent = (engine: DatabaseEngineName): string => `agent-${engine}`;

/** How an engine is copied. */
export interface Copying {
  /** The agent's own folder: open to every user in the official image, so a new volume there is as well. */
  readonly own: string;
  readonly port: number;
  readonly account: string;
  /** Folders that the image declares as volumes: where the agent needs one for nothing, it would get it on disk. */
  readonly unused: readonly { readonly volumeFolder: string }[];
  /** What its server asks for, wherever it runs. */
  readonly loosened?: NonNullable<PlannedService['loosened']>;
  readonly imageGroup?: number;
}

const family = { own: mysqlFamily.agentFolder, port: mysqlFamily.port, account: mysqlFamily.backup.account, unused: [mysqlFamily] };
export const copying = {
  postgres: { own: postgres.volumeFolder, port: postgres.port, account: postgres.backup.account, unused: [] },
  mysql: family,
  mariadb: family,
  mongodb: {
    own: mongodb.agentFolder,
    port: mongodb.port,
    account: mongodb.backup.account,
    unused: [mongodb, { volumeFolder: mongodb.declaredFolder }],
  },
  // Its server keeps a folder of the system there, wherever its data lie; the image gives it to the user that it runs as.
  sqlserver: {
    own: sqlserver.volumeFolder,
    port: sqlserver.port,
    account: sqlserver.backup.account,
    unused: [],
    loosened: sqlserver.loosened,
    imageGroup: sqlserver.imageGroup,
  },
} as const satisfies Record<CopiedEngine, Copying>;
export type CopiedDatabase = DatabaseSpec & { readonly engine: CopiedEngine };
/** One that is somebody else's. */
export type CopiedElsewhere = ExternalSpec & { readonly engine: (typeof enginesElsewhere)[number]; readonly backup: ExternalBackupSpec };

/** One container, in the image of its databases. */
export interface Agent extends AgentPlace {
  readonly engine: CopiedEngine;
  /** A key of images.yaml, or an image of the operator's. */
  readonly image: string;
  readonly databases: readonly CopiedDatabase[];
  readonly elsewhere: readonly CopiedElsewhere[];
}

const canBeCopied = (database: DatabaseSpec): database is CopiedDatabase =>
  Object.hasOwn(copying, database.engine) && database.operator === undefined;

/** Whether a container of the site reaches the store of the backups: a folder of this machine is none of the nodes. */
export const reachesStore = ({ backups, target }: StackSpec): boolean =>
  backups !== undefined && (target === 'compose' || 'bucket' in backups.store);

/** Databases that are copied while they run. */
export const copiedDatabases = (spec: StackSpec): readonly CopiedDatabase[] =>
  spec.backups?.databases === undefined || !reachesStore(spec) ? [] : spec.databases.filter(canBeCopied);

export const isCopied = (database: DatabaseSpec, spec: StackSpec): boolean =>
  copiedDatabases(spec).some(({ name }) => name === database.name);

const isCopiedElsewhere = (external: ExternalSpec): external is CopiedElsewhere =>
  external.kind === 'database' && typeof external.backup === 'object' && enginesElsewhere.some((name) => name === external.engine);
/** Databases that stand elsewhere, and are copied all the same. */
export const copiedElsewhere = (spec: StackSpec): readonly CopiedElsewhere[] =>
  spec.backups?.databases === undefined || !reachesStore(spec) ? [] : spec.externals.filter(isCopiedElsewhere);

/** One for each engine: client, server and the server in which restores are tried are of one image. What stands elsewhere in another version has one of its own. */
export function agentsOf(spec: StackSpec): readonly Agent[] {
  const agents = new Map<string, Agent>();
  const agentFor = (name: string, engine: CopiedEngine, image: string): Agent =>
    agents.get(name) ?? { name, own: copying[engine].own, engine, image, databases: [], elsewhere: [] };
  for (const database of copiedDatabases(spec)) {
    const agent = agentFor(nameOfAgent(database.engine), database.engine, database.engine);
    agents.set(agent.name, { ...agent, databases: [...agent.databases, database] });
  }
  for (const database of copiedElsewhere(spec)) {
    const { engine, name, backup } = database;
    const agent = agentFor(backup.image === undefined ? nameOfAgent(engine) : `agent-${name}`, engine, backup.image ?? engine);
    agents.set(agent.name, { ...agent, elsewhere: [...agent.elsewhere, database] });
  }
  return [...agents.values()];
}

/** The secret, and the file, that the agent logs in to a database with. */
export const backupSecret = (database: string): string => `${database}-backup`;
