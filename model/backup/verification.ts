import { BerthError } from '../errors.ts';
import { count, fields, list, nullable, oneOf, ShapeError, text, type Shape, type Shaped } from './shape.ts';
import { ulidPattern } from './ulid.ts';

const id = text(ulidPattern, 'an id of 26 characters');
const lines = text(/^[^\p{Cc}]{0,4000}$/u, 'text on one line');

/** So many bytes as the engine gave them once, and what they took by a clock that is never set. */
const work = fields({ bytes: count(), milliseconds: count() });

/** Records of before that was written down do not have it. */
const orNothing =
  <T>(shape: Shape<T>): Shape<T | null> =>
  (value, path) =>
    value === undefined || value === null ? null : shape(value, path);

const measure = fields({
  /** All that was fetched, opened and laid out: of a database without its log. */
  whole: work,
  /** In records of before alone, where it was laid out with the whole, and counts as read by the server though a target may have left most of it out. */
  log: nullable(work),
  /** Of a database so much of its log as its server has read, fetched and laid out as well; where that is started only then, it is in this time, too. */
  replay: orNothing(work),
});

/** In the order in which it is written. */
const verificationShape = fields({
  format: oneOf('berth-verification'),
  version: oneOf(1),
  id,
  /** Whatever was looked at together: a full backup and the logs that were restored with it. */
  backups: list(id, 1),
  /** How far they were proven; each holds the ones below it. 0 uploaded, 1 hashed again, 2 decoded, 3 restored and compared, 4 drilled. */
  level: oneOf(0, 1, 2, 3, 4),
  at: text(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, 'a time in UTC such as 2026-03-29T01:00:00.000Z'),
  result: oneOf('sound', 'broken'),
  /** What was compared, or what is wrong. */
  detail: list(lines),
  berth: lines,
  /** What it took, where something was restored. */
  measured: orNothing(measure),
});

/** What was found when some backups were looked at. Lies beside the manifests, which are never written again. */
export type Verification = Shaped<typeof verificationShape>;
export type Level = Verification['level'];
export type Work = Shaped<typeof work>;
export type Measured = Shaped<typeof measure>;

/** Text → verification. @throws BerthError `damaged`. */
export function parseVerification(source: string, key: string): Verification {
  try {
    return verificationShape(JSON.parse(source), '');
  } catch (error) {
    if (!(error instanceof ShapeError) && !(error instanceof SyntaxError)) throw error;
    throw new BerthError('damaged', `${key} is no record of a verification: ${error.message}`, 'delete it, and verify again', {
      cause: error,
    });
  }
}

/** How far each backup is proven by what was found. */
export interface Proof {
  /** Below zero: found to be broken, -3 at level 3, and not sound at that level since. */
  readonly level: number;
  readonly at: Date;
  readonly detail: readonly string[];
}

/**
 * The newest finding of a backup counts, but that a lower level found to be sound says nothing of a higher one: neither that what was proven there is less, nor that
 * what was broken there is whole. At level 0 other bytes take the place of those that were looked at before.
 *
 * @param records - In any order.
 */
export function proofsOf(records: readonly Verification[]): ReadonlyMap<string, Proof> {
  const proofs = new Map<string, Proof>();
  for (const { backups, level, at, result, detail } of [...records].sort((a, b) => (a.id < b.id ? -1 : 1)))
    for (const backup of backups) {
      const before = level === 0 ? 0 : (proofs.get(backup)?.level ?? 0);
      if (result === 'sound' && Math.abs(before) > level) continue;
      proofs.set(backup, { level: result === 'sound' ? level : Math.min(-1, -level, before), at: new Date(at), detail });
    }
  return proofs;
}
