import { describe, expect, test } from 'vitest';
import type { Manifest, StoredObject, StoredStream } from '../../../model/backup/manifest.ts';
import { parseManifest } from '../../../model/backup/parse-manifest.ts';
import { manifest } from '../../runtime/format/manifests.ts';

const parse = (value: unknown): Manifest => parseManifest(JSON.stringify(value), 'v1/x.json');
const [stream] = manifest().streams as readonly [StoredStream];
const [object] = stream.objects as readonly [StoredObject];
const ofAge: Partial<Manifest> = {
  version: 2,
  cipher: { suite: 'age', keyCheck: `age1${'q'.repeat(58)}` },
  streams: [{ ...stream, iv: null }],
};
const other = '01JD5Z5M2R0000000000000001';

describe('a manifest', () => {
  test('is read as it was written', () => {
    expect(parse(manifest())).toEqual(manifest());
  });

  test('of age is read as it was written, any number of streams without an iv', () => {
    const streams = [...ofAge.streams!, { ...ofAge.streams![0]!, name: 'other', objects: [{ ...object, key: 'v1/other' }] }];
    expect(parse(manifest({ ...ofAge, streams }))).toMatchObject({
      version: 2,
      cipher: { suite: 'age' },
      streams: [{ iv: null }, { iv: null }],
    });
  });

  test('may have fields that this version does not know', () => {
    expect(parse({ ...manifest(), colour: 'blue' })).toEqual(manifest());
  });

  test.each([
    ['no JSON', '{"format"', 'it is not JSON'],
    ['a list', '[]', 'it is not a manifest of Berth'],
    ['null', 'null', 'it is not a manifest of Berth'],
    ['somebody else’s JSON', '{"name": "shop"}', 'it is not a manifest of Berth'],
  ])('that is %s is refused', (_, source, message) => {
    expect(() => parseManifest(source, 'v1/x.json')).toThrow(`manifest v1/x.json is damaged: ${message}`);
  });

  test('of a newer Berth is told from a damaged one', () => {
    expect(() => parse({ ...manifest(), version: 3 })).toThrow(expect.objectContaining({ kind: 'unsupported' }));
  });

  test.each([
    ['an id of another kind', { id: 'x' }, 'id should be an id of 26 characters'],
    ['a source that is a path', { source: '../db' }, 'source should be a name'],
    ['a local time', { startedAt: '2026-03-29T01:00:00+02:00' }, 'startedAt should be a time in UTC'],
    ['an unknown kind', { kind: 'partial' }, 'kind should be "full" or'],
    ['no streams', { streams: [] }, 'streams should be a list of at least 1'],
    ['a full with a parent', { parent: other }, 'its chain and parent are not those of a backup of kind full'],
    ['a log without a parent', { kind: 'log', chain: other }, 'its chain and parent are not those of a backup of kind log'],
    ['an increment in a chain of its own', { kind: 'increment', parent: other }, 'its chain and parent'],
    [
      'a key that leaves its folder',
      { streams: [{ ...stream, objects: [{ ...object, key: 'v1/../../etc/passwd' }] }] },
      'streams[0].objects[0].key',
    ],
    ['an absolute key', { streams: [{ ...stream, objects: [{ ...object, key: '/etc/passwd' }] }] }, 'streams[0].objects[0].key'],
    [
      'a hash that is none',
      { streams: [{ ...stream, objects: [{ ...object, parts: ['ab', 'cd'] }] }] },
      'streams[0].objects[0].parts[0] should be 64 hexadecimal digits',
    ],
    [
      'too few hashes',
      { streams: [{ ...stream, objects: [{ ...object, parts: ['ab'.repeat(32)] }] }] },
      'stream base.tar has 1 parts of 16 bytes for 20 bytes',
    ],
    ['an object twice', { streams: [{ ...stream, objects: [object, object] }] }, 'it names an object twice'],
    ['a stream twice', { streams: [stream, stream] }, 'two of its streams have the same name'],
    ['one iv for two streams', { streams: [stream, { ...stream, name: 'other' }] }, 'two of its streams have the same iv'],
    ['a counter that has run', { streams: [{ ...stream, iv: 'f'.repeat(32) }] }, 'streams[0].iv should be'],
    ['an unknown cipher', { cipher: { suite: 'rot13', keyCheck: '00'.repeat(16) } }, 'cipher.suite should be "aes256" or "age"'],
    ['bytes below zero', { durationMs: -1 }, 'durationMs should be a whole number of at least 0'],
    ['age under the old number', { cipher: ofAge.cipher, streams: ofAge.streams }, 'its key is not one of age'],
    ['age and the key of another', { ...ofAge, cipher: { ...ofAge.cipher, keyCheck: '00'.repeat(16) } }, 'its key is not one of age'],
    ['age with an iv', { ...ofAge, streams: [stream] }, 'its streams are not those of age'],
    ['no iv', { streams: ofAge.streams }, 'its streams are not those of aes256'],
    ['a line break in a text', { label: 'a\nb' }, 'label should be text on one line'],
  ])('with %s is refused', (_, change, message) => {
    expect(() => parse({ ...manifest(), ...change })).toThrow(message);
  });
});
