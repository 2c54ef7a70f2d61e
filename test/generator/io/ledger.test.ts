import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import {
  countsBefore,
  currentSecret,
  drawAgain,
  drawMissing,
  emptyLedger,
  formatLedger,
  parseLedger,
  retireBefore,
  secretVersion,
} from '../../../generator/io/ledger.ts';
import type { KeyPair, Ledger } from '../../../generator/io/ledger.ts';
import { BerthError } from '../../../model/errors.ts';
import { Secret } from '../../../model/secret.ts';
import { seeded } from '../render/hello.ts';

const now = new Date('2026-12-01T12:00:00Z');
const pair = (key: string): KeyPair => ({
  key: new Secret(key),
  certificate: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
  names: ['localhost', '127.0.0.1'],
  notAfter: '2027-12-01T12:00:00.000Z',
  version: 2,
});
const ledger: Ledger = {
  secrets: new Map([
    ['database-app', [new Secret('OLDhunter2OLD'), new Secret('NEWhunter2NEW')]],
    ['cache-app', [new Secret('CACHEhunter2')]],
  ]),
  authority: pair('AUTHORITYhunter2'),
  leaf: pair('LEAFhunter2'),
};
const text = formatLedger(ledger);
const plain = (kept: Ledger) => ({
  secrets: Object.fromEntries([...kept.secrets].map(([name, versions]) => [name, versions.map((secret) => secret.reveal())])),
  keys: [kept.authority, kept.leaf].map((keys) => keys && { ...keys, key: keys.key.reveal() }),
});

function refusal(broken: string): BerthError {
  try {
    parseLedger(broken);
  } catch (error) {
    if (error instanceof BerthError) return error;
    throw error;
  }
  throw new Error('it was taken for a ledger');
}

describe('the ledger', () => {
  test('comes back whole from its text, oldest version first', () => {
    expect(plain(parseLedger(text))).toEqual(plain(ledger));
    expect(formatLedger(parseLedger(text))).toBe(text);
    expect(currentSecret(parseLedger(text), 'database-app').reveal()).toBe('NEWhunter2NEW');
    expect(['database-app', 'cache-app', 'nobody'].map((name) => secretVersion(ledger, name))).toEqual([2, 1, 0]);
  });

  test('is the same text whatever the order in which secrets were drawn', () => {
    expect(formatLedger({ ...ledger, secrets: new Map([...ledger.secrets].toReversed()) })).toBe(text);
  });

  test('without certificates comes back without them', () => {
    expect(plain(parseLedger(formatLedger(emptyLedger)))).toEqual(plain(emptyLedger));
  });

  test('is empty where there is none, and only there', () => {
    expect(parseLedger(undefined)).toBe(emptyLedger);
    for (const empty of ['', ' ', '{}', 'null', '[]']) refusal(empty);
  });

  test('cut off anywhere is refused and not taken for a shorter one', () => {
    for (let length = 0; length < text.trimEnd().length; length += 1) expect(refusal(text.slice(0, length)).kind).toBe('io');
  });

  const written = JSON.parse(text) as Record<string, object>;
  test.each<[string, unknown]>([
    ['a list', [written]],
    ['a text', 'hunter2'],
    ['of another version', { ...written, version: 2 }],
    ['without a version', { ...written, version: undefined }],
    ['without secrets', { ...written, secrets: undefined }],
    ['with a list of secrets', { ...written, secrets: [['hunter2']] }],
    ['with no version of a secret', { ...written, secrets: { a: [] } }],
    ['with an empty secret', { ...written, secrets: { a: [''] } }],
    ['with a secret that is a number', { ...written, secrets: { a: [1] } }],
    ['with a secret that is no list', { ...written, secrets: { a: 'hunter2' } }],
    ['with an empty authority', { ...written, authority: {} }],
    ['with an authority that is null', { ...written, authority: null }],
    ['with a leaf without a key', { ...written, leaf: { ...written['leaf'], key: undefined } }],
    ['with a leaf of no date', { ...written, leaf: { ...written['leaf'], notAfter: 'soon' } }],
    ['with a leaf without names', { ...written, leaf: { ...written['leaf'], names: 'localhost' } }],
    ['with a leaf of no version', { ...written, leaf: { ...written['leaf'], version: '1' } }],
    ['with a leaf without a certificate', { ...written, leaf: { ...written['leaf'], certificate: '' } }],
  ])('that is %s is refused', (_, value) => {
    expect(refusal(JSON.stringify(value))).toMatchObject({ kind: 'io', hint: expect.stringContaining('restore secrets/ledger.json') });
  });

  test('never quotes a secret in what it says of a broken one', () => {
    for (const broken of [
      text.slice(0, -40),
      text.replace('"NEWhunter2NEW"', 'NEWhunter2NEW'),
      text.replace('"version": 1', '"version": 9'),
      text.replace('"NEWhunter2NEW"', '7'),
    ]) {
      const error = refusal(broken);
      expect(`${error.message} ${error.hint} ${inspect(error, { depth: 9, showHidden: true })} ${String(error.stack)}`).not.toContain(
        'hunter2',
      );
    }
  });

  test('does not print itself', () => {
    expect(
      `${inspect(ledger, { depth: 9, showHidden: true })} ${JSON.stringify([...ledger.secrets])} ${JSON.stringify(ledger.leaf)}`,
    ).not.toContain('hunter2');
  });
});

describe('drawing what is missing', () => {
  const need = (name: string, length = 32) => ({ name, length, purpose: '' });

  test('keeps every value that is there, also one that nothing needs any more', () => {
    const drawn = drawMissing(ledger, [need('cache-app'), need('files-app', 48)], seeded('a'), now);
    expect(plain(drawn).secrets).toMatchObject(plain(ledger).secrets);
    expect(drawn.secrets.get('files-app')?.map((secret) => secret.reveal())).toEqual([expect.stringMatching(/^[A-Za-z0-9]{48}$/)]);
    expect([drawn.authority, drawn.leaf]).toEqual([ledger.authority, ledger.leaf]);
  });

  test('is the same ledger where nothing is missing', () => {
    expect(drawMissing(ledger, [need('cache-app'), need('database-app', 99)], seeded('a'), now)).toBe(ledger);
  });

  test('gives two secrets two values', () => {
    const { secrets } = drawMissing(emptyLedger, [need('a'), need('b')], seeded('a'), now);
    expect(secrets.get('a')?.[0]?.reveal()).not.toBe(secrets.get('b')?.[0]?.reveal());
  });

  test('is asked for a secret that was never drawn only by a defect', () => {
    expect(() => currentSecret(emptyLedger, 'database-app')).toThrow('the ledger has no secret database-app');
  });
});

describe('a secret whose version before may count beside it', () => {
  const secret = { name: 'database-app', length: 32, purpose: '', overlaps: true } as const;
  const rotated = drawAgain(ledger, secret, seeded('turn'), now);
  /** What the pods of those carry that must know when the version before counts no more. */
  const before = (kept: Ledger) => secretVersion(kept, 'database-app:before');

  test('has it counted from its rotation until it is retired, and that is kept in the text', () => {
    expect([ledger, rotated, retireBefore(rotated, 'database-app')].map((kept) => countsBefore(kept, 'database-app'))).toEqual([
      false,
      true,
      false,
    ]);
    expect([ledger, rotated, retireBefore(rotated, 'database-app')].map(before)).toEqual([0, 1, 0]);
    expect(secretVersion(rotated, 'database-app')).toBe(3);
    const read = parseLedger(formatLedger(rotated));
    expect(countsBefore(read, 'database-app')).toBe(true);
    expect(formatLedger(read)).toBe(formatLedger(rotated));
  });

  test('leaves another secret as it is', () => {
    const cache = drawAgain(rotated, { name: 'cache-app', length: 32, purpose: '' }, seeded('other'), now);
    expect(countsBefore(cache, 'cache-app')).toBe(false);
    expect(countsBefore(cache, 'database-app')).toBe(true);
  });

  test.each([[{ 'database-app': { second: 1, both: true } }], [{ 'database-app': true }], [['database-app']], ['all']])(
    'is refused with a state that is none: %j',
    (turns) => {
      const broken = JSON.stringify({ ...(JSON.parse(text) as object), turns });
      expect(refusal(broken).message).toContain('it is not a ledger of version 1');
    },
  );
});
