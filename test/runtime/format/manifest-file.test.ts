import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatManifest, openManifest } from '../../../runtime/format/manifest-file.ts';
import { signDocument } from '../../../runtime/format/signature.ts';
import { formerSigner, signer } from './keys.ts';
import { manifest } from './manifests.ts';

const signed = Buffer.from(formatManifest(manifest(), signer));
const open = (bytes: Uint8Array, trusted = [signer.publicKey]) => openManifest(bytes, 'v1/shop/x.json', trusted);
const damaged = expect.objectContaining({ kind: 'damaged' }) as Error;

describe('a manifest file', () => {
  test('comes back as it was written', () => {
    expect(open(signed)).toEqual(manifest());
    expect(open(signed, [formerSigner.publicKey, signer.publicKey])).toEqual(manifest());
  });

  test('shows one flipped bit anywhere', () => {
    fc.assert(
      fc.property(fc.nat(signed.length - 1), fc.nat(7), (at, bit) => {
        const changed = Buffer.from(signed);
        changed[at] = (changed[at] ?? 0) ^ (1 << bit);
        expect(() => open(changed)).toThrow(damaged);
      }),
      { numRuns: 3000 },
    );
  });

  test('shows that it was cut short at any byte, and what was added', () => {
    for (let length = 0; length < signed.length; length += 1) expect(() => open(signed.subarray(0, length))).toThrow(damaged);
    for (const more of ['\n', ' ', '{}\n', signed.toString()])
      expect(() => open(Buffer.concat([signed, Buffer.from(more)]))).toThrow(damaged);
  });

  test('of somebody else is refused by name of the key', () => {
    expect(() => open(Buffer.from(formatManifest(manifest(), formerSigner)))).toThrow(
      /is signed with key [0-9a-f]{16}, which is not trusted/,
    );
  });

  test('cannot be written with contradictions', () => {
    expect(() => formatManifest(manifest({ parent: manifest().id }), signer)).toThrow(damaged);
  });

  test('that is signed but no manifest is refused', () => {
    expect(() => open(Buffer.from(signDocument('{"format":"something"}\n', signer)))).toThrow('it is not a manifest of Berth');
  });
});
