import { createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { Decrypter, Encrypter, armor, generateX25519Identity, identityToRecipient } from 'age-encryption';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decryptWith, encryptFor, lock, unlock, unwrapFor, wrapFor } from '../../../../runtime/format/age/file.ts';
import { formatIdentity, lockedIdentity, parseIdentity, unlocked } from '../../../../runtime/format/age/identity-file.ts';
import { identityFrom, identityText, recipientFrom, recipientText } from '../../../../runtime/format/age/key-text.ts';
import { cut, from, fromAll, noise, whole } from '../../streams/bytes.ts';

const identity = generateKeyPairSync('x25519').privateKey;
const stranger = generateKeyPairSync('x25519').privateKey;
const chunk = 64 * 2 ** 10;
/** Rounds of scrypt that cost nothing. */
const quick = 4;

const encrypted = async (plain: Uint8Array, lengths: readonly number[] = []): Promise<Buffer> =>
  whole(encryptFor(createPublicKey(identity), fromAll(cut(plain, lengths)), randomBytes));
const decrypted = (file: Uint8Array, lengths: readonly number[] = []): Promise<Buffer> =>
  whole(decryptWith(identity, fromAll(cut(file, lengths))));
const headerOf = (file: Buffer): number => file.indexOf('\n', file.indexOf('\n--- ') + 1) + 1;

/** By the package of the makers of age. */
async function byOthers(file: Uint8Array, key: string = identityText(identity)): Promise<Buffer> {
  const decrypter = new Decrypter();
  decrypter.addIdentity(key);
  return Buffer.from(await decrypter.decrypt(file));
}

describe('a file of age', () => {
  test.each([0, 1, chunk - 1, chunk, chunk + 1, 3 * chunk, 3 * chunk + 7])(
    'of %i bytes is opened by others, and theirs is opened here',
    async (bytes) => {
      const plain = noise(bytes);
      expect((await byOthers(await encrypted(plain))).equals(plain)).toBe(true);
      const encrypter = new Encrypter();
      // Several people may open it, in whatever order.
      encrypter.addRecipient(recipientText(stranger));
      encrypter.addRecipient(recipientText(identity));
      expect((await decrypted(await encrypter.encrypt(plain))).equals(plain)).toBe(true);
    },
  );

  test('gives back any bytes in any pieces', async () => {
    const lengths = fc.array(fc.nat(70_000), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(fc.nat(200_000), lengths, lengths, async (bytes, into, out) => {
        const plain = noise(bytes);
        expect((await decrypted(await encrypted(plain, into), out)).equals(plain)).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  test('is another one each time', async () => {
    expect((await encrypted(noise(50))).equals(await encrypted(noise(50)))).toBe(false);
  });

  test('cannot be opened with another key', async () => {
    await expect(whole(decryptWith(stranger, from(await encrypted(noise(50)))))).rejects.toThrow('it was not made for this key');
  });

  test('shows one flipped bit anywhere, and gives out nothing of that chunk', async () => {
    const plain = noise(2 * chunk + 500);
    const file = await encrypted(plain);
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.nat(headerOf(file) + 15), fc.nat(file.length - 1)), fc.nat(7), async (at, bit) => {
        const changed = Buffer.from(file);
        changed[at]! ^= 1 << bit;
        const out: Uint8Array[] = [];
        const read = async (): Promise<void> => {
          for await (const piece of decryptWith(identity, from(changed))) out.push(piece);
        };
        await expect(read()).rejects.toMatchObject({ kind: 'damaged' });
        const given = Buffer.concat(out);
        expect(given.length % chunk).toBe(0);
        expect(plain.subarray(0, given.length).equals(given)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  test('shows that it was cut, also between two chunks, and what was added, left out or swapped', async () => {
    const file = await encrypted(noise(3 * chunk));
    const start = headerOf(file) + 16;
    const sealed = chunk + 16;
    const chunks = [0, 1, 2].map((index) => file.subarray(start + index * sealed, start + (index + 1) * sealed));
    const [first, second, third] = chunks as [Buffer, Buffer, Buffer];
    const head = file.subarray(0, start);
    for (const length of [
      0,
      5,
      headerOf(file) - 1,
      headerOf(file),
      start - 1,
      start,
      start + 15,
      start + sealed,
      start + 2 * sealed,
      file.length - 1,
    ])
      await expect(decrypted(file.subarray(0, length)), `after ${length}`).rejects.toMatchObject({ kind: 'damaged' });
    for (const wrong of [
      [head, second, first, third],
      [head, first, third],
      [head, first, second, third, Buffer.from('x')],
      [head, first, second, third, third],
      [file, file],
    ])
      await expect(decrypted(Buffer.concat(wrong))).rejects.toMatchObject({ kind: 'damaged' });
    const other = await encrypted(noise(3 * chunk));
    await expect(decrypted(Buffer.concat([head, other.subarray(headerOf(other) + 16)]))).rejects.toMatchObject({ kind: 'damaged' });
  });

  test('does not hide that its source failed', async () => {
    async function* dump(): AsyncGenerator<Uint8Array> {
      yield noise(100_000);
      throw new Error('connection lost');
    }
    await expect(whole(encryptFor(createPublicKey(identity), dump(), randomBytes))).rejects.toThrow('connection lost');
  });

  test('that is no file of age fills no memory before it is refused', async () => {
    const endless = async function* (): AsyncGenerator<Uint8Array> {
      yield Buffer.from('age-encryption.org/v1\n-> ');
      for (;;) yield Buffer.alloc(10_000, 'a');
    };
    await expect(whole(decryptWith(identity, endless()))).rejects.toThrow('its header cannot be read');
    await expect(decrypted(Buffer.from('PK\x03\x04'))).rejects.toThrow('its header cannot be read');
  });

  test('of a few bytes is the same, made and opened in one go', async () => {
    const file = wrapFor(createPublicKey(identity), Buffer.from('data key'), randomBytes);
    expect(unwrapFor(identity, file)?.toString()).toBe('data key');
    expect((await byOthers(file)).toString()).toBe('data key');
    expect(unwrapFor(stranger, file)).toBeUndefined();
    for (let at = 0; at < file.length; at += 1) {
      const changed = Buffer.from(file);
      changed[at]! ^= 1;
      expect(() => unwrapFor(identity, changed) ?? expect.fail('not for us')).toThrow();
    }
  });
});

describe('a key of age', () => {
  test('has the text that others give it', async () => {
    const text = await generateX25519Identity();
    const key = identityFrom(text);
    expect(identityText(key!)).toBe(text);
    expect(recipientText(key!)).toBe(await identityToRecipient(text));
    expect(recipientFrom(recipientText(key!))?.equals(createPublicKey(key!))).toBe(true);
  });

  test('that was mistyped anywhere is none', () => {
    const text = recipientText(identity);
    for (let at = 0; at < text.length; at += 1) {
      const wrong = text[at] === 'q' ? 'p' : 'q';
      expect(recipientFrom(text.slice(0, at) + wrong + text.slice(at + 1))).toBeUndefined();
    }
    for (const wrong of [text.toUpperCase(), text.slice(0, -1), `${text}q`, 'age1', '', identityText(identity).toLowerCase()])
      expect(recipientFrom(wrong)).toBeUndefined();
    expect(identityFrom(identityText(identity).toLowerCase())).toBeUndefined();
  });

  test('is kept in the form of age-keygen, one to a file', () => {
    const text = formatIdentity(identity);
    expect(text).toMatch(/^# public key: age1\w{58}\nAGE-SECRET-KEY-1[0-9A-Z]{58}\n$/);
    expect(parseIdentity(text)?.equals(identity)).toBe(true);
    expect(parseIdentity(`# created: 2026\n${text.replaceAll('\n', '\r\n')}\n`)?.equals(identity)).toBe(true);
    for (const wrong of ['', '# nothing\n', text + text, 'AGE-PLUGIN-YUBIKEY-1QQQ\n', text.slice(0, -3)])
      expect(parseIdentity(wrong)).toBeUndefined();
  });

  test('that is kept under a passphrase opens with that alone, here and elsewhere', async () => {
    const text = lockedIdentity(identity, 'open sesame', randomBytes);
    expect(text).toMatch(/^-----BEGIN AGE ENCRYPTED FILE-----\n([A-Za-z0-9+/=]{1,64}\n)+-----END AGE ENCRYPTED FILE-----\n$/);
    expect(unlocked(Buffer.from(text), 'open sesame')?.toString()).toBe(formatIdentity(identity));
    expect(unlocked(Buffer.from(text), 'open')).toBeUndefined();
    const decrypter = new Decrypter();
    decrypter.addPassphrase('open sesame');
    expect(await decrypter.decrypt(armor.decode(text), 'text')).toBe(formatIdentity(identity));
  });

  test('under a passphrase of others is opened, binary as well, and no more work is done than a key is worth', async () => {
    const encrypter = new Encrypter();
    encrypter.setPassphrase('open sesame');
    encrypter.setScryptWorkFactor(quick);
    const file = Buffer.from(await encrypter.encrypt(formatIdentity(identity)));
    expect(unlocked(file, 'open sesame')?.toString()).toBe(formatIdentity(identity));
    const costly = Buffer.from(
      lock('x', Buffer.from('y'), randomBytes, quick)
        .toString('latin1')
        .replace(/( [\w+/]{22}) 4\n/, '$1 23\n'),
      'latin1',
    );
    expect(() => unlock('x', costly)).toThrow(expect.objectContaining({ kind: 'unsupported' }));
  });
});
