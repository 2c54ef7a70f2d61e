import { idInKey, verifiedKey, verifiedPrefix, type Place } from '../../model/backup/layout.ts';
import { makeUlid } from '../../model/backup/ulid.ts';
import { parseVerification, proofsOf, type Level, type Measured, type Proof, type Verification } from '../../model/backup/verification.ts';
import { BerthError } from '../../model/errors.ts';
import { openSigned, signDocument, type Signer, type TrustedSigners } from '../format/signature.ts';
import type { Clock } from '../ports/clock.ts';
import type { ObjectInfo, Store } from '../ports/store.ts';
import { collect } from '../streams/blocks.ts';
import { inOrder } from '../streams/in-order.ts';

export interface RecordTools {
  readonly store: Store;
  readonly signer: Signer;
  readonly clock: Clock;
  readonly random: (bytes: number) => Uint8Array;
  readonly berth: string;
  /** Whose records count; where nothing is said, the signer's own. */
  readonly trusted?: TrustedSigners;
}

/** The newest record of a source at some moment: what is found after that has a newer id. */
export interface RecordMark {
  readonly newest: string | undefined;
}

export interface Finding {
  /** Ids. */
  readonly backups: readonly string[];
  readonly level: Level;
  readonly result: Verification['result'];
  readonly detail: readonly string[];
  /** What it took, where something was restored. */
  readonly measured?: Measured | null;
  /** From before the look began. Who finds something sound may have read it hours before somebody else found it broken, and acquits nothing of that. */
  readonly since?: RecordMark;
}

/** All that was ever found of one source. */
export interface Verifications {
  readonly records: readonly Verification[];
  readonly proofs: ReadonlyMap<string, Proof>;
  /** Records that do not count: damaged, or not by a signer that is trusted. */
  readonly refused: readonly { readonly key: string; readonly message: string }[];
}

const largestRecord = 8 * 2 ** 20;
const atOnce = 8;
/** More than this on one line, or more lines, helps nobody. */
const longestLine = 4000;
const mostLines = 50;

/** To be asked for before a look begins that takes its time. */
export const markRecords = async (place: Place, { store }: Pick<RecordTools, 'store'>, signal: AbortSignal): Promise<RecordMark> => ({
  newest: (await recordIds(place, store, signal)).at(-1),
});

/** Writes down what was found, signed. @returns what was written. */
export async function recordFinding(place: Place, asked: Finding, tools: RecordTools, signal: AbortSignal): Promise<Verification> {
  const now = tools.clock.now();
  const ids = await recordIds(place, tools.store, signal);
  const finding = await withoutBroken(place, asked, ids, tools, signal);
  const record: Verification = {
    format: 'berth-verification',
    version: 1,
    id: makeUlid(now, tools.random(10), ids.at(-1)),
    backups: finding.backups,
    level: finding.level,
    at: now.toISOString(),
    result: finding.result,
    detail: finding.detail.slice(0, mostLines).map((line) => line.replaceAll(/\p{Cc}+/gu, ' ').slice(0, longestLine)),
    berth: tools.berth,
    measured: finding.measured ?? null,
  };
  const document = `${JSON.stringify(record, undefined, 1)}\n`;
  await tools.store.put(verifiedKey(place, record.id), Buffer.from(signDocument(document, tools.signer)), signal);
  return record;
}

/** The order of the records is that of their ids, whatever the clock says. */
async function recordIds(place: Place, store: Store, signal: AbortSignal): Promise<readonly string[]> {
  const prefix = verifiedPrefix(place);
  const ids: string[] = [];
  for await (const { key } of store.list(prefix, signal)) {
    const id = idInKey(key, prefix);
    if (id !== undefined) ids.push(id);
  }
  return ids.sort();
}

/** Of what is to be called sound, that of which nobody has said otherwise since the look began; where nothing is left, what they have said. */
async function withoutBroken(
  place: Place,
  finding: Finding,
  ids: readonly string[],
  { store, signer, trusted = [signer.publicKey] }: RecordTools,
  signal: AbortSignal,
): Promise<Finding> {
  const { since, result, backups, detail } = finding;
  if (since === undefined || result === 'broken') return finding;
  const keys = ids.filter((id) => id > (since.newest ?? '')).map((id) => ({ key: verifiedKey(place, id) }));
  const { proofs } = await readRecords(keys, store, trusted, signal);
  const brokenLevels = backups.flatMap((id) => Math.min(0, proofs.get(id)?.level ?? 0) || []);
  if (brokenLevels.length === 0) return finding;
  const isBroken = (id: string): boolean => (proofs.get(id)?.level ?? 0) < 0;
  const left = backups.filter((id) => !isBroken(id));
  if (left.length > 0)
    return {
      ...finding,
      backups: left,
      detail: [...detail, `found to be broken meanwhile, and left out: ${backups.filter(isBroken).join(', ')}`],
    };
  const level = Math.min(...brokenLevels.map(Math.abs)) as Level;
  return { backups, level, result: 'broken', detail: ['found to be broken while this look, which found nothing, was at work'] };
}

/** Reads what was found. A record that is damaged proves nothing, and does no harm. */
export const readVerifications = (place: Place, store: Store, trusted: TrustedSigners, signal: AbortSignal): Promise<Verifications> =>
  readRecords(store.list(verifiedPrefix(place), signal), store, trusted, signal);

async function readRecords(
  listed: Iterable<Pick<ObjectInfo, 'key'>> | AsyncIterable<Pick<ObjectInfo, 'key'>>,
  store: Store,
  trusted: TrustedSigners,
  signal: AbortSignal,
): Promise<Verifications> {
  const records: Verification[] = [];
  const refused: { readonly key: string; readonly message: string }[] = [];
  const read = async ({ key }: Pick<ObjectInfo, 'key'>): Promise<() => void> => {
    try {
      const record = parseVerification(openSigned(await collect(store.read(key, signal), largestRecord), key, trusted), key);
      return () => records.push(record);
    } catch (error) {
      if (!(error instanceof BerthError) || error.kind !== 'damaged') throw error;
      return () => refused.push({ key, message: error.message });
    }
  };
  for await (const add of inOrder(listed, atOnce, read)) add();
  return { records, proofs: proofsOf(records), refused };
}

/** Deletes records of which no backup is left. Young ones stay: a list may not yet have what they are of. Answers how many. */
export async function forgetFindings(
  place: Place,
  { records }: Verifications,
  isThere: (id: string) => boolean,
  before: Date,
  store: Store,
  signal: AbortSignal,
): Promise<number> {
  const gone = records.filter(({ backups, at }) => new Date(at) < before && !backups.some(isThere));
  for (const { id } of gone) await store.delete(verifiedKey(place, id), signal);
  return gone.length;
}
