import { hasLogBehind, type Manifest } from '../../model/backup/manifest.ts';

/**
 * Full backups and increments that are newer than what is restored, and of no use: each with its reason.
 *
 * @param all - Of one source.
 */
export function leftOut(all: readonly Manifest[], chosen: Manifest, isBroken: (id: string) => boolean): readonly string[] {
  const bases = new Map(all.filter(({ kind }) => hasLogBehind(kind)).map((each) => [each.id, each]));
  return [...bases.values()].flatMap(({ id }) => {
    const culprit = id > chosen.id ? brokenBelow(id, bases, isBroken) : undefined;
    if (culprit === undefined) return [];
    return [
      culprit === id
        ? `${id} was found to be broken, and is left out`
        : `${id} rests on ${culprit}, which was found to be broken, and is left out`,
    ];
  });
}

/** The first one that is broken of itself and what it rests on. */
function brokenBelow(id: string, bases: ReadonlyMap<string, Manifest>, isBroken: (id: string) => boolean): string | undefined {
  for (let at = bases.get(id); at !== undefined; at = bases.get(at.parent ?? '')) if (isBroken(at.id)) return at.id;
  return undefined;
}
