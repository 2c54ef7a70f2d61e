import { generateKeyPairSync } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { formatKeyFile, parseKeyFile, unwrapKey, wrapKey } from '../../../runtime/format/key-file.ts';
import { checkOf, makeDataKey } from '../../../runtime/format/keys.ts';
import { escrow, operator, recipients, stranger } from './keys.ts';

const id = '01JD5Z5M2R0000000000000000';
const secret = Buffer.from('0123456789abcdef0123456789abcdef');
const key = makeDataKey(secret);
const check = checkOf(key);

describe('the key file', () => {
  test('opens with each recipient alone', () => {
    const file = parseKeyFile(formatKeyFile(wrapKey(id, key, recipients)), 'keys');
    for (const { privateKey } of [operator, escrow]) expect(unwrapKey([file], privateKey, check).equals(key)).toBe(true);
  });

  test('says whose key would open it', () => {
    const file = wrapKey(id, key, recipients);
    expect(() => unwrapKey([file], stranger.privateKey, check)).toThrow(/was not made for key/);
    expect(() => unwrapKey([file], stranger.privateKey, check)).toThrow(
      expect.objectContaining({ hint: expect.stringMatching(/operator .*escrow/) as string }),
    );
  });

  test('refuses one recipient, the same one twice, and keys that are too weak', () => {
    const [first] = recipients;
    const weak = { name: 'weak', key: generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey };
    const wrong = { name: 'wrong', key: generateKeyPairSync('ed25519').publicKey };
    expect(() => wrapKey(id, key, [first!])).toThrow('at least two recipients');
    expect(() => wrapKey(id, key, [first!, { ...first!, name: 'again' }])).toThrow('at least two recipients');
    expect(() => wrapKey(id, key, [first!, weak])).toThrow('recipient weak is not a public RSA key');
    expect(() => wrapKey(id, key, [first!, wrong])).toThrow('recipient wrong is not a public RSA key');
  });

  test('of a rotation opens for new recipients, and the data keep their key', () => {
    const before = wrapKey(id, key, recipients);
    const opened = unwrapKey([before], escrow.privateKey, check);
    const after = wrapKey(id, opened, [{ name: 'new', key: stranger.publicKey }, recipients[1]!]);
    expect(unwrapKey([after], stranger.privateKey, check).equals(key)).toBe(true);
    expect(() => unwrapKey([after], operator.privateKey, check)).toThrow('was not made for');
    expect(unwrapKey([before, after], operator.privateKey, check).equals(key)).toBe(true);
  });

  test('with a slipped-in key is found out, also beside the right one', () => {
    const forged = wrapKey(id, makeDataKey(Buffer.alloc(32)), recipients);
    expect(() => unwrapKey([forged], operator.privateKey, check)).toThrow(expect.objectContaining({ kind: 'damaged' }));
    expect(unwrapKey([forged, wrapKey(id, key, recipients)], operator.privateKey, check).equals(key)).toBe(true);
  });

  test('that is damaged is told from one that is not for us', () => {
    const file = formatKeyFile(wrapKey(id, key, recipients));
    expect(() => parseKeyFile(file.slice(0, -9), 'keys/x')).toThrow(expect.objectContaining({ kind: 'damaged' }));
    expect(() => parseKeyFile(file.replace('rsa-oaep-sha256', 'rot13'), 'keys/x')).toThrow(/wraps\[0\].algorithm should be/);
  });

  test('does not show the key, and neither does the key itself', () => {
    const shown = formatKeyFile(wrapKey(id, key, recipients)) + inspect(key) + JSON.stringify(key) + check;
    for (const form of ['utf8', 'hex', 'base64'] as const) expect(shown).not.toContain(secret.toString(form));
  });
});
