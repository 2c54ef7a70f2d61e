/** Engines of databases that an agent copies while they run. */
export const copiedEngines = ['postgres', 'mysql', 'mariadb', 'mongodb', 'sqlserver'] as const;
export type CopiedEngine = (typeof copiedEngines)[number];

/** Those that can copy what has changed since a backup before. */
export const enginesWithIncrements: readonly string[] = ['postgres', 'sqlserver'] satisfies readonly CopiedEngine[];

/** Those of which a restored one can stay beside its site, as a server of its own. The others have not run on a real server yet, and SQL Server lets nobody in without a password. */
export const enginesKeptBeside = ['postgres', 'mysql', 'mariadb'] as const satisfies readonly CopiedEngine[];

/** Those whose servers may stand elsewhere: all that is asked of one is asked over the network, by an account. */
export const enginesElsewhere = ['postgres', 'mysql', 'mariadb'] as const satisfies readonly CopiedEngine[];
