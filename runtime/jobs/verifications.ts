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
}

export interface Finding {
  /** Ids. */
  readonly backups: readonly string[];
  readonly level: Level;
  readonly result: Verification['result'];
  readonly detail: readonly string[];
  /** What it took, where something was restored. */
  readonly measured?: Measured | null;
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

/** Writes down what was found, signed. */
export async function recordFinding(place: Place, finding: Finding, tools: RecordTools, signal: AbortSignal): Promise<Verification> {
  const now = tools.clock.now();
  const record: Verification = {
    format: 'berth-verification',
    version: 1,
    id: makeUlid(now, tools.random(10), await newestRecord(place, tools.store, signal)),
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
async function newestRecord(place: Place, store: Store, signal: AbortSignal): Promise<string | undefined> {
  const prefix = verifiedPrefix(place);
  let newest: string | undefined;
  for await (const { key } of store.list(prefix, signal)) {
    const id = idInKey(key, prefix);
    if (id !== undefined && id > (newest ?? '')) newest = id;
  }
  return newest;
}

/** Reads what was found. A record that is damaged proves nothing, and does no harm. */
export async function readVerifications(place: Place, store: Store, trusted: TrustedSigners, signal: AbortSignal): Promise<Verifications> {
  const records: Verification[] = [];
  const refused: { readonly key: string; readonly message: string }[] = [];
  const read = async ({ key }: ObjectInfo): Promise<() => void> => {
    try {
      const record = parseVerification(openSigned(await collect(store.read(key, signal), largestRecord), key, trusted), key);
      return () => records.push(record);
    } catch (error) {
      if (!(error instanceof BerthError) || error.kind !== 'damaged') throw error;
      return () => refused.push({ key, message: error.message });
    }
  };
  for await (const add of inOrder(store.list(verifiedPrefix(place), signal), atOnce, read)) add();
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
