import { createWriteStream, mkdirSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { describeBytes, plainBytesOf } from '../../model/backup/bytes.ts';
import type { Manifest } from '../../model/backup/manifest.ts';
import { BerthError } from '../../model/errors.ts';
import { chainOf, readCatalogue } from '../jobs/catalogue.ts';
import { checkStored } from '../jobs/check-stored.ts';
import { openBackup } from '../jobs/open-backup.ts';
import { readIdentity } from '../keys/read-keys.ts';
import type { Store } from '../ports/store.ts';
import type { CommandLine } from './command-line.ts';
import { describeManifest } from './describe.ts';
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
  for (const manifest of manifests) world.out.write(`${describeManifest(manifest)}\n`);
}

export async function check(world: World): Promise<void> {
  for (const manifest of await chain(world)) {
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
  }
  say(
    `${wanted.length} backups, ${describeBytes(wanted.reduce((sum, manifest) => sum + plainBytesOf(manifest), 0))}; restore them in the order of their numbers`,
  );
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
