import type { KeyObject } from 'node:crypto';
import type { Place } from '../model/backup/layout.ts';
import type { BackupKind, Manifest } from '../model/backup/manifest.ts';
import { timeOfUlid } from '../model/backup/ulid.ts';
import type { Level, Proof, Verification } from '../model/backup/verification.ts';
import { BerthError } from '../model/errors.ts';
import { checkedRdb } from './engines/cache/rdb.ts';
import type { TrustedSigners } from './format/signature.ts';
import { readAgain } from './jobs/catalogue.ts';
import { checkStored } from './jobs/check-stored.ts';
import { Failures, throwFirst } from './jobs/failures.ts';
import { openBackup } from './jobs/open-backup.ts';
import { markRecords, recordFinding, type Finding, type RecordMark, type RecordTools } from './jobs/verifications.ts';
import type { Store } from './ports/store.ts';
import type { Bytes } from './streams/blocks.ts';

/** Every byte was read back before the manifest was written. */
const provenByBackup = 1;
const unsound = -1;
/** Frames at work at the same time: what two cores can do. */
const width = 3;

/** How far a backup was proven: when it was made, or since. Below zero it is broken, at whatever level. */
export function levelOf(proofs: ReadonlyMap<string, Proof>, id: string): number {
  const found = proofs.get(id)?.level ?? provenByBackup;
  return found < 0 ? unsound : Math.max(provenByBackup, found);
}

export interface Looked {
  readonly level: Level;
  /** Ids. */
  readonly sound: readonly string[];
  readonly broken: readonly { readonly id: string; readonly message: string }[];
}

/** A backup of which no more is held than its name: of the log of a month there are more than a hundred thousand. */
export class Unread {
  readonly id: string;
  readonly #kind: BackupKind;
  readonly #from: { readonly place: Place; readonly store: Store; readonly trusted: TrustedSigners };
  constructor(
    { id, kind }: Pick<Manifest, 'id' | 'kind'>,
    from: { readonly place: Place; readonly store: Store; readonly trusted: TrustedSigners },
  ) {
    this.id = id;
    this.#kind = kind;
    this.#from = from;
  }

  get site(): string {
    return this.#from.place.site;
  }

  get source(): string {
    return this.#from.place.source;
  }

  /** All that there is to know of it. Nothing when it was removed since, or is no more what was signed. */
  async read(signal: AbortSignal): Promise<Manifest | undefined> {
    const { place, store, trusted } = this.#from;
    return readAgain({ ...place, id: this.id, kind: this.#kind }, store, trusted, signal);
  }
}

type Listed = Manifest | Unread;

interface LookTools {
  readonly store: Store;
  /** Of one who can open them; without it bytes are compared and nothing is opened. */
  readonly identity: KeyObject | undefined;
  /** Writes down what was found; nobody does where there is only a kit. */
  readonly recorder: RecordTools | undefined;
  /** Told of how much was looked at so far. */
  readonly heard: (bytes: number) => void;
  /** Told at once of each that is broken, for who may not live to see the end. */
  readonly broke?: (id: string, message: string) => void;
}

/**
 * Those that nobody has looked at since then, whoever was not for the longest first: a pass that broke off is gone on with, and where one takes longer than the
 * pause between two, each has its turn all the same.
 *
 * @param records - What was found of them. One of a time that has not come yet, by a clock that was set wrong, says nothing.
 */
export function dueSince<M extends Pick<Manifest, 'id'>>(
  manifests: readonly M[],
  records: readonly Verification[],
  { since, now }: { readonly since: Date; readonly now: Date },
): readonly M[] {
  const looked = new Map<string, number>();
  for (const { backups, at } of records)
    if (new Date(at) <= now) for (const id of backups) looked.set(id, Math.max(new Date(at).getTime(), looked.get(id) ?? 0));
  const lastOf = ({ id }: M): number => looked.get(id) ?? timeOfUlid(id).getTime();
  return manifests
    .filter(({ id }) => (looked.get(id) ?? 0) < since.getTime())
    .map((manifest) => ({ manifest, last: lastOf(manifest) }))
    .sort((a, b) => a.last - b.last)
    .map(({ manifest }) => manifest);
}

/** What is sound is written down after so many, or so much: some minutes of what a store gives. What is lost when a pass breaks off is no more than that. */
const mostUnwritten = { backups: 1000, bytes: 2 ** 36 };

/**
 * Compares every byte of these backups with what was signed; with a key also opens them to the end. What was found is written down as it goes on.
 *
 * @throws the first failure of the store, once all others were looked at.
 */
export async function lookAgain(
  manifests: readonly Listed[],
  tools: LookTools,
  signal: AbortSignal,
  most = mostUnwritten,
): Promise<Looked> {
  const level: Level = tools.identity === undefined ? 1 : 2;
  const [sound, broken]: [string[], { readonly id: string; readonly message: string }[]] = [[], []];
  const failures = new Failures();
  let bytes = 0;
  const heard = (more: number): void => tools.heard((bytes += more));
  const nothing = (): Unwritten => ({ manifests: [], marks: new Map(), from: bytes });
  let unwritten = nothing();
  const write = async (): Promise<void> => {
    await recordSound(unwritten, level, tools.recorder, signal);
    unwritten = nothing();
  };
  for (const manifest of manifests) {
    const { id, site, source } = manifest;
    try {
      if (tools.recorder !== undefined && !unwritten.marks.has(source))
        unwritten.marks.set(source, await markRecords({ site, source }, tools.recorder, signal));
      const whole = manifest instanceof Unread ? await manifest.read(signal) : manifest;
      if (whole === undefined) continue;
      await lookAtOne(whole, tools, heard, signal);
      failures.wentWell();
      sound.push(id);
      unwritten.manifests.push(manifest);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof BerthError && error.kind === 'damaged') {
        const { message } = error;
        failures.wentWell();
        broken.push({ id, message });
        tools.broke?.(id, message);
        // Bytes that are not what was written are told by comparing them again, as soon as they are: no key is needed for that.
        const failed = error instanceof Unlike ? 1 : level;
        await recordOne(manifest, { backups: [id], level: failed, result: 'broken', detail: [message] }, tools.recorder, signal);
      } else {
        failures.add(error, signal);
        if (failures.tooMany) break;
      }
    }
    if (unwritten.manifests.length >= most.backups || bytes - unwritten.from >= most.bytes) await write();
  }
  await write();
  throwFirst(failures.all);
  return { level, sound, broken };
}

/** What was found sound since the last record, and where the records of each source ended before. */
interface Unwritten {
  readonly manifests: Listed[];
  readonly marks: Map<string, RecordMark>;
  readonly from: number;
}

/** Bytes in the store that are not what was written. */
class Unlike extends BerthError {
  constructor(cause: BerthError) {
    super(cause.kind, cause.message, cause.hint, { cause });
  }
}

/** What knows more of some files than that they are whole. */
const judges: Partial<Record<Manifest['kind'], (bytes: Bytes) => Bytes>> = { cache: (bytes) => checkedRdb(bytes, () => undefined) };

async function lookAtOne(
  manifest: Manifest,
  { store, identity }: LookTools,
  heard: (bytes: number) => void,
  signal: AbortSignal,
): Promise<void> {
  try {
    await checkStored(store, manifest, signal, (_key, bytes) => heard(bytes));
  } catch (error) {
    throw error instanceof BerthError && error.kind === 'damaged' ? new Unlike(error) : error;
  }
  if (identity === undefined) return;
  const open = await openBackup(store, manifest, identity, width, signal);
  const accepts = judges[manifest.kind] ?? ((bytes: Bytes) => bytes);
  for (const stream of manifest.streams) for await (const chunk of accepts(open(stream))) heard(chunk.length);
}

/** One record of each source for all that are sound, so that looking every week does not fill the store. */
async function recordSound(
  { manifests, marks }: Unwritten,
  level: Level,
  recorder: RecordTools | undefined,
  signal: AbortSignal,
): Promise<void> {
  for (const [source, some] of Map.groupBy(manifests, (each) => each.source)) {
    const since = marks.get(source);
    const sound = { backups: some.map(({ id }) => id), level, result: 'sound', detail: [], ...(since && { since }) } as const;
    if (some[0] !== undefined) await recordOne(some[0], sound, recorder, signal);
  }
}

async function recordOne(
  { site, source }: Listed,
  finding: Finding,
  recorder: RecordTools | undefined,
  signal: AbortSignal,
): Promise<void> {
  if (recorder !== undefined) await recordFinding({ site, source }, finding, recorder, signal);
}
