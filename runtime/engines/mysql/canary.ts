import { mysqlFamily } from '../../../model/engines/mysql-family.ts';
import { BerthError } from '../../../model/errors.ts';
import { identifier, quoted, type Session } from './session.ts';

const { database, table, column } = mysqlFamily.canary;
const name = `${identifier(database)}.${identifier(table)}`;
/** Whoever takes a snapshot holds writers up for an instant. */
const waitSeconds = 2;

/**
 * Writes the time into the canary: it goes into the log behind all that was committed before.
 *
 * @returns whether it was written. Where there is none, or it may not be written, backups go on without: a restore says how old it is.
 */
export async function writeCanary(session: Session): Promise<boolean> {
  try {
    await session.rows(`SET SESSION lock_wait_timeout = ${waitSeconds}, innodb_lock_wait_timeout = ${waitSeconds}`);
    await session.rows(`UPDATE ${name} SET ${identifier(column)} = UTC_TIMESTAMP(6)`);
    return true;
  } catch (error) {
    if (error instanceof BerthError) return false;
    throw error;
  } finally {
    // What comes behind it, such as the end of a dump, waits as long as it did.
    await session.rows('SET SESSION lock_wait_timeout = DEFAULT, innodb_lock_wait_timeout = DEFAULT');
  }
}

export async function readCanary(session: Session): Promise<Date | undefined> {
  const there = await session.rows(
    `SELECT 1 AS one FROM information_schema.tables WHERE table_schema = ${quoted(database)} AND table_name = ${quoted(table)}`,
  );
  if (there.length === 0) return undefined;
  const [found] = await session.rows(`SELECT DATE_FORMAT(${identifier(column)}, '%Y-%m-%dT%H:%i:%s.%f') AS at FROM ${name}`);
  return found === undefined ? undefined : new Date(`${String(found['at']).slice(0, -3)}Z`);
}
