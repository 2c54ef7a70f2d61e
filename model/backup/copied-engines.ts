/** Engines of databases that an agent copies while they run. */
export const copiedEngines = ['postgres', 'mysql', 'mariadb', 'mongodb', 'sqlserver'] as const;
export type CopiedEngine = (typeof copiedEngines)[number];

/** Those that can copy what has changed since a backup before. */
export const enginesWithIncrements: readonly string[] = ['postgres', 'sqlserver'] satisfies readonly CopiedEngine[];

/** Those whose servers may stand elsewhere: all that is asked of one is asked over the network, by an account. */
export const enginesElsewhere = ['postgres', 'mysql', 'mariadb'] as const satisfies readonly CopiedEngine[];
