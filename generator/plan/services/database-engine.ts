import type { Runtime } from '../../../model/engines/runtimes.ts';
import type { DatabasePlan } from '../../../model/database-plan.ts';
import type { Decision } from '../../../model/decision.ts';
import type { Gate, PlannedService, Size } from '../../../model/planned-service.ts';
import type { PlannedSecret, SecretFile, SecretText } from '../../../model/planned-secret.ts';
import type { HardwareProfile } from '../../../model/profile.ts';
import type { DatabaseSpec, DatabaseTopology } from '../../../model/database-spec.ts';
import type { ExternalSpec } from '../../../model/external-spec.ts';
import type { StackSpec } from '../../../model/stack-spec.ts';
import type { MiB } from '../../../model/units.ts';
import type { Demand } from '../demand.ts';

/** What one database is planned from. */
export interface DatabaseInput {
  readonly database: DatabaseSpec;
  readonly spec: StackSpec;
  readonly profile: HardwareProfile;
  readonly size: Size;
  readonly disk: MiB;
  /** An image of images.yaml, by its key. */
  readonly imageOf: (key: string) => { readonly user: string };
  /** What was decided for a service beside it. */
  readonly sizeOf: (name: string) => Size;
  /** Addresses of the network that applications and databases share; nothing where only policies of the cluster know them. */
  readonly subnet: string | undefined;
}

export interface PlannedDatabase {
  readonly service: PlannedService;
  /** The task that creates and reconciles its account. */
  readonly accounts: PlannedService;
  readonly replicas?: readonly PlannedService[];
  /** What else stands beside it. */
  readonly beside?: readonly PlannedService[];
  readonly plan: DatabasePlan;
  readonly decisions: readonly Decision[];
}

/** A server that copies another one and follows it. */
export interface Copy {
  /** Service, volume and folder of it. */
  readonly name: string;
  /** From 1 on, and for ever: slots and numbers of servers are made of it. */
  readonly ordinal: number;
  /** It is for long queries, and has settings of its own for them. */
  readonly analytics?: NonNullable<DatabaseSpec['analytics']>;
}

/** Whether any of its servers may be the one that is written to: the members of a replica set choose it. */
export const isSet = ({ engine, topology }: DatabaseSpec): boolean => engine === 'mongodb' && topology === 'cluster';

const readers: Readonly<Record<DatabaseTopology, number>> = { 'single': 0, 'primary-replica': 1, 'cluster': 2 };

/** The replicas that applications read, and of a replica set all members but the first; the first is called the same however many there are, as its volume is. */
export const readersOf = (database: DatabaseSpec): readonly Copy[] => {
  const { name, topology = 'single' } = database;
  const nameOf = (index: number): string =>
    isSet(database) ? `${name}-member-${index + 2}` : index === 0 ? `${name}-replica` : `${name}-replica-${index + 1}`;
  return Array.from({ length: readers[topology] }, (_, index) => ({ name: nameOf(index), ordinal: index + 1 }));
};

/** The replica for analytics. */
export const analyticsName = (database: string): string => `${database}-analytics`;

/** All that copy a database and follow it. */
export const copiesOf = (database: DatabaseSpec): readonly Copy[] => [
  ...readersOf(database),
  ...(database.analytics ? [{ name: analyticsName(database.name), ordinal: readers.cluster + 1, analytics: database.analytics }] : []),
];

/** Whether something reads in its place. */
export const hasReplica = (database: DatabaseSpec): boolean => readersOf(database).length > 0;
/** The name that leads to any of several replicas. */
const readName = (database: string): string => `${database}-read`;

/** Several that are read are one whole, of which one at a time may be missing. */
export const wholeOf = ({ analytics }: Copy, database: DatabaseSpec): Pick<PlannedService, 'whole' | 'anyOfWhole'> =>
  analytics === undefined && readersOf(database).length > 1 ? { whole: readName(database.name), anyOfWhole: true } : {};

/** What a copy is planned from: it may have a size of its own. */
export const inputOfCopy = (input: DatabaseInput, { name }: Copy): DatabaseInput => ({ ...input, size: input.sizeOf(name) });

/** What a copy is for, after its name. */
export const purposeOf = ({ analytics }: Copy, primary: string): string =>
  analytics === undefined
    ? `replica of ${primary}: copies it whole on an empty volume, then follows its log and answers what only reads`
    : `replica of ${primary} for analytics: copies it whole on an empty volume, then follows its log and answers long queries`;

/** The names under which a database answers: where it is written to, and where it is only read. */
export function hostsOf(database: DatabaseSpec): { readonly writer: string; readonly reader: string } {
  const { name, operator } = database;
  const writer = operator === undefined ? name : `${name}-rw`;
  const [copy, ...more] = readersOf(database);
  // Clients of a set are given all of its members.
  if (copy === undefined || isSet(database)) return { writer, reader: writer };
  // The operator has a name of its own for all that only follow.
  if (operator !== undefined) return { writer, reader: `${name}-ro` };
  return { writer, reader: more.length === 0 ? copy.name : readName(name) };
}

/** The pool of connections before a database. */
export const poolerName = (database: string): string => `${database}-pgbouncer`;
/** What a pool of connections calls the replica. */
export const readerName = ({ database }: DatabaseSpec): string => `${database}_read`;

/** The table, or the collection, in which migrations that have ended well are written down. */
export const migrations = 'berth_migrations';

/** The second of two logins that an application uses in turn, where the engine knows one password for each. */
export const secondLogin = (account: string): string => `${account}_berth`;

/** Where a database answers, and as whom: one of the site, or somebody else's. */
export interface DatabaseAddress {
  /** In the spec, and of its secret. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  /** Of a replica set: host and port of each member. */
  readonly members?: readonly string[];
  /** For what only reads. */
  readonly reading?: true;
  /** Of one that stands elsewhere: its password may hold any character. Those of the site are reached over a network of their own. */
  readonly tls?: ExternalSpec['tls'];
  /** Of one of the site that is reached by TLS alone: the file with those whom to trust. */
  readonly authority?: string;
  /** What the program runs on that is given the address, where words in it depend on that. */
  readonly runtime?: Runtime;
}

/** A client that logs in as the application does. */
export interface DatabaseClient extends Pick<Gate, 'env' | 'secretEnv'> {
  /** A shell command that runs the statements in its first argument, and prints nothing but values. */
  readonly query: string;
}

/** All that the plan asks of an engine. */
export interface DatabaseEngine {
  /** Key of images.yaml. */
  readonly image: string;
  readonly port: number;
  /** What its volume holds, for the table of the disk. */
  readonly holds: string;
  /** What its accounts one-shot and its gates need, where a task's memory is too little. */
  readonly taskMemory?: MiB;
  /** `path` names who fixed its size, where that is not the database itself. */
  readonly demand: (database: DatabaseSpec, spec: StackSpec, profile: HardwareProfile, path?: string) => Demand;
  /** What is sized for the services beside it, each under its name. */
  readonly beside?: (database: DatabaseSpec, spec: StackSpec, profile: HardwareProfile) => readonly Demand[];
  readonly plan: (input: DatabaseInput, task: Size, image: { readonly user: string }) => PlannedDatabase;
  /** The address an application is given, its password included. */
  readonly url: (at: DatabaseAddress) => SecretText;
  /** Not where drivers have no common word in an address for how it is reached by TLS: then variables say it as well. */
  readonly saysTls?: boolean;
  readonly client: (at: DatabaseAddress) => DatabaseClient;
  /** A statement that whoever is let in may make. */
  readonly ping: string;
  /** Statements that write down a version of the schema, and give 1 once it was. */
  readonly record: (version: string) => string;
  readonly recorded: (version: string) => string;
  readonly secrets: (database: DatabaseSpec, backedUp: boolean) => readonly PlannedSecret[];
  /** The same in the forms that the engine and its clients ask for. */
  readonly secretFiles: (database: DatabaseSpec, backedUp: boolean, internalTls: boolean) => readonly SecretFile[];
}
