import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { formatKeyFile, parseKeyFile, unwrapKey, wrapKey } from '../../../runtime/format/key-file.ts';
import { suiteNames } from '../../../model/backup/suites.ts';
import { checkForSuite } from '../../../runtime/format/recipients.ts';
import { suites } from '../../../runtime/format/suites.ts';
import { peopleOf } from './keys.ts';

const id = '01JD5Z5M2R0000000000000000';
/** Who opens it, of each kind of key, and what is in it. */
const each = suiteNames.flatMap((suite) => suiteNames.map((people) => ({ suite, people })));

describe.each(each)('the key file of a backup of suite $suite, for people with keys for $people,', (world) => {
  const suite = suites[world.suite];
  const { operator, escrow, stranger, recipients } = peopleOf[world.people];
  const key = suite.drawKey(() => Buffer.from('0123456789abcdef0123456789abcdef'));
  const secret = suite.format(key);
  const cipher = { suite: suite.name, keyCheck: suite.checkOf(key) };
  const wrap = (...given: readonly [Parameters<typeof wrapKey>[2], Parameters<typeof wrapKey>[3]]) =>
    wrapKey(id, suite, ...given, randomBytes);

  test('opens with each recipient alone', () => {
    const file = parseKeyFile(formatKeyFile(wrap(key, recipients)), 'keys');
    for (const { privateKey } of [operator, escrow]) expect(unwrapKey([file], privateKey, cipher).equals(key)).toBe(true);
  });

  test('says whose key would open it', () => {
    const file = wrap(key, recipients);
    expect(() => unwrapKey([file], stranger.privateKey, cipher)).toThrow(/was not made for key/);
    expect(() => unwrapKey([file], stranger.privateKey, cipher)).toThrow(
      expect.objectContaining({ hint: expect.stringMatching(/operator .*escrow/) as string }),
    );
  });

  test('refuses one recipient, the same one twice, and keys that are too weak', () => {
    const [first] = recipients;
    const weak = { name: 'weak', key: generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey };
    const wrong = { name: 'wrong', key: generateKeyPairSync('ed25519').publicKey };
    expect(() => wrap(key, [first!])).toThrow('at least two recipients');
    expect(() => wrap(key, [first!, { ...first!, name: 'again' }])).toThrow('at least two recipients');
    expect(() => wrap(key, [first!, weak])).toThrow('recipient weak is not a public RSA key');
    expect(() => wrap(key, [first!, wrong])).toThrow('recipient wrong is not a public RSA key');
  });

  test('of a rotation opens for new recipients, and the data keep their key', () => {
    const before = wrap(key, recipients);
    const opened = unwrapKey([before], escrow.privateKey, cipher);
    const after = wrap(opened, [{ name: 'new', key: stranger.publicKey }, recipients[1]!]);
    expect(unwrapKey([after], stranger.privateKey, cipher).equals(key)).toBe(true);
    expect(() => unwrapKey([after], operator.privateKey, cipher)).toThrow('was not made for');
    expect(unwrapKey([before, after], operator.privateKey, cipher).equals(key)).toBe(true);
  });

  test('with a slipped-in key is found out, also beside the right one', () => {
    const forged = wrap(
      suite.drawKey(() => Buffer.alloc(32)),
      recipients,
    );
    expect(() => unwrapKey([forged], operator.privateKey, cipher)).toThrow(expect.objectContaining({ kind: 'damaged' }));
    expect(unwrapKey([forged, wrap(key, recipients)], operator.privateKey, cipher).equals(key)).toBe(true);
  });

  test('that is damaged is told from one that is not for us', () => {
    const file = formatKeyFile(wrap(key, recipients));
    expect(() => parseKeyFile(file.slice(0, -9), 'keys/x')).toThrow(expect.objectContaining({ kind: 'damaged' }));
    expect(() => parseKeyFile(file.replace(/"algorithm": "[a-z0-9-]+"/, '"algorithm": "rot13"'), 'keys/x')).toThrow(
      /wraps\[0\].algorithm should be/,
    );
  });

  test('does not show the key, and neither does the key itself', () => {
    const shown = formatKeyFile(wrap(key, recipients)) + inspect(key) + JSON.stringify(key) + cipher.keyCheck;
    for (const form of ['utf8', 'hex', 'base64'] as const) expect(shown).not.toContain(secret.toString(form));
  });
});

test.each(suiteNames)('what is made anew by %s needs two whose keys its own tools know', (name) => {
  const [other] = suiteNames.filter((each) => each !== name);
  const [own] = peopleOf[name].recipients;
  expect(() => checkForSuite(name, peopleOf[name].recipients)).not.toThrow();
  expect(() => checkForSuite(name, [...peopleOf[other!].recipients, own!])).toThrow(`as their suite is ${name}`);
  expect(() => checkForSuite(name, [own!])).toThrow('backups need at least two recipients with different keys:');
  expect(() => checkForSuite(name, [...peopleOf[other!].recipients, ...peopleOf[name].recipients])).not.toThrow();
});
