import type { BackupJob } from '../../../model/runtime-config.ts';
import type { MiB } from '../../../model/units.ts';
import type { ElsewherePlan } from '../../../model/elsewhere-plan.ts';
import { scratchOf, type CopyTimes } from './agent-database.ts';
import { backupSecret, type Agent, type CopiedElsewhere } from './copied-databases.ts';

const longestSlot = 63;
/** A name of the site in the letters that a slot may have: none that begins or ends with a hyphen, so each has one of its own. */
const slotPart = (name: string): string => name.replaceAll('-', '__');
/** By which a server keeps its log: of this database of this site alone, as others may copy there as well. Of what is too long the site gives way. */
function slotFor(site: string, database: string): string {
  const own = `_${slotPart(database)}`;
  return `berth_${slotPart(site)}`.slice(0, longestSlot - own.length) + own;
}

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
