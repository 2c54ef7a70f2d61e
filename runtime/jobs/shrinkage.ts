import type { Manifest } from '../../model/backup/manifest.ts';

/** Below these nothing is said: who tries something out empties a table now and then. */
const fewest = { tables: 4, rows: 100, objects: 10 } as const;
type Counted = keyof typeof fewest;

/**
 * What a full backup, or a point in time of a bucket, holds less than half of, against the one before it. It may be meant; it may be a wrong database, a right that is missing, or an accident
 * whose last good copies are about to expire.
 */
export function shrinkageOf(before: Manifest, now: Manifest): string | undefined {
  const lost = (Object.keys(fewest) as Counted[]).flatMap((what) => {
    const [had, has] = [countOf(before, what), countOf(now, what)];
    return had === undefined || has === undefined || had < fewest[what] || has * 2 >= had ? [] : [`${has} ${what}, and had ${had}`];
  });
  return lost.length === 0 ? undefined : lost.join('; ');
}

/** Rows are known only where all tables were counted. */
function countOf({ facts }: Manifest, what: Counted): number | undefined {
  const count = facts[what];
  return typeof count === 'number' && (what !== 'rows' || facts['tables'] === facts['tablesHashed']) ? count : undefined;
}
