import type { Place } from '../../model/backup/layout.ts';
import type { Manifest } from '../../model/backup/manifest.ts';
import type { Level, Measured, Verification } from '../../model/backup/verification.ts';
import { BerthError } from '../../model/errors.ts';
import { checkedParts } from '../format/parts.ts';
import type { ChainRules } from '../ports/log-source.ts';
import type { Store } from '../ports/store.ts';
import { chainOf } from './catalogue.ts';
import { backupsIn, baseOf, chainsOf } from './coverage.ts';
import { openBackup } from './open-backup.ts';
import { planRestore } from './plan-restore.ts';
import { timed } from './rates.ts';
import { openChain, type RestoreTools } from './restore-engine.ts';
import { markRecords, recordFinding, type RecordTools } from './verifications.ts';

/** Reads every object of a backup, and holds its parts against the manifest. Needs no key. */
export async function rehash(place: Place, manifest: Manifest, tools: RecordTools, signal: AbortSignal): Promise<Verification> {
  return found(place, [manifest], 1, tools, signal, async () => {
    const bytes = await rehashed(manifest, tools.store, signal);
    return [`${bytes} bytes are as they were written`];
  });
}

async function rehashed({ streams }: Manifest, store: Store, signal: AbortSignal): Promise<number> {
  let bytes = 0;
  for (const stream of streams)
    for (const object of stream.objects)
      for await (const chunk of checkedParts(object, stream, store.read(object.key, signal))) bytes += chunk.length;
  return bytes;
}

/** Decrypts and decompresses every file of a backup that is not of an engine, and throws it away. */
export async function decode(
  place: Place,
  manifest: Manifest,
  tools: RecordTools & Pick<RestoreTools, 'identity' | 'width'>,
  signal: AbortSignal,
): Promise<Verification> {
  return found(place, [manifest], 2, tools, signal, async () => {
    const open = await openBackup(tools.store, manifest, tools.identity, tools.width, signal);
    for (const stream of manifest.streams) for await (const _ of open(stream));
    return manifest.streams.map(({ name, plainBytes }) => `${name}: ${plainBytes} bytes`);
  });
}

export interface ProveTools extends RecordTools, RestoreTools {
  readonly rules: ChainRules;
}

/** Lays a full backup or an increment out with its logs, as the engine has them, which judges them by its own means, and starts nothing. */
export async function inspect(
  place: Place,
  base: Manifest,
  manifests: readonly Manifest[],
  tools: ProveTools,
  signal: AbortSignal,
): Promise<Verification> {
  const all = upTo(base, manifests, tools.rules);
  const logs = all.filter(({ kind }) => kind === 'log').length;
  return found(place, all, 2, tools, signal, async () => {
    await using _ = await tools.engine.layOut(await openChain(all, tools, signal), signal);
    return [`${tools.engine.engine} accepts ${describeBases(all.length - logs)}; ${logs} logs follow it without a gap`];
  });
}

/**
 * Restores a full backup or an increment, with all that it rests on and the logs that it takes, to the place for which the original said what it held, and compares.
 *
 * @param manifests - Of one source.
 * @throws BerthError `usage` when it cannot be compared yet: the logs do not reach that place, or the original was never quiet.
 */
export async function prove(
  place: Place,
  base: Manifest,
  manifests: readonly Manifest[],
  tools: ProveTools,
  signal: AbortSignal,
): Promise<Verification> {
  const [opened] = await openChain([base], tools, signal);
  const expected = opened && (await tools.engine.expectation(opened));
  if (expected === undefined)
    throw new BerthError(
      'usage',
      `${base.id} cannot be compared after a restore: while it was made, no moment was without a transaction that wrote`,
      'make a full backup at a quieter time of the day; until then its level is 2',
    );
  const { target, facts } = expected;
  const plan = planRestore(upTo(base, manifests, tools.rules), target, tools.rules);
  const all = backupsIn(plan);
  const { engine, measured } = timed(tools.engine, tools.rules, () => tools.clock.elapsed());
  const look = async (): Promise<readonly string[]> => {
    await using laidOut = await engine.layOut(await openChain(all, tools, signal), signal);
    await using scratch = await laidOut.recover(target, signal);
    const differences = tools.engine.compare(facts, await scratch.facts(signal));
    if (differences.length > 0) throw new Different(differences);
    const canary = await scratch.canary(signal);
    return [
      `restored up to ${scratch.position}; all that was known of it then is the same`,
      ...(canary === undefined ? [] : [describeCanary(canary, base)]),
    ];
  };
  return found(place, all, 3, tools, signal, look, measured);
}

/** What was compared is a place within the time in which the backup was made. */
function describeCanary(canary: Date, { finishedAt }: Manifest): string {
  const seconds = Math.max(0, Math.round((new Date(finishedAt).getTime() - canary.getTime()) / 1000));
  return `the newest canary that came back is of ${canary.toISOString()}, ${seconds} s before that backup was complete`;
}

/** Itself, what it rests on, and its logs: what the same chain holds beside that is not what is to be proven. */
function upTo(base: Manifest, manifests: readonly Manifest[], rules: ChainRules): readonly Manifest[] {
  const chain = chainsOf(manifests, rules).find((each) => baseOf(each).id === base.id);
  return chain === undefined ? chainOf(base.id, manifests) : backupsIn(chain);
}

const describeBases = (count: number): string => (count === 1 ? 'the full backup' : `the full backup and ${count - 1} increments`);

/** A restore that worked, and gave something else. */
class Different extends Error {
  readonly differences: readonly string[];
  constructor(differences: readonly string[]) {
    super(`the restored engine differs: ${differences[0]}`);
    this.differences = differences;
  }
}

/**
 * Damage is a finding, and is written down. Whatever else goes wrong, a store that is away for one, proves nothing and is passed on.
 *
 * @param manifests - Of all that is looked at.
 * @param measured - What it says of how long that took, where it was a restore.
 */
export async function found(
  place: Place,
  manifests: readonly Manifest[],
  level: Level,
  tools: RecordTools,
  signal: AbortSignal,
  look: () => Promise<readonly string[]>,
  measured: (milliseconds: number) => Measured | null = () => null,
): Promise<Verification> {
  const backups = manifests.map(({ id }) => id);
  const since = await markRecords(place, tools, signal);
  const begun = tools.clock.elapsed();
  const findings = await look().then(
    (detail) => ({ backups, level, result: 'sound' as const, detail, measured: measured(tools.clock.elapsed() - begun) }),
    async (error: unknown) => {
      if (error instanceof Different) return { backups, level, result: 'broken' as const, detail: error.differences };
      if (!(error instanceof BerthError) || error.kind !== 'damaged') throw error;
      const culprits = await damagedOf(manifests, tools.store, signal);
      // Bytes that are not what was written are told by comparing them again, as soon as they are.
      const blamed = culprits.length > 0 ? ({ backups: culprits, level: 1 } as const) : { backups, level };
      return { ...blamed, result: 'broken' as const, detail: [error.message] };
    },
  );
  return recordFinding(place, { ...findings, since }, tools, signal);
}

/** Those whose bytes are not what was written, so that the others do not get their blame. */
async function damagedOf(manifests: readonly Manifest[], store: Store, signal: AbortSignal): Promise<readonly string[]> {
  const damaged: string[] = [];
  for (const manifest of manifests)
    await rehashed(manifest, store, signal).catch((error: unknown) => {
      if (!(error instanceof BerthError) || error.kind !== 'damaged') throw error;
      damaged.push(manifest.id);
    });
  return damaged;
}
