import type { Manifest } from '../../model/backup/manifest.ts';

/** Below these nothing is said: who tries something out empties a table now and then. */
const fewest = { tables: 4, rows: 100 } as const;

/**
 * What a full backup holds less than half of, against the one before it. It may be meant; it may be a wrong database, a right that is missing, or an accident
 * whose last good copies are about to expire.
 */
export function shrinkageOf(before: Manifest, now: Manifest): string | undefined {
  const lost = (['tables', 'rows'] as const).flatMap((what) => {
    const [had, has] = [countOf(before, what), countOf(now, what)];
    return had === undefined || has === undefined || had < fewest[what] || has * 2 >= had ? [] : [`${has} ${what}, and had ${had}`];
  });
  return lost.length === 0 ? undefined : lost.join('; ');
}

/** Rows are known only where all tables were counted. */
function countOf({ facts }: Manifest, what: 'tables' | 'rows'): number | undefined {
  const count = facts[what];
  return typeof count === 'number' && (what === 'tables' || facts['tables'] === facts['tablesHashed']) ? count : undefined;
}
