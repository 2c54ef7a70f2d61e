import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { StoredStream } from '../../../model/backup/manifest.ts';
import { suiteNames } from '../../../model/backup/suites.ts';
import { seal, unseal } from '../../../runtime/format/seal.ts';
import { suites } from '../../../runtime/format/suites.ts';
import { joined } from '../../../runtime/streams/blocks.ts';
import { giveAway } from '../../../runtime/streams/given-away.ts';
import { cut, from, fromAll, noise, whole } from '../streams/bytes.ts';

describe.each(suiteNames)('a stream that is sealed by %s', (name) => {
  const suite = suites[name];
  const key = suite.drawKey(randomBytes);
  const iv = suite.drawIv(randomBytes);
  const how = { suite, key, iv, random: randomBytes };

  /** A stream as it would lie in a store, several parts to an object. */
  async function sealed(bytes: Uint8Array, lengths: readonly number[], partBytes = 64, partsInObject = 3) {
    const { parts, plainBytes } = seal(fromAll(cut(bytes, lengths)), { ...how, partBytes, width: 2 });
    const bodies: Uint8Array[] = [];
    const objects: { key: string; bytes: number; parts: string[] }[] = [];
    for await (const part of parts) {
      const last = objects.at(-1);
      const full = last === undefined || last.parts.length === partsInObject;
      const object = full ? { key: `data/${objects.length}`, bytes: 0, parts: [] as string[] } : last;
      if (full) objects.push(object);
      object.bytes += part.bytes;
      object.parts.push(part.sha256);
      bodies[objects.length - 1] = Buffer.concat([bodies[objects.length - 1] ?? Buffer.alloc(0), joined(part)]);
    }
    const stream: StoredStream = { name: 'dump.sql', compression: 'zstd', iv, plainBytes: plainBytes(), partBytes, objects };
    return { stream, bodies };
  }

  const open = (stream: StoredStream, bodies: readonly Uint8Array[], lengths: readonly number[] = []) =>
    unseal(stream, suite, key, (object) => fromAll(cut(bodies[stream.objects.indexOf(object)] ?? Buffer.alloc(0), lengths)), 2);

  test('gives back any bytes in any pieces, over any number of objects', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 2000 }),
        fc.array(fc.nat(300)),
        fc.array(fc.nat(90)),
        async (bytes, inLengths, outLengths) => {
          const { stream, bodies } = await sealed(bytes, inLengths);
          expect(await whole(open(stream, bodies, outLengths))).toEqual(Buffer.from(bytes));
          expect(stream.plainBytes).toBe(bytes.length);
        },
      ),
    );
  });

  test('of megabytes, each of which is let go of by who needs it last, comes back as it was', async () => {
    const plain = Buffer.concat([noise(9_000_000), Buffer.alloc(5_000_000, 'a row of a table, '), noise(3_000_000, 2)]);
    const { stream, bodies } = await sealed(plain, [65_536], 2 ** 20);
    async function* given(object: StoredStream['objects'][number]): AsyncGenerator<Uint8Array> {
      for (const chunk of cut(bodies[stream.objects.indexOf(object)] ?? Buffer.alloc(0), [300_000])) yield giveAway(new Uint8Array(chunk));
    }
    expect((await whole(unseal(stream, suite, key, given, 2))).equals(plain)).toBe(true);
  });

  test('shows one flipped bit anywhere, and gives out nothing of that part', async () => {
    const plain = noise(1000);
    const { stream, bodies } = await sealed(plain, [333]);
    await fc.assert(
      fc.asyncProperty(fc.nat(bodies.length - 1), fc.nat(10_000), fc.nat(7), async (index, place, bit) => {
        const body = Buffer.from(bodies[index] ?? []);
        const at = place % body.length;
        body[at] = (body[at] ?? 0) ^ (1 << bit);
        const out: Uint8Array[] = [];
        const read = async (): Promise<void> => {
          for await (const chunk of open(
            stream,
            bodies.map((each, n) => (n === index ? body : each)),
          ))
            out.push(chunk);
        };
        await expect(read()).rejects.toMatchObject({ kind: 'damaged', message: expect.stringContaining(`data/${index}`) as string });
        expect(plain.subarray(0, Buffer.concat(out).length)).toEqual(Buffer.concat(out));
      }),
      { numRuns: 300 },
    );
  });

  test('shows that it was cut short at any byte, between parts and objects as well', async () => {
    const { stream, bodies } = await sealed(noise(500), [100]);
    for (const [index, body] of bodies.entries())
      for (let length = 0; length < body.length; length += 1) {
        const cutBodies = bodies.map((each, n) => (n === index ? body.subarray(0, length) : each));
        await expect(whole(open(stream, cutBodies))).rejects.toMatchObject({ kind: 'damaged' });
      }
  });

  test('shows what was added, swapped or taken from another', async () => {
    const { stream, bodies } = await sealed(noise(500), []);
    const other = await sealed(noise(500, 9), []);
    const last = bodies.length - 1;
    const wrong = [
      bodies.map((each, n) => (n === last ? Buffer.concat([each, Buffer.from('x')]) : each)),
      bodies.map((each) => Buffer.concat([each, each])),
      [...bodies].reverse(),
      other.bodies,
    ];
    for (const each of wrong) await expect(whole(open(stream, each))).rejects.toMatchObject({ kind: 'damaged' });
  });

  test('shows a manifest that promises other lengths', async () => {
    const { stream, bodies } = await sealed(noise(500), []);
    await expect(whole(open({ ...stream, plainBytes: 499 }, bodies))).rejects.toThrow('it gives 500 bytes, and 499 were put in');
    await expect(whole(open({ ...stream, objects: stream.objects.slice(0, -1) }, bodies))).rejects.toMatchObject({ kind: 'damaged' });
  });

  test('cannot be opened with another key', async () => {
    const { stream, bodies } = await sealed(noise(500), []);
    const read = unseal(stream, suite, suite.drawKey(randomBytes), (object) => from(bodies[stream.objects.indexOf(object)] ?? ''), 1);
    await expect(whole(read)).rejects.toMatchObject({ kind: 'damaged' });
  });

  test('does not hide that its source failed', async () => {
    async function* dump(): AsyncGenerator<Uint8Array> {
      yield noise(100);
      throw new Error('connection lost');
    }
    const { parts } = seal(dump(), { ...how, partBytes: 16, width: 1 });
    await expect(
      whole(
        (async function* () {
          for await (const part of parts) yield joined(part);
        })(),
      ),
    ).rejects.toThrow('connection lost');
  });
});
