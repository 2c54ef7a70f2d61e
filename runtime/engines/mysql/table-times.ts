import { ownSchemas } from './identity.ts';
import type { Session } from './session.ts';

/** Of each table the second in which it got its form: made, renamed or altered, be it in an instant or in what is no column. */
export type TableTimes = ReadonlyMap<string, string | null>;

/** How long to wait between the times and the snapshot, so that no table gets the same second once more. */
export const wholeSecondMs = 1_100;

/** Opens every table, as whoever asks for their sizes does. */
export async function tableTimes(session: Session): Promise<TableTimes> {
  const rows = await session.rows(`SELECT CONCAT(table_schema, '.', table_name) AS name, create_time AS at FROM information_schema.tables
    WHERE table_type <> 'VIEW' AND table_schema NOT IN (${ownSchemas}) ORDER BY 1`);
  return new Map(rows.map(({ name, at = null }) => [String(name), at]));
}

/** Those that came, went, or are others than before. */
export function changedTables(before: TableTimes, after: TableTimes): readonly string[] {
  const isAnother = (name: string): boolean => !before.has(name) || !after.has(name) || before.get(name) !== after.get(name);
  return [...new Set([...before.keys(), ...after.keys()])].filter(isAnother).sort();
}
