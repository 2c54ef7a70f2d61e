import { differences } from '../../runtime/orchestrators/kubernetes/compare.ts';
import type { Change } from '../../runtime/orchestrators/kubernetes/compare.ts';
import { isUnknown } from './old-kubernetes.ts';
import type { Manifest } from './old-kubernetes.ts';

/** What says nothing is left out where it is the same as nothing: a variable that is empty, `emptyDir: {}` is not. */
const saysNothing = (written: unknown, kept: unknown): boolean => kept === undefined && written === '';

/** Every field that was written and is not what the server holds, as `Kind name: path: written → kept`; without those that it is too old for. */
export const lost = (written: Manifest, stored: Manifest): readonly string[] =>
  missing(written, stored)
    .filter(({ path }) => !isUnknown(written.kind, path))
    .map(
      ({ path, before, after }) =>
        `${written.kind} ${written.metadata.name}: ${path}: ${JSON.stringify(before)} → ${JSON.stringify(after)}`,
    );

/** Whether an apply has something to send each time anew, as the server is too old to keep it. */
export const isSentAnew = (written: Manifest, stored: Manifest): boolean =>
  missing(written, stored).some(({ path }) => isUnknown(written.kind, path));

const missing = (written: Manifest, stored: Manifest): readonly Change[] =>
  differences(written, stored)
    .filter((change) => 'before' in change && change.before !== undefined)
    .filter(({ before, after }) => !saysNothing(before, after));
