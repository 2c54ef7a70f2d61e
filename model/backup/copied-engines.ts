/** Engines of databases that an agent copies while they run. */
export const copiedEngines = ['postgres', 'mysql', 'mariadb', 'mongodb', 'sqlserver'] as const;
export type CopiedEngine = (typeof copiedEngines)[number];

/** Those that can copy what has changed since a backup before. */
export const enginesWithIncrements: readonly string[] = ['postgres', 'sqlserver'] satisfies readonly CopiedEngine[];
