import type { Artifact } from '../../model/artifact.ts';
import { contentHash } from './content-hash.ts';
import type { Change, SiteState } from './site-state.ts';

/** Files that Berth looks after and no longer produces: unedited ones go, edited ones stay. */
export interface Forsaken {
  readonly deletions: readonly Change[];
  readonly leftovers: readonly string[];
}

export function findForsaken(artifacts: readonly Artifact[], state: SiteState): Forsaken {
  const produced = new Set(artifacts.map(({ path }) => path));
  const present = [...state.hashes.keys()].filter((path) => !produced.has(path) && state.current.has(path)).sort();
  const edited = (path: string): boolean => contentHash(state.current.get(path) ?? '') !== state.hashes.get(path);
  return { deletions: present.filter((path) => !edited(path)).map((path) => deletion(path, state)), leftovers: present.filter(edited) };
}

const deletion = (path: string, state: SiteState): Change => ({
  path,
  action: 'delete',
  mode: state.modes.get(path) ?? 0o600,
  before: state.current.get(path) ?? '',
  secret: !state.base.has(path),
});
