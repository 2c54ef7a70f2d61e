import type { Artifact } from '../../model/artifact.ts';
import { adviceForEdited, adviceForForeign, adviceForOverlap, describeOverlaps } from './advice.ts';
import { contentHash } from './content-hash.ts';
import { mergeText } from './merge-text.ts';
import type { SiteState } from './site-state.ts';
import { unifiedDiff } from './unified-diff.ts';

/** What becomes of one artifact. `content` is what the file holds afterwards. */
export type Verdict =
  | { readonly outcome: 'leave'; readonly content: string }
  | { readonly outcome: 'write'; readonly action: 'create' | 'update' | 'merge'; readonly content: string }
  | { readonly outcome: 'clash'; readonly content: string; readonly reason: string; readonly hint: string; readonly diff: string };

export function judgeArtifact(artifact: Artifact, state: SiteState): Verdict {
  const current = state.current.get(artifact.path);
  const written = state.hashes.get(artifact.path);
  if (current === undefined) return { outcome: 'write', action: 'create', content: artifact.content };
  if (artifact.policy === 'once' || current === artifact.content) return { outcome: 'leave', content: current };
  if (artifact.policy === 'asked') return { outcome: 'write', action: 'update', content: artifact.content };
  if (written === undefined)
    return clash(artifact, current, 'is there already and was not written by Berth', adviceForForeign(artifact.path));
  if (contentHash(current) === written) return { outcome: 'write', action: 'update', content: artifact.content };
  if (artifact.policy === 'generated') return judgeEdit(artifact, current, written, state.base.get(artifact.path));
  return clash(artifact, current, 'was edited since Berth wrote it', adviceForEdited(artifact));
}

/** An edited file that is merged. A base copy that is not what was recorded proves nothing and is not used. */
function judgeEdit(artifact: Artifact, current: string, written: string, base: string | undefined): Verdict {
  if (contentHash(artifact.content) === written) return { outcome: 'leave', content: current };
  if (base === undefined || contentHash(base) !== written)
    return clash(
      artifact,
      current,
      'was edited, and the copy of what Berth wrote, which a merge needs, is missing',
      adviceForOverlap(artifact.path),
    );
  const merged = mergeText(base, current, artifact.content);
  if ('overlaps' in merged)
    return clash(
      artifact,
      current,
      `was edited in ${describeOverlaps(merged.overlaps)}, where the new version differs too`,
      adviceForOverlap(artifact.path),
    );
  return merged.text === current ? { outcome: 'leave', content: current } : { outcome: 'write', action: 'merge', content: merged.text };
}

function clash(artifact: Artifact, current: string, reason: string, hint: string): Verdict {
  const diff =
    artifact.policy === 'secret'
      ? ''
      : unifiedDiff(artifact.content, current, artifact.path, { names: ['as Berth would write it', 'on disk'] });
  return { outcome: 'clash', content: current, reason, hint, diff };
}
