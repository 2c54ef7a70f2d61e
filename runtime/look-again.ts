import type { KeyObject } from 'node:crypto';
import type { Manifest } from '../model/backup/manifest.ts';
import type { Level, Proof } from '../model/backup/verification.ts';
import { BerthError } from '../model/errors.ts';
import { checkedRdb } from './engines/cache/rdb.ts';
import { checkStored } from './jobs/check-stored.ts';
import { openBackup } from './jobs/open-backup.ts';
import { recordFinding, type RecordTools } from './jobs/verifications.ts';
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

interface LookTools {
  readonly store: Store;
  /** Of one who can open them; without it bytes are compared and nothing is opened. */
  readonly identity: KeyObject | undefined;
  /** Writes down what was found; nobody does where there is only a kit. */
  readonly recorder: RecordTools | undefined;
  /** Told of how much was looked at so far. */
  readonly heard: (bytes: number) => void;
}

/** Compares every byte of these backups with what was signed; with a key also opens them to the end. */
export async function lookAgain(manifests: readonly Manifest[], tools: LookTools, signal: AbortSignal): Promise<Looked> {
  const level = tools.identity === undefined ? 1 : 2;
  const broken: { readonly id: string; readonly message: string }[] = [];
  let bytes = 0;
  const heard = (more: number): void => tools.heard((bytes += more));
  for (const manifest of manifests)
    try {
      await lookAtOne(manifest, tools, heard, signal);
    } catch (error) {
      if (!(error instanceof BerthError) || error.kind !== 'damaged') throw error;
      broken.push({ id: manifest.id, message: error.message });
    }
  const sound = manifests.filter(({ id }) => !broken.some((each) => each.id === id));
  for (const source of new Set(manifests.map((manifest) => manifest.source)))
    await record({ source, level, manifests, sound, broken }, tools.recorder, signal);
  return { level, sound: sound.map(({ id }) => id), broken };
}

/** What knows more of some files than that they are whole. */
const judges: Partial<Record<Manifest['kind'], (bytes: Bytes) => Bytes>> = { cache: (bytes) => checkedRdb(bytes, () => undefined) };

async function lookAtOne(
  manifest: Manifest,
  { store, identity }: LookTools,
  heard: (bytes: number) => void,
  signal: AbortSignal,
): Promise<void> {
  await checkStored(store, manifest, signal, (_key, bytes) => heard(bytes));
  if (identity === undefined) return;
  const open = await openBackup(store, manifest, identity, width, signal);
  const accepts = judges[manifest.kind] ?? ((bytes: Bytes) => bytes);
  for (const stream of manifest.streams) for await (const chunk of accepts(open(stream))) heard(chunk.length);
}

interface Found {
  readonly source: string;
  readonly level: Level;
  readonly manifests: readonly Manifest[];
  readonly sound: readonly Manifest[];
  readonly broken: Looked['broken'];
}

/** One record for all that are sound, so that looking every week does not fill the store. */
async function record(
  { source, level, manifests, sound, broken }: Found,
  recorder: RecordTools | undefined,
  signal: AbortSignal,
): Promise<void> {
  const [first] = manifests;
  if (recorder === undefined || first === undefined) return;
  const place = { site: first.site, source };
  const ids = sound.filter((manifest) => manifest.source === source).map(({ id }) => id);
  if (ids.length > 0) await recordFinding(place, { backups: ids, level, result: 'sound', detail: [] }, recorder, signal);
  for (const { id, message } of broken)
    if (manifests.some((manifest) => manifest.id === id && manifest.source === source))
      await recordFinding(place, { backups: [id], level, result: 'broken', detail: [message] }, recorder, signal);
}
