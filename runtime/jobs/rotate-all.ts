import { manifestKey, sitePrefix } from '../../model/backup/layout.ts';
import type { Manifest } from '../../model/backup/manifest.ts';
import { BerthError } from '../../model/errors.ts';
import type { Recipient } from '../format/keys.ts';
import type { TrustedSigners } from '../format/signature.ts';
import type { Clock } from '../ports/clock.ts';
import type { Leases } from '../ports/lease.ts';
import { readCatalogue } from './catalogue.ts';
import { rotateKeys, type RotateTools } from './rotate-keys.ts';
import { acquireLease } from './take-backup.ts';

export interface RotateAllTools extends Omit<RotateTools, 'recipients'> {
  readonly leases: Leases;
  readonly leasePatienceMs: number;
  readonly clock: Clock;
  readonly trusted: TrustedSigners;
  /** Who is to open the backups of a source. @throws BerthError `usage` for those who will not do. */
  readonly recipientsOf: (source: string) => readonly Recipient[];
  /** Told how many were found so far, of those that were not looked at yet. */
  readonly found: (count: number) => void;
  /** Told of each backup that was looked at. */
  readonly heard: (manifest: Manifest) => void;
}

/** What came of the backups of one source, by their ids. */
export interface Rotated {
  readonly source: string;
  readonly rotated: string[];
  readonly unchanged: string[];
  /** Those that this key does not open. */
  readonly closed: string[];
  /** Those whose key file is damaged or gone. */
  readonly broken: string[];
}

/** What was under way is done by then; who goes on for longer has not been told of the new keys. */
const mostLooks = 20;

/**
 * Lets these recipients, and no others but agents, open every backup of a site; see {@link rotateKeys}. What is being made meanwhile may still be made for
 * those of before: a backup ends before its lease is given to us, a log has a lease of its own. So it is looked again until nothing comes to light that was
 * made for them.
 *
 * @param sources - Those that are copied. There may be no backup of them yet, and the first one under way.
 */
export async function rotateAll(
  site: string,
  sources: readonly string[],
  tools: RotateAllTools,
  signal: AbortSignal,
): Promise<readonly Rotated[]> {
  const { store, trusted, recipientsOf } = tools;
  const all = new Map<string, Rotated>();
  const seen = new Set<string>();
  /** Looks at what was not seen yet. Answers how many were made for those of before. */
  const look = async (named: readonly string[]): Promise<number> => {
    const { manifests } = await readCatalogue(store, sitePrefix(site), trusted, signal, (key) => !seen.has(key), tools.found);
    for (const manifest of manifests) seen.add(keyOf(manifest));
    const bySource = Map.groupBy(manifests, ({ source }) => source);
    // Whoever will not do is refused before anything changes.
    const work = [...new Set([...bySource.keys(), ...named])].map((source) => ({ source, recipients: recipientsOf(source) }));
    let rotated = 0;
    for (const { source, recipients } of work) {
      const outcome = all.get(source) ?? { source, rotated: [], unchanged: [], closed: [], broken: [] };
      const before = outcome.rotated.length;
      await rotateSome(outcome, bySource.get(source) ?? [], { ...tools, recipients }, signal);
      if (bySource.has(source)) all.set(source, outcome);
      rotated += outcome.rotated.length - before;
    }
    return rotated;
  };
  await look(sources);
  for (let looks = 1; (await look([])) > 0; looks++)
    if (looks === mostLooks)
      throw new BerthError(
        'unfinished',
        'backups are still made for those whose keys were in the site before',
        'bring the keys to the agents first, by `docker compose up -d` or an apply; then the same command again',
      );
  return [...all.values()];
}

const keyOf = (manifest: Manifest): string => manifestKey(manifest, manifest.id, manifest.kind);

/** Those of one source, while nobody else works on it. */
async function rotateSome(
  outcome: Rotated,
  manifests: readonly Manifest[],
  tools: RotateAllTools & RotateTools,
  signal: AbortSignal,
): Promise<void> {
  const lease = await acquireLease(outcome.source, tools, signal);
  const stop = AbortSignal.any([signal, lease.lost]);
  try {
    for (const manifest of manifests) {
      await lease.confirm(stop);
      const came = await rotateOne(manifest, tools, tools.clock.now(), stop);
      if (came !== 'gone') outcome[came].push(manifest.id);
      tools.heard(manifest);
    }
  } finally {
    await lease.release();
  }
}

async function rotateOne(
  manifest: Manifest,
  tools: RotateTools,
  at: Date,
  signal: AbortSignal,
): Promise<'rotated' | 'unchanged' | 'closed' | 'broken' | 'gone'> {
  try {
    return (await rotateKeys(manifest, tools, at, signal)) ? 'rotated' : 'unchanged';
  } catch (error) {
    if (!(error instanceof BerthError)) throw error;
    if (error.kind === 'usage') return 'closed';
    if (error.kind !== 'damaged') throw error;
    // Removed meanwhile, and swept: it is no backup any more. The others are not left open to whom they are to be closed to for the sake of a damaged one.
    return (await tools.store.size(keyOf(manifest), signal)) === undefined ? 'gone' : 'broken';
  }
}
