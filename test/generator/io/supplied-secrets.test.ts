import { describe, expect, test } from 'vitest';
import { currentSecret, drawMissing, emptyLedger, revealText, secretVersion } from '../../../generator/io/ledger.ts';
import type { Ledger } from '../../../generator/io/ledger.ts';
import { awaitedSecrets, supplySecrets } from '../../../generator/io/supplied-secrets.ts';
import type { PlannedSecret } from '../../../model/planned-secret.ts';

const now = new Date('2026-12-01T12:00:00Z');
const key: PlannedSecret = { name: 'web-API_KEY', length: 0, purpose: 'API_KEY of web', supplied: 'env' };
const certificate: PlannedSecret = { name: 'web-CERT', length: 0, purpose: 'CERT of web', supplied: 'file' };
const supply = (text: string, ledger: Ledger = emptyLedger, secret = key) =>
  supplySecrets(ledger, [secret], new Map([[`secrets/supplied/${secret.name}`, text]]), now);

describe('a secret that the operator supplies', () => {
  test('is never drawn, and awaited until it is there', () => {
    const ledger = drawMissing(emptyLedger, [key], () => expect.unreachable('drawn'), now);
    expect(ledger.secrets.size).toBe(0);
    expect(awaitedSecrets(ledger, [key])).toEqual([key]);
    expect(awaitedSecrets(supply('x'), [key])).toEqual([]);
  });

  test.each(['sk-123', 'a b', '"$HOME" # {{x}} é \\n', ' edge '])('is %j, byte for byte, but for the line break of an editor', (value) => {
    for (const end of ['', '\n', '\r\n']) expect(currentSecret(supply(`${value}${end}`), key.name).reveal()).toBe(value);
  });

  test('is another version with another content, and the same one otherwise; without its file the last one holds', () => {
    const first = supply('one');
    expect(supply('one\n', first)).toBe(first);
    const second = supply('two', first);
    expect([secretVersion(second, key.name), currentSecret(second, key.name).reveal()]).toEqual([2, 'two']);
    expect(supplySecrets(second, [key], new Map(), now)).toBe(second);
  });

  test.each([
    ['', 'is empty'],
    ['\n', 'is empty'],
    ['a\nb', 'what no variable can carry'],
    ["it's", 'what no variable can carry'],
    ['a\u0000b', 'what no variable can carry'],
    ['x'.repeat(32 * 1024 + 1), 'what no variable can carry'],
  ])('%j is refused, and its value is not in the message', (value, why) => {
    expect(() => supply(value)).toThrow(why);
    if (value.trim().length > 3) expect(() => supply(value)).not.toThrow(value.trim());
  });

  test('may hold anything where it is handed over as a file', () => {
    expect(currentSecret(supply("a\nb's\n", emptyLedger, certificate), certificate.name).reveal()).toBe("a\nb's");
  });

  test('stands in a URL as a URL has it', () => {
    const text = ['postgres://shop:', { secret: key.name, encoded: 'url' as const }, '@db:5432/shop'];
    expect(revealText(text, supply('p@ss:w/rd'))).toBe('postgres://shop:p%40ss%3Aw%2Frd@db:5432/shop');
    expect(revealText(text, emptyLedger)).toBeUndefined();
  });
});
