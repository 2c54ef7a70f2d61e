import { dataKey, keyFileKey, manifestKey, type Place } from '../../model/backup/layout.ts';
import type { BackupKind, Manifest, StoredStream } from '../../model/backup/manifest.ts';
import type { SuiteName } from '../../model/backup/suites.ts';
import { makeUlid } from '../../model/backup/ulid.ts';
import { BerthError } from '../../model/errors.ts';
import { formatKeyFile, wrapKey } from '../format/key-file.ts';
import type { DataKey, Recipient } from '../format/keys.ts';
import { formatManifest, openManifest } from '../format/manifest-file.ts';
import { checkForSuite } from '../format/recipients.ts';
import { seal } from '../format/seal.ts';
import type { Signer } from '../format/signature.ts';
import { suites } from '../format/suites.ts';
import type { Clock } from '../ports/clock.ts';
import type { Lease } from '../ports/lease.ts';
import type { ProducedStream, Producer } from '../ports/producer.ts';
import type { Store } from '../ports/store.ts';
import { collect } from '../streams/blocks.ts';
import { largestManifest } from './catalogue.ts';
import { checkStream } from './check-stored.ts';
import { checkKeys } from './key-files.ts';
import { uploadStream, type StreamLayout } from './upload-stream.ts';

/** What is to be backed up, and what it follows. */
export interface BackupRequest {
  readonly place: Place;
  readonly kind: BackupKind;
  /** For increments and logs: what they follow. */
  readonly after: { readonly chain: string; readonly parent: string } | null;
  readonly label: string | null;
  readonly scheduledFor: Date | null;
  /** The newest id that is known; the new one is larger, whatever the clock says. */
  readonly newestId: string | undefined;
}

export interface BackupTools {
  readonly store: Store;
  readonly producer: Producer;
  readonly lease: Lease;
  readonly recipients: readonly Recipient[];
  readonly suite: SuiteName;
  readonly signer: Signer;
  readonly clock: Clock;
  /** Random bytes, fit for keys. */
  readonly random: (bytes: number) => Uint8Array;
  readonly layout: StreamLayout;
  /** Frames that are compressed at the same time. */
  readonly width: number;
  readonly berth: string;
}

/**
 * One backup: key, data, proof that the data lie there as they were sent, and only then the manifest that makes it count. Whatever goes
 * wrong on the way leaves no backup, and what lies around is taken by the next sweep: it has an id that nobody uses again.
 */
export async function backup(request: BackupRequest, tools: BackupTools, signal: AbortSignal): Promise<Manifest> {
  const { store, producer, lease, clock, random } = tools;
  const suite = suites[tools.suite];
  const stop = AbortSignal.any([signal, lease.lost]);
  const startedAt = clock.now();
  const begun = clock.elapsed();
  const id = makeUlid(startedAt, random(10), request.newestId);
  const key = suite.drawKey(random);
  await writeKeyFile(request.place, id, key, tools, stop);

  await using snapshot = await producer.open(stop);
  const streams: StoredStream[] = [];
  for await (const produced of snapshot.streams) streams.push(await writeStream(produced, request.place, id, key, tools, stop));
  const { position, facts, tool } = await snapshot.finish();
  for (const stream of streams) await checkStream(store, stream, stop);

  const manifest: Manifest = {
    format: 'berth-backup',
    version: suite.name === 'age' ? 2 : 1,
    id,
    site: request.place.site,
    source: request.place.source,
    engine: producer.engine,
    kind: request.kind,
    chain: request.after?.chain ?? id,
    parent: request.after?.parent ?? null,
    label: request.label,
    scheduledFor: request.scheduledFor?.toISOString() ?? null,
    startedAt: startedAt.toISOString(),
    finishedAt: clock.now().toISOString(),
    durationMs: Math.round(clock.elapsed() - begun),
    position,
    facts,
    cipher: { suite: suite.name, keyCheck: suite.checkOf(key) },
    streams,
    tool,
    berth: tools.berth,
    epoch: lease.epoch,
  };
  await commit(manifest, request.place, tools, stop);
  return manifest;
}

async function writeKeyFile(
  place: Place,
  id: string,
  key: DataKey,
  { store, recipients, suite, random }: BackupTools,
  signal: AbortSignal,
): Promise<void> {
  checkForSuite(suite, recipients);
  const body = Buffer.from(formatKeyFile(wrapKey(id, suites[suite], key, recipients, random)));
  await createNew(store, keyFileKey(place, id, id), body, signal);
}

async function writeStream(
  { name, bytes }: ProducedStream,
  place: Place,
  id: string,
  key: DataKey,
  { store, suite: suiteName, random, layout, width }: BackupTools,
  signal: AbortSignal,
): Promise<StoredStream> {
  const suite = suites[suiteName];
  const iv = suite.drawIv(random);
  const { parts, plainBytes } = seal(bytes, { suite, key, iv, random, partBytes: layout.partBytes, width });
  const objects = await uploadStream(store, parts, (index) => dataKey(place, id, name, suiteName, index), layout, signal);
  return { name, compression: 'zstd', iv, plainBytes: plainBytes(), partBytes: layout.partBytes, objects };
}

/** The moment from which on the backup exists. */
async function commit(manifest: Manifest, place: Place, { store, signer, lease }: BackupTools, signal: AbortSignal): Promise<void> {
  // A sweep that takes this for an attempt of long ago, by a clock that was wrong, takes the key first of all.
  await checkKeys(store, manifest, signal);
  const key = manifestKey(place, manifest.id, manifest.kind);
  const body = Buffer.from(formatManifest(manifest, signer));
  await lease.confirm(signal);
  await createNew(store, key, body, signal);
  openManifest(await collect(store.read(key, signal), largestManifest), key, [signer.publicKey]);
}

async function createNew(store: Store, key: string, body: Uint8Array, signal: AbortSignal): Promise<void> {
  if (await store.create(key, body, signal)) return;
  throw new BerthError(
    'locked',
    `${key} is already there, and nobody but this runtime should write it`,
    'see that one agent alone runs for this site',
  );
}
