import type { DatabaseEngineName, DatabaseOperator } from './database-spec.ts';
import type { MiB } from './units.ts';
import type { EngineSetting } from './engine-setting.ts';

export interface DatabasePlan {
  readonly service: string;
  /** It takes no connection from elsewhere without TLS. */
  readonly tls?: true;
  readonly engine: DatabaseEngineName;
  readonly database: string;
  readonly account: string;
  /** Of PostgreSQL: a member of the account, which the application uses in turn with it. */
  readonly secondLogin?: string;
  readonly settings: readonly EngineSetting[];
  /** Addresses that may log in, as the engine writes them: a subnet, or all of them where only the network knows them. */
  readonly clients: string;
  readonly replicas: readonly ReplicaPlan[];
  /** Whether an agent logs in to copy it. */
  readonly backedUp?: true;
  /** Who runs it in place of Berth's own workload. */
  readonly operator?: DatabaseOperator;
  /** Of PostgreSQL: the pool of connections before it. */
  readonly pooler?: PoolerPlan;
  /** Of PostgreSQL: what the accounts one-shot creates in the database. */
  readonly extensions?: readonly string[];
  /** Most that its binary logs may take of its disk, where no setting of the server says so. */
  readonly logBound?: MiB;
  /** Of MongoDB: host and port of each member, under which its replica set tells clients of it; the first begins the set. */
  readonly members?: readonly string[];
}

/** A server that follows the primary and answers what only reads. */
export interface ReplicaPlan {
  readonly service: string;
  /** Of PostgreSQL: what its way to the primary has beside address and account, as it follows them. */
  readonly reached?: string;
  /** For long queries of a few services alone. */
  readonly analytics?: true;
  /** Of PostgreSQL: by it the primary knows which log is still needed. */
  readonly slot?: string;
  /** Of MySQL and MariaDB, by which they tell each other apart. */
  readonly serverId?: number;
  readonly settings: readonly EngineSetting[];
}

/** What hands on the connections of applications. */
export interface PoolerPlan {
  readonly service: string;
  /** It speaks TLS to both sides. */
  readonly tls?: true;
  readonly settings: readonly EngineSetting[];
  readonly usersFile: string;
  /** Whose address it must not miss: without it nothing is written. */
  readonly primary: string;
  /** Under which name clients ask for which server. */
  readonly targets: readonly { readonly name: string; readonly host: string; readonly port: number; readonly database: string }[];
}
