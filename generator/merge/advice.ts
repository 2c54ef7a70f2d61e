import type { Artifact } from '../../model/artifact.ts';
import type { Overlap } from './merge-text.ts';

/** Where a wish belongs that somebody wrote into a file of Berth's. */
const betterPlaces: readonly (readonly [RegExp, string])[] = [
  [/^compose\.yaml$/, 'put the change into compose.override.yaml, which Berth never touches'],
  [/^runtime\.yaml$/, 'make the change in berth.yaml, from which runtime.yaml follows'],
  [/^\.env$/, 'make the change in release.yaml (images, live slot) or berth.yaml (ports), from which .env follows'],
  [/^config\/weights\//, 'make the change in release.yaml, from which the weights follow'],
  [/^k8s\/generated\//, 'put the change into k8s/site as a patch, which Berth never touches'],
];

/** What to do with an edit of a file that is not merged. */
export function adviceForEdited({ path, policy }: Artifact): string {
  if (path === 'secrets/ledger.json')
    return 'put your newest copy of it back, or undo the edit; do not delete it: what it lacks would be drawn anew, and the databases know the old passwords';
  if (policy === 'secret') return `delete ${path} to have it written again as Berth knows it`;
  const place = betterPlaces.find(([pattern]) => pattern.test(path))?.[1] ?? 'make the change in berth.yaml';
  return `${place}, then delete ${path} to have it written again`;
}

/** What to do when the edit and the new version meet in the same lines. */
export const adviceForOverlap = (path: string): string =>
  `make those lines of ${path} as the "-" lines of the diff say, or delete the file to take the new version whole; then run the command again`;

/** What to do with a file that was there before Berth came. */
export const adviceForForeign = (path: string): string => `move ${path} out of the way, then run the command again`;

/** `line 12`, `lines 12 to 14 and line 30`. */
export function describeOverlaps(overlaps: readonly Overlap[]): string {
  const places = overlaps.map(({ line, count }) => (count > 1 ? `lines ${line} to ${line + count - 1}` : `line ${line}`));
  return [places.slice(0, -1).join(', '), ...places.slice(-1)].filter(Boolean).join(' and ');
}
