import type { Manifest } from '../../model/backup/manifest.ts';

/** Below these nothing is said: who tries something out empties a table now and then, and keys expire. */
const fewest = { tables: 4, rows: 100, objects: 10, files: 10, keys: 100 } as const;
type Counted = keyof typeof fewest;

/** Other engines count files too, but their own, which say nothing of what they hold. */
const kindOf: Partial<Record<Counted, Manifest['kind']>> = { files: 'volume', keys: 'cache' };
const copiedWhole: ReadonlySet<Manifest['kind']> = new Set(['full', 'increment', 'bucket', 'volume', 'cache']);

/** Holds all that there was, so that one can be held against another. */
export const isWhole = ({ kind }: Manifest): boolean => copiedWhole.has(kind);

/**
 * What a full backup, an increment with what it rests on, a point in time of a bucket, or a copy of a volume or a cache holds less than half of, against the one before it. It may be meant; it may
 * be a wrong database, a right that is missing, or an accident whose last good copies are about to expire.
 */
export function shrinkageOf(before: Manifest, now: Manifest): string | undefined {
  const lost = (Object.keys(fewest) as Counted[]).flatMap((what) => {
    const [had, has] = [countOf(before, what), countOf(now, what)];
    return had === undefined || has === undefined || had < fewest[what] || has * 2 >= had ? [] : [`${has} ${what}, and had ${had}`];
  });
  return lost.length === 0 ? undefined : lost.join('; ');
}

/** Rows are known only where all tables were counted. */
function countOf({ kind, facts }: Manifest, what: Counted): number | undefined {
  if ((kindOf[what] ?? kind) !== kind) return undefined;
  const count = facts[what];
  return typeof count === 'number' && (what !== 'rows' || facts['tables'] === facts['tablesHashed']) ? count : undefined;
}
