import type { Artifact } from '../../../model/artifact.ts';
import { contentHash } from '../../../generator/merge/content-hash.ts';
import { decideChanges } from '../../../generator/merge/decide-changes.ts';
import type { Decision, SiteState } from '../../../generator/merge/decide-changes.ts';

export const artifact = (policy: Artifact['policy'], content: string, path = 'config/app.conf'): Artifact => ({
  path,
  content,
  policy,
  mode: policy === 'secret' ? 0o600 : 0o644,
});

export const emptySite: SiteState = { current: new Map(), modes: new Map(), base: new Map(), hashes: new Map() };

/** What the disk half does with a decision, on maps. */
export function applied(decision: Decision, state: SiteState): SiteState {
  const [current, modes, base] = [new Map(state.current), new Map(state.modes), new Map(state.base)];
  for (const { path, content, mode } of decision.changes) {
    if (content === undefined) current.delete(path);
    else current.set(path, content);
    modes.set(path, mode);
  }
  for (const [path, content] of decision.memory.baseWritten) base.set(path, content);
  for (const path of decision.memory.baseRemoved) base.delete(path);
  return { current, modes, base, hashes: decision.memory.hashes };
}

/** A site on which Berth wrote these, and nothing happened since. */
export const written = (...artifacts: readonly Artifact[]): SiteState => applied(decideChanges(artifacts, emptySite), emptySite);

/** The same site after somebody saved a file, or removed it. */
export function edited(state: SiteState, content: string | undefined, path = 'config/app.conf'): SiteState {
  const current = new Map(state.current);
  if (content === undefined) current.delete(path);
  else current.set(path, content);
  return { ...state, current };
}

export const hashesOf = (files: Readonly<Record<string, string>>): ReadonlyMap<string, string> =>
  new Map(Object.entries(files).map(([path, content]) => [path, contentHash(content)]));
