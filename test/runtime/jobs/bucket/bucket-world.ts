import { randomBytes } from 'node:crypto';
import type { Manifest } from '../../../../model/backup/manifest.ts';
import { copyBucket } from '../../../../runtime/jobs/bucket/copy-bucket.ts';
import type { CopyTools } from '../../../../runtime/jobs/bucket/survey.ts';
import { readObjects, restoreObjects } from '../../../../runtime/jobs/bucket/restore-objects.ts';
import { readCatalogue } from '../../../../runtime/jobs/catalogue.ts';
import type { Taken } from '../../../../runtime/jobs/take-backup.ts';
import type { Bucket } from '../../../../runtime/ports/bucket.ts';
import type { Store } from '../../../../runtime/ports/store.ts';
import { operator, recipients, signer } from '../../format/keys.ts';
import { FakeClock } from '../../schedule/fake-clock.ts';
import { whole } from '../../streams/bytes.ts';
import { never, openLease } from '../backup-world.ts';

export const bucketPlace = { site: 'shop', source: 'files.uploads' };
const trusted = [signer.publicKey];

export const copyTools = (store: Store, bucket: Bucket, changes: Partial<CopyTools> = {}): CopyTools => ({
  store,
  bucket,
  place: bucketPlace,
  leases: { acquire: async () => openLease() },
  leasePatienceMs: 0,
  trusted,
  recipients: () => recipients,
  identity: operator.privateKey,
  suite: 'aes256',
  signer,
  clock: new FakeClock('2026-03-29T01:00:00Z'),
  random: randomBytes,
  layout: { partBytes: 2048, partsPerObject: 4 },
  width: 2,
  berth: '0.1.0',
  bucketLayout: { smallBytes: 1000, readers: 3, batchBytes: 8000, batchEntries: 5, aloneBytes: 4000, resumedRows: 4 },
  isBroken: () => false,
  heard: () => undefined,
  ...changes,
});

export const copy = (store: Store, bucket: Bucket, changes: Partial<CopyTools> = {}): Promise<Taken> =>
  copyBucket({ due: null, label: null }, copyTools(store, bucket, changes), never);

export const restoreTools = (store: Store) => ({ store, trusted, identity: operator.privateKey, width: 2 });

export const backupsIn = async (store: Store): Promise<readonly Manifest[]> => {
  const { manifests, refused } = await readCatalogue(store, 'v1/', trusted, never);
  if (refused[0] !== undefined) throw new Error(refused[0].message);
  return manifests;
};

/** Key → content, as a restore hands it out. */
export async function contentOf(store: Store, listing: Manifest): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  const take = async ({ key }: { readonly key: string }, bytes: AsyncIterable<Uint8Array>): Promise<void> => {
    if (found.has(key)) throw new Error(`${key} was handed out twice`);
    found.set(key, (await whole(bytes)).toString('latin1'));
  };
  const tools = restoreTools(store);
  await restoreObjects(listing, readObjects(listing, tools, never), take, tools, never);
  return found;
}

export async function allOf<T>(source: AsyncIterable<T>): Promise<readonly T[]> {
  const all: T[] = [];
  for await (const each of source) all.push(each);
  return all;
}
