import type { Artifact } from '../../model/artifact.ts';
import { byPath } from './by-path.ts';
import { findForsaken } from './forsaken.ts';
import { judgeArtifact } from './judge-artifact.ts';
import type { Verdict } from './judge-artifact.ts';
import { remember } from './remember.ts';
import type { Change, Conflict, Decision, SiteState } from './site-state.ts';

export type { Change, Decision, SiteState } from './site-state.ts';

type Judged = readonly [Artifact, Verdict];

/** What to write, what to delete and what a person must settle first: rendered files against those on disk and those written last. */
export function decideChanges(artifacts: readonly Artifact[], state: SiteState): Decision {
  refuseTwins(artifacts);
  const judged = artifacts.toSorted(byPath).map((artifact): Judged => [artifact, judgeArtifact(artifact, state)]);
  const { deletions, leftovers } = findForsaken(artifacts, state);
  return {
    changes: [...judged.flatMap((each) => toChanges(each, state)), ...deletions].sort(byPath),
    conflicts: judged.flatMap(toConflicts),
    leftovers,
    merged: new Map(judged.map(([{ path }, { content }]) => [path, content])),
    memory: remember(artifacts, leftovers, state),
  };
}

function toChanges([artifact, verdict]: Judged, { current, modes }: SiteState): Change[] {
  const { path, mode, policy } = artifact;
  const common = { path, mode, content: verdict.content, secret: policy === 'secret' };
  const before = current.get(path);
  if (verdict.outcome === 'write') return [{ ...common, action: verdict.action, ...(before !== undefined && { before }) }];
  const loose = verdict.outcome === 'leave' && policy !== 'once' && policy !== 'asked' && (modes.get(path) ?? mode) !== mode;
  return loose ? [{ ...common, action: 'chmod', before: verdict.content }] : [];
}

const toConflicts = ([{ path }, verdict]: Judged): Conflict[] =>
  verdict.outcome === 'clash' ? [{ path, reason: verdict.reason, hint: verdict.hint, diff: verdict.diff }] : [];

/** Two artifacts of one path would be a defect of the renderers; the later would silently win. */
function refuseTwins(artifacts: readonly Artifact[]): void {
  const seen = new Set<string>();
  for (const { path } of artifacts) {
    if (seen.has(path)) throw new Error(`two artifacts are called ${path}`);
    seen.add(path);
  }
}
