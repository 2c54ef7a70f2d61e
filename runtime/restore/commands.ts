import { createWriteStream, mkdirSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { describeBytes, plainBytesOf } from '../../model/backup/bytes.ts';
import type { Manifest } from '../../model/backup/manifest.ts';
import { BerthError } from '../../model/errors.ts';
import type { ObjectRow } from '../../model/backup/object-row.ts';
import { readObjects, restoreObjects } from '../jobs/bucket/restore-objects.ts';
import { withContents } from '../jobs/bucket/verify-bucket.ts';
import { chainOf, readCatalogue } from '../jobs/catalogue.ts';
import { checkStored } from '../jobs/check-stored.ts';
import { openBackup } from '../jobs/open-backup.ts';
import { readIdentity } from '../keys/read-keys.ts';
import type { Store } from '../ports/store.ts';
import type { Bytes } from '../streams/blocks.ts';
import type { CommandLine } from './command-line.ts';
import { describeManifest } from './describe.ts';
import { ObjectFiles } from './object-files.ts';
import { readSigners } from './read-keys.ts';

export interface World {
  readonly store: Store;
  readonly line: CommandLine;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** For what was asked for. */
  readonly out: Writable;
  /** For people. */
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

const width = 3;

export async function list(world: World): Promise<void> {
  const manifests = await catalogue(world);
  if (manifests.length === 0) world.say(`no backups in ${world.store.name}`);
  // Contents are no points in time; the list of a bucket leads to them.
  for (const manifest of manifests) if (manifest.kind !== 'contents') world.out.write(`${describeManifest(manifest)}\n`);
}

export async function check(world: World): Promise<void> {
  const all = await chain(world);
  const [last] = all.slice(-1);
  const trusted = readSigners(world.line);
  for (const manifest of last?.kind === 'bucket' ? await withContents(last, { store: world.store, trusted }, world.signal) : all) {
    await checkStored(world.store, manifest, world.signal, (key, bytes) =>
      world.say(`${key}: ${describeBytes(bytes)} as they were written`),
    );
    world.say(`${manifest.id}: sound`);
  }
}

export async function get(world: World): Promise<void> {
  const { line, store, signal, say } = world;
  const all = await chain(world);
  const wanted = line.values.only === true ? all.slice(-1) : all;
  for (const [index, manifest] of wanted.entries()) {
    const open = await openBackup(store, manifest, identity(world), width, signal);
    const folder = join(line.values.out ?? '', `${String(index + 1).padStart(4, '0')}-${manifest.kind}-${manifest.id}`);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (const stream of manifest.streams) {
      const path = join(folder, stream.name);
      // Under its name a file is whole.
      await pipeline(open(stream), createWriteStream(`${path}.part`, { mode: 0o600 }), { signal });
      await rename(`${path}.part`, path);
      say(`${path}: ${describeBytes(stream.plainBytes)}`);
    }
    if (manifest.kind === 'bucket') await getObjects(manifest, join(folder, 'objects'), world);
  }
  say(
    `${wanted.length} backups, ${describeBytes(wanted.reduce((sum, manifest) => sum + plainBytesOf(manifest), 0))}; restore them in the order of their numbers`,
  );
}

/** The objects of a bucket as files, under the paths of their keys; what else S3 knows of them is in the list beside. */
async function getObjects(listing: Manifest, folder: string, world: World): Promise<void> {
  const { line, store, signal, say } = world;
  const tools = { store, trusted: readSigners(line), identity: identity(world), width };
  const prefix = line.values.objects ?? '';
  const wanted = async function* (): AsyncGenerator<ObjectRow> {
    for await (const row of readObjects(listing, tools, signal)) if (row.key.startsWith(prefix)) yield row;
  };
  const files = new ObjectFiles(folder);
  const total = { objects: 0, bytes: 0 };
  const take = async (row: ObjectRow, bytes: Bytes): Promise<void> => {
    await files.take(row, bytes, signal);
    total.objects += 1;
    total.bytes += row.bytes;
  };
  await restoreObjects(listing, wanted(), take, tools, signal);
  say(`${folder}: ${total.objects} objects, ${describeBytes(total.bytes)}`);
}

export async function cat(world: World): Promise<void> {
  const [, name = ''] = world.line.words;
  const manifest = (await chain(world)).at(-1);
  const stream = manifest?.streams.find((each) => each.name === name);
  if (manifest === undefined || stream === undefined)
    throw new BerthError('usage', `${manifest?.id} has no ${name}`, `it has ${manifest?.streams.map((each) => each.name).join(', ')}`);
  const open = await openBackup(world.store, manifest, identity(world), width, world.signal);
  await pipeline(open(stream), world.out, { signal: world.signal, end: false });
}

const identity = ({ line, env }: World) => readIdentity(line.values.key ?? '', env['BERTH_KEY_PASSPHRASE']);

async function catalogue({ store, line, say, signal }: World): Promise<readonly Manifest[]> {
  const { manifests, refused } = await readCatalogue(store, line.values.prefix ?? 'v1/', readSigners(line), signal);
  for (const { message } of refused) say(`left out: ${message}`);
  return manifests;
}

const chain = async (world: World): Promise<readonly Manifest[]> => chainOf(world.line.words[0] ?? '', await catalogue(world));
