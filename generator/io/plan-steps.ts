import { dirname, join } from 'node:path';
import { contentHash } from '../merge/content-hash.ts';
import type { Change, Decision } from '../merge/decide-changes.ts';
import { baseCopy, hashesFile } from './berth-folder.ts';
import type { FileSystem } from './file-system.ts';
import { printHashes } from './hashes-file.ts';
import { attempt } from './io-failure.ts';
import type { Step } from './journal.ts';
import { locate, locateParent } from './site-path.ts';

/** A step with what it puts in place; the content is staged, the step is journalled. */
export interface PlannedStep {
  readonly step: Step;
  readonly content?: string;
  /** May be lost in a power cut: a base copy is known by its hash, and without it an edit is reported instead of merged. */
  readonly expendable?: boolean;
}

/** Closed to everybody but the operator: files inside are readable by any container that gets one mounted. */
const privateFolders = new Set(['secrets', 'k8s/secrets']);

/**
 * What counts comes after what it speaks of: `docker compose up` on a change that was cut off must not find a compose.yaml whose labels promise files that are not there yet.
 * Removing comes last: it takes emptied folders along, which a file still to be moved might need.
 */
const rank = ({ step }: PlannedStep): number => (step.do === 'put' && projectFiles.has(step.target) ? 1.5 : order.indexOf(step.do));
const order: readonly Step['do'][] = ['folder', 'put', 'chmod', 'remove'];
const projectFiles = new Set(['.env', 'compose.yaml']);

/** Everything a decision does to a site, its records included, in the order of doing; empty when nothing is to be done. */
export function planSteps(root: string, { changes, memory }: Decision, files: FileSystem): PlannedStep[] {
  const steps = [...changes.map((change) => siteStep(root, change, files)), ...memorySteps(root, memory, files)];
  const folders = planFolders(root, steps, files).map((step): PlannedStep => ({ step }));
  return [...folders, ...steps].sort((a, b) => rank(a) - rank(b));
}

function siteStep(root: string, change: Change, files: FileSystem): PlannedStep {
  const { path, mode, content, before } = change;
  const finds = before === undefined ? null : contentHash(before);
  if (content === undefined) return { step: { do: 'remove', target: locateParent(root, path, files), finds } };
  const target = locate(root, path, files);
  if (change.action === 'chmod') return { step: { do: 'chmod', target, mode } };
  return { step: { do: 'put', target, mode, brings: contentHash(content), finds }, content };
}

function memorySteps(root: string, memory: Decision['memory'], files: FileSystem): PlannedStep[] {
  const put = (path: string, content: string, mode: number): PlannedStep => ({
    step: { do: 'put', target: locate(root, path, files), mode, brings: contentHash(content) },
    content,
  });
  return [
    ...[...memory.baseWritten].map(([path, content]) => ({ ...put(baseCopy(path), content, 0o644), expendable: true })),
    ...memory.baseRemoved.map((path): PlannedStep => ({ step: { do: 'remove', target: locateParent(root, baseCopy(path), files) } })),
    ...(memory.hashesChanged ? [put(hashesFile, printHashes(memory.hashes), 0o600)] : []),
  ];
}

/** Folders that are missing, outermost first, and private ones that others can enter. */
function planFolders(root: string, steps: readonly PlannedStep[], files: FileSystem): Step[] {
  const folders = new Set(steps.flatMap(({ step }) => (step.do === 'put' ? ancestors(step.target) : [])));
  return [...folders].sort().flatMap((target): Step[] => {
    const mode = attempt(`open ${target}`, () => files.statSync(join(root, target), { throwIfNoEntry: false }))?.mode;
    const closed = privateFolders.has(target);
    if (mode === undefined) return [{ do: 'folder', target, mode: closed ? 0o700 : 0o755 }];
    return closed && (mode & 0o007) !== 0 ? [{ do: 'chmod', target, mode: mode & 0o770 }] : [];
  });
}

const ancestors = (path: string): string[] => (dirname(path) === '.' ? [] : [...ancestors(dirname(path)), dirname(path)]);
