import { randomBytes } from 'node:crypto';
import { backup, type BackupRequest, type BackupTools } from '../../../runtime/jobs/backup.ts';
import { readCatalogue } from '../../../runtime/jobs/catalogue.ts';
import { openBackup } from '../../../runtime/jobs/open-backup.ts';
import type { Manifest } from '../../../model/backup/manifest.ts';
import type { Lease } from '../../../runtime/ports/lease.ts';
import type { Producer, SnapshotFacts } from '../../../runtime/ports/producer.ts';
import type { Store } from '../../../runtime/ports/store.ts';
import type { SuiteName } from '../../../model/backup/suites.ts';
import { peopleOf, recipients, signer } from '../format/keys.ts';
import { FakeClock } from '../schedule/fake-clock.ts';
import { cut, fromAll, whole } from '../streams/bytes.ts';

export const never = new AbortController().signal;
export const place = { site: 'shop', source: 'db' };
const facts: SnapshotFacts = {
  position: { from: null, to: '0/3000148' },
  facts: { tables: 3 },
  tool: { name: 'pg_basebackup', version: '17.11', image: null },
};

/** An engine that holds these files. */
export const engineOf = (
  files: Readonly<Record<string, Uint8Array>>,
  finish: () => Promise<SnapshotFacts> = async () => facts,
): Producer => ({
  engine: 'postgres',
  open: async () => ({
    streams: (async function* () {
      for (const [name, content] of Object.entries(files)) {
        await Promise.resolve();
        yield { name, bytes: fromAll(cut(content, [700])) };
      }
    })(),
    finish,
    [Symbol.asyncDispose]: async () => undefined,
  }),
});

export const openLease = (confirm: Lease['confirm'] = async () => undefined): Lease => ({
  epoch: 1,
  lost: never,
  confirm,
  release: async () => undefined,
});

export const toolsFor = (store: Store, changes: Partial<Omit<BackupTools, 'producer'>> = {}): Omit<BackupTools, 'producer'> => ({
  store,

  lease: openLease(),
  recipients,
  suite: 'aes256',
  signer,
  clock: new FakeClock('2026-03-29T01:00:00Z'),
  random: randomBytes,
  layout: { partBytes: 256, partsPerObject: 3 },
  width: 2,
  berth: '0.1.0',
  ...changes,
});

const request: BackupRequest = { place, kind: 'full', after: null, label: null, scheduledFor: null, newestId: undefined };

export const run = (
  store: Store,
  producer: Producer,
  changes: Partial<BackupTools> = {},
  asked: Partial<BackupRequest> = {},
): Promise<Manifest> => backup({ ...request, ...asked }, { ...toolsFor(store, changes), producer }, never);

/** The same for people with keys of this suite. */
export const runOf =
  (suite: SuiteName) =>
  (store: Store, producer: Producer, changes: Partial<BackupTools> = {}, asked: Partial<BackupRequest> = {}): Promise<Manifest> =>
    run(store, producer, { suite, recipients: peopleOf[suite].recipients, ...changes }, asked);

/** What a store gives back to somebody who has nothing but the store and a key. */
export async function restored(
  store: Store,
): Promise<readonly { readonly manifest: Manifest; readonly files: Readonly<Record<string, Buffer>> }[]> {
  const { manifests, refused } = await readCatalogue(store, 'v1/', [signer.publicKey], never);
  if (refused.length > 0) throw new Error(refused[0]?.message);
  return Promise.all(
    manifests.map(async (manifest) => {
      const open = await openBackup(store, manifest, peopleOf[manifest.cipher.suite].operator.privateKey, 2, never);
      const files = await Promise.all(manifest.streams.map(async (stream) => [stream.name, await whole(open(stream))] as const));
      return { manifest, files: Object.fromEntries(files) };
    }),
  );
}
