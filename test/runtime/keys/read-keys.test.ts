import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { formatIdentity, lockedIdentity } from '../../../runtime/format/age/identity-file.ts';
import { recipientText } from '../../../runtime/format/age/key-text.ts';
import { readIdentity, readRecipients, readSecret, readSigner } from '../../../runtime/keys/read-keys.ts';

const folder = mkdtempSync(join(tmpdir(), 'berth-keys-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('a key that is not there is told from one that the system does not give out', () => {
  const [gone, refused] = [join(folder, 'gone.key'), join(folder, 'refused.key')];
  // Refused to root as well, whom no mode keeps out.
  symlinkSync(refused, refused);
  expect(readSecret(gone)).toBeUndefined();
  expect(() => readSigner(gone)).toThrow(
    expect.objectContaining({
      kind: 'io',
      message: `${gone} is not there, and nothing else can sign`,
      hint: expect.stringContaining('berth generate'),
    }),
  );
  for (const read of [readSecret, readSigner])
    expect(() => read(refused)).toThrow(
      expect.objectContaining({
        kind: 'io',
        message: expect.stringContaining(`cannot read ${refused}: its symbolic links go round`),
        hint: 'run this as the owner of the site',
      }),
    );
});

test('a private key that is not there is told so in words', () => {
  const gone = join(folder, 'gone.key');
  expect(() => readIdentity(gone, undefined)).toThrow(
    expect.objectContaining({ kind: 'io', message: `cannot read ${gone}: there is no such file or folder`, hint: 'correct the path' }),
  );
});

const ofAge = generateKeyPairSync('x25519');
const put = (name: string, content: string): string => {
  const file = join(folder, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  return file;
};

test('whoever has a key of each kind is a recipient twice, by one name', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 3072 }).publicKey;
  put('recipients/operator.pem', rsa.export({ type: 'spki', format: 'pem' }).toString());
  put('recipients/operator.pub', `# of the operator\n${recipientText(ofAge.publicKey)}\n`);
  put('recipients/escrow.pub', `${recipientText(generateKeyPairSync('x25519').publicKey)}\n`);
  put('recipients/notes.txt', 'of nobody\n');
  const found = (names?: readonly string[]) =>
    readRecipients(join(folder, 'recipients'), names).map(({ name, key }) => [name, key.asymmetricKeyType]);
  expect(found()).toEqual([
    ['escrow', 'x25519'],
    ['operator', 'rsa'],
    ['operator', 'x25519'],
  ]);
  expect(found(['operator'])).toHaveLength(2);
  expect(() => found(['operator', 'nobody'])).toThrow('recipient nobody has no key in');
  put('recipients/token.pub', 'age1yubikey1q2w3e\n');
  expect(() => found()).toThrow(
    expect.objectContaining({ kind: 'usage', message: expect.stringContaining('token.pub is not a public key of age') }),
  );
});

test.each(['agent.pub', 'agent.pem'])('nobody else is a recipient by the name of agents: %s', (name) => {
  put(`${name}/${name}`, `${recipientText(ofAge.publicKey)}\n`);
  put(`${name}/operator.pub`, `${recipientText(ofAge.publicKey)}\n`);
  for (const names of [undefined, ['operator']])
    expect(() => readRecipients(join(folder, name), names)).toThrow(
      expect.objectContaining({
        kind: 'usage',
        message: `${join(folder, name)} has a key by the name agent, which is that of the keys that agents draw for themselves`,
        hint: expect.stringContaining('give its file another name'),
      }),
    );
});

test('several public keys in one file of age are refused, as a recipient has one', () => {
  const drawn = () => recipientText(generateKeyPairSync('x25519').publicKey);
  const file = put('several/team.pub', `${drawn()}\n# and\n${drawn()}\n`);
  expect(() => readRecipients(join(folder, 'several'))).toThrow(
    expect.objectContaining({
      kind: 'usage',
      message: `${file} holds several public keys, and a recipient has one`,
      hint: 'put each into a file of its own name',
    }),
  );
});

test('a private key is read in PEM and in the form of age, with and without a passphrase', () => {
  const pem = put('x.pem', ofAge.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
  const text = put('x.txt', `# created: 2026-11-22\n${formatIdentity(ofAge.privateKey)}`);
  const locked = put('x.age', lockedIdentity(ofAge.privateKey, 'open', randomBytes));
  for (const [file, passphrase] of [
    [pem, undefined],
    [text, undefined],
    [text, 'of another key'],
    [locked, 'open'],
  ] as const)
    expect(readIdentity(file, passphrase).equals(ofAge.privateKey)).toBe(true);
  expect(() => readIdentity(locked, undefined)).toThrow(
    expect.objectContaining({ kind: 'usage', hint: expect.stringContaining('BERTH_KEY_PASSPHRASE') }),
  );
  expect(() => readIdentity(locked, 'shut')).toThrow('its passphrase is another one');
  const two = put('two.txt', formatIdentity(ofAge.privateKey) + formatIdentity(ofAge.privateKey));
  expect(() => readIdentity(two, undefined)).toThrow('it is not one key AGE-SECRET-KEY-1…');
  expect(() => readIdentity(put('plugin.txt', 'AGE-PLUGIN-TOKEN-1QQQ\n'), undefined)).toThrow('it is not one key');
  expect(() => readIdentity(put('junk.txt', 'junk\n'), undefined)).toThrow('cannot be used as a private key');
});
