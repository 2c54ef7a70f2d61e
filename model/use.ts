/** One connection of an application to a database, cache or store of the stack. */
export interface Use {
  readonly service: string;
  /** Of `analytics` the service is the database that the replica for analytics copies. */
  readonly kind: 'database' | 'cache' | 'store' | 'analytics';
  /** The variable that carries the address; for a store the prefix. */
  readonly variable: string;
}

/** The variable beside it that carries the address for reading: `DATABASE_URL` → `DATABASE_READ_URL`. */
export const readVariableOf = (variable: string): string =>
  `${variable.replace(/_URL$/, '')}_READ${variable.endsWith('_URL') ? '_URL' : ''}`;

/** Beside or instead of the one variable of a cache, for clients that ask its Sentinels: `REDIS_URL` → `REDIS_SENTINELS` and the rest. */
export const sentinelVariablesOf = (variable: string): Readonly<Record<'sentinels' | 'master' | 'username' | 'password', string>> => {
  const prefix = variable.replace(/_URL$/, '');
  return {
    sentinels: `${prefix}_SENTINELS`,
    master: `${prefix}_SENTINEL_MASTER`,
    username: `${prefix}_USERNAME`,
    password: `${prefix}_PASSWORD`,
  };
};

/** Instead of the one variable of a cache, for clients that speak to a cluster of nodes: `REDIS_URL` → `REDIS_CLUSTER_NODES` and the rest. */
export const clusterVariablesOf = (variable: string): Readonly<Record<'nodes' | 'username' | 'password', string>> => {
  const { username, password } = sentinelVariablesOf(variable);
  return { nodes: `${variable.replace(/_URL$/, '')}_CLUSTER_NODES`, username, password };
};

/** Beside those, where they are reached by TLS alone: no URL could say it. */
export const cacheTlsVariablesOf = (variable: string): Readonly<Record<'tls' | 'ca', string>> => {
  const prefix = variable.replace(/_URL$/, '');
  return { tls: `${prefix}_TLS`, ca: `${prefix}_CA` };
};

/** Of a database whose drivers have no common word for it in a URL. */
export const databaseTlsVariablesOf = (variable: string): Readonly<Record<'tls' | 'ca', string>> => ({
  tls: `${variable}_TLS`,
  ca: `${variable}_CA`,
});
