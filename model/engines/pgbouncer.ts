/** Facts about PgBouncer. Sources: its documentation of version 1.24 (config, usage) and the Dockerfile of its image. */
export const pgbouncer = {
  title: 'PgBouncer',
  /** Key of images.yaml. */
  image: 'pgbouncer',
  server: '/usr/bin/pgbouncer',
  configFile: '/etc/berth/pgbouncer/pgbouncer.ini',
  port: 6432,
  /** A database of this name is its own console. */
  console: 'pgbouncer',
  /** Program, libraries, TLS tables, and the statements that it keeps of each server. */
  baseMiB: 48,
  /** A client or a server: the struct, and a buffer of 4 KiB in each direction while it speaks. */
  connectionMiB: 0.02,
  /** Statements that are prepared once and found again on whichever connection a transaction gets. */
  preparedStatements: 200,
  /** It accepts these for itself alone: superusers, health checks and whoever looks. */
  ownClients: 10,
} as const;
