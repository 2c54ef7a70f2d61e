import type { Artifact } from '../../model/artifact.ts';
import { contentHash } from './content-hash.ts';
import type { Memory, SiteState } from './site-state.ts';

/**
 * What to know next time. Hashes and base copies are of the text as rendered, not as merged: the next merge starts from there.
 * `once` and `asked` files are not remembered, so nobody ever takes them back; leftovers stay remembered until they are gone.
 */
export function remember(artifacts: readonly Artifact[], leftovers: readonly string[], state: SiteState): Memory {
  const kept = leftovers.map((path) => [path, state.hashes.get(path) ?? ''] as const);
  const fresh = artifacts
    .filter(({ policy }) => policy !== 'once' && policy !== 'asked')
    .map(({ path, content }) => [path, contentHash(content)] as const);
  const hashes = new Map([...kept, ...fresh].sort(([a], [b]) => (a < b ? -1 : 1)));
  const bases = new Map(artifacts.filter(({ policy }) => policy === 'generated').map(({ path, content }) => [path, content]));
  return {
    hashes,
    hashesChanged: hashes.size !== state.hashes.size || [...hashes].some(([path, hash]) => state.hashes.get(path) !== hash),
    baseWritten: new Map([...bases].filter(([path, content]) => state.base.get(path) !== content).sort(([a], [b]) => (a < b ? -1 : 1))),
    baseRemoved: [...state.base.keys()].filter((path) => !bases.has(path) && !leftovers.includes(path)).sort(),
  };
}
