import { createHash } from 'node:crypto';
import { inflateSync } from 'node:zlib';
import * as vectors from 'cctv-age';
import { describe, expect, test } from 'vitest';
import { fromArmor } from '../../../../runtime/format/age/armor.ts';
import { decryptWith, unlock } from '../../../../runtime/format/age/file.ts';
import { identityFrom } from '../../../../runtime/format/age/key-text.ts';
import { from, whole } from '../../streams/bytes.ts';

/** One of the vectors that all programs of age are held to: what to open, with what, and what has to come of it. */
function parse(vector: Uint8Array) {
  const bytes = Buffer.from(vector);
  const end = bytes.indexOf('\n\n');
  const fields = bytes
    .toString('utf8', 0, end)
    .split('\n')
    .map((line) => line.split(': ') as [string, string]);
  const all = (name: string): readonly string[] => fields.filter(([key]) => key === name).map(([, value]) => value);
  const rest = bytes.subarray(end + 2);
  return {
    expects: all('expect')[0] ?? '',
    payload: all('payload')[0],
    identities: all('identity'),
    passphrases: all('passphrase'),
    armored: all('armored').length > 0,
    file: all('compressed').length > 0 ? inflateSync(rest) : rest,
  };
}

const all = Object.entries(vectors).map(([name, vector]) => ({ name, ...parse(vector) }));
/** Files for one key of X25519 or one passphrase, which is what Berth writes and reads; a passphrase opens what is one chunk. */
const ours = all.filter(
  ({ identities, passphrases, file, armored }) =>
    (identities.length === 1 && identityFrom(identities[0]!) !== undefined && passphrases.length === 0) ||
    (identities.length === 0 && passphrases.length === 1 && (armored || file.length < 60_000)),
);

describe('of the vectors of age', () => {
  test('there are some', () => {
    expect(ours.length).toBeGreaterThan(60);
    expect(new Set(ours.map(({ expects }) => expects))).toContain('payload failure');
  });

  test.each(ours)('$name: $expects', async ({ expects, payload, identities: [identity], passphrases: [passphrase], armored, file }) => {
    const opened = async (): Promise<Buffer> => {
      const bytes = armored ? fromArmor(file.toString('latin1')) : file;
      if (passphrase === undefined) return whole(decryptWith(identityFrom(identity!)!, from(bytes)));
      const plain = unlock(passphrase, bytes);
      if (plain === undefined) throw new Error('it was not made for this passphrase');
      return plain;
    };
    if (expects === 'success')
      expect(
        createHash('sha256')
          .update(await opened())
          .digest('hex'),
      ).toBe(payload);
    else await expect(opened()).rejects.toThrow();
  });
});
