import { postgres } from '../../../model/engines/postgres.ts';
import { BerthError } from '../../../model/errors.ts';
import type { Session } from './session.ts';

const { schema, table, column } = postgres.canary;
const name = `${schema}.${table}`;

/** Where it is, on every server; an application has a database of its own. */
export const canaryDatabase = 'postgres';

/** Asked first: what is refused would be in the log of the server each time. */
const mayWrite = `SELECT has_column_privilege(to_regclass('${name}'), '${column}', 'UPDATE')::text AS may`;

/**
 * Writes the time into the canary: it goes into the log behind all that was committed before.
 *
 * @returns whether it was written. Where there is none, or it may not be written, backups go on without: a restore says how old it is.
 */
export async function writeCanary(session: Session): Promise<boolean> {
  try {
    if ((await session.row(mayWrite))['may'] !== 'true') return false;
    await session.rows(`SET lock_timeout = '2s'; UPDATE ${name} SET ${column} = clock_timestamp()`);
    return true;
  } catch (error) {
    if (error instanceof BerthError) return false;
    throw error;
  }
}

export async function readCanary(session: Session): Promise<Date | undefined> {
  const { there } = await session.row(`SELECT (to_regclass('${name}') IS NOT NULL)::text AS there`);
  if (there !== 'true') return undefined;
  const [found] = await session.rows(`SELECT floor(extract(epoch FROM ${column}) * 1000)::text AS at FROM ${name}`);
  return found === undefined ? undefined : new Date(Number(found['at']));
}
