import type { BackupJob } from '../../../model/runtime-config.ts';
import type { MiB } from '../../../model/units.ts';
import type { ElsewherePlan } from '../../../model/elsewhere-plan.ts';
import { backupSecret, scratchOf, type Agent, type CopiedElsewhere, type CopyTimes } from './agent.ts';

/** By which a server keeps its log: of this site alone, as it may be copied by others as well. */
const slotFor = (site: string, database: string): string => `berth_${site}_${database}`.replaceAll(/[^a-z0-9_]/g, '_').slice(0, 63);

/** How a database that is somebody else's is reached from the container of its agent, and what that may do there. */
export const databaseElsewhere = (
  { name, engine, host, port, tls, backup: { user, log } }: CopiedElsewhere,
  { prove, rpo, increments }: CopyTimes,
  memory: MiB,
  site: string,
): NonNullable<BackupJob['database']> => ({
  host: host.replaceAll(/[[\]]/g, ''),
  port,
  user,
  password: `/run/secrets/${backupSecret(name)}`,
  ...scratchOf(engine, name, memory),
  ...(increments === undefined ? {} : { increments }),
  prove,
  rpo,
  elsewhere: { tls, log, ...(engine === 'postgres' ? { slot: slotFor(site, name) } : {}) },
});

/** What the runbook tells of them: who runs those servers is asked by it for all that they need. */
export const plansElsewhere = (agents: readonly Agent[], site: string): readonly ElsewherePlan[] =>
  agents.flatMap(({ name: agent, own, elsewhere }) =>
    elsewhere.map(({ name, engine, host, port, tls, user: owner, database, backup: { user, log } }) => ({
      name,
      engine,
      agent,
      own,
      host,
      port,
      tls,
      owner,
      database,
      user,
      ...(engine === 'postgres' && log ? { slot: slotFor(site, name) } : {}),
    })),
  );
