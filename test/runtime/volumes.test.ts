import { createSecretKey } from 'node:crypto';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Manifest } from '../../model/backup/manifest.ts';
import type { Producer } from '../../runtime/ports/producer.ts';
import { memoryStore } from '../../runtime/stores/memory-store.ts';
import { copyOf, proveVolume, type VolumeJob } from '../../runtime/volumes.ts';
import { operator, signer, stranger } from './format/keys.ts';
import { never, run, toolsFor } from './jobs/backup-world.ts';
import { noise } from './streams/bytes.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'berth-volume-'));
  writeFileSync(join(folder, 'report'), 'one');
});
afterEach(() => rmSync(folder, { recursive: true }));

const key = createSecretKey(Buffer.from('key'));
const copied = () => copyOf({ volume: { folder } } as VolumeJob, key, '0.1.0');

test('a volume is copied again when something changed, or when the copy could not have it whole', async () => {
  const { producer, holds } = copied();
  await using snapshot = await producer.open(never);
  for await (const { bytes } of snapshot.streams) for await (const _ of bytes);
  const { facts } = await snapshot.finish();
  const still = (more: object = {}) => holds?.({ facts: { ...facts, ...more } } as unknown as Manifest, never);
  expect(await still()).toBe(true);
  expect(await still({ changed: 1 })).toBe(false);
  writeFileSync(join(folder, 'report'), 'two');
  expect(await still()).toBe(false);
});

describe('a copy of a volume', () => {
  const place = { site: 'shop', source: 'uploads' };
  let store: ReturnType<typeof memoryStore>;
  beforeEach(() => {
    store = memoryStore(() => new Date('2026-03-29T01:00:00Z'));
  });
  const layout = { partBytes: 2 ** 20, partsPerObject: 4 };
  const make = (producer: Producer): Promise<Manifest> => run(store, producer, { layout }, { place, kind: 'volume' });
  const proven = (how: { readonly key?: typeof key; readonly isProven?: boolean; readonly identity?: typeof key } = {}) => {
    const tools = { ...toolsFor(store), trusted: [signer.publicKey], identity: how.identity ?? operator.privateKey, key: how.key ?? key };
    return proveVolume(place, () => how.isProven ?? false, tools, never);
  };
  /** What the volume holds, with something else in its archive. */
  const spoilt = (spoil: (chunk: Uint8Array) => Uint8Array): Producer => ({
    engine: 'volume',
    open: async (signal) => {
      const real = await copied().producer.open(signal);
      const streams = async function* () {
        for await (const { name, bytes } of real.streams)
          yield {
            name,
            bytes: (async function* () {
              for await (const chunk of bytes) yield spoil(chunk);
            })(),
          };
      };
      return { ...real, streams: streams(), [Symbol.asyncDispose]: () => real[Symbol.asyncDispose]() };
    },
  });

  test('is proven by taking all of it out again: files, links and times are what was in the volume', async () => {
    expect(await proven()).toBeUndefined();
    writeFileSync(join(folder, 'large'), noise(6 * 2 ** 20));
    writeFileSync(join(folder, 'empty'), '');
    symlinkSync('report', join(folder, 'link'));
    const { id } = await make(copied().producer);
    expect(await proven()).toMatchObject({
      level: 3,
      result: 'sound',
      backups: [id],
      detail: ['3 files with 6291459 bytes are what was in the volume, with their owners, modes and times'],
    });
    expect(await proven({ isProven: true })).toBeUndefined();
  });

  test.each<[string, (chunk: Uint8Array) => Uint8Array]>([
    ['other bytes', (chunk) => (Buffer.from(chunk).toString('latin1') === 'one' ? Buffer.from('two') : chunk)],
    ['another archive', (chunk) => (chunk.length === 3 ? new Uint8Array(3) : chunk)],
  ])('whose archive holds %s is broken, though all of it is as it was signed', async (_, spoil) => {
    const { id } = await make(spoilt(spoil));
    expect(await proven()).toMatchObject({
      result: 'broken',
      backups: [id],
      detail: [expect.stringContaining('is not what was read from the volume')],
    });
  });

  test('of another signer cannot be compared, and is seen to be sound', async () => {
    const { id } = await make(copied().producer);
    expect(await proven({ key: createSecretKey(Buffer.from('another')) })).toMatchObject({ level: 2, result: 'sound', backups: [id] });
  });

  test('that was made for an agent of before is seen to lie there as it was written', async () => {
    const { id } = await make(copied().producer);
    expect(await proven({ identity: stranger.privateKey })).toMatchObject({ level: 1, result: 'sound', backups: [id] });
  });
});
