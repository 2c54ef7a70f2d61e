import { describe, expect, test } from 'vitest';
import type { Manifest } from '../../../../model/backup/manifest.ts';
import { postgresChain } from '../../../../runtime/engines/postgres/chain-rules.ts';

const full = { facts: { nextTransaction: '750' } } as unknown as Manifest;

test('a transaction can only have ended after a full backup from the first one on that had not begun', () => {
  expect(postgresChain.isAfter(full, '750')).toBe(true);
  expect(postgresChain.isAfter(full, '749')).toBe(false);
});

test('a transaction that had begun before a full backup and not ended when that was complete ends after it', () => {
  const of = (snapshot: string): Manifest => ({ facts: { nextTransaction: '760', snapshot } }) as unknown as Manifest;
  const after = (snapshot: string) =>
    ['739', '740', '741', '745', '750', '760'].filter((transaction) => postgresChain.isAfter(of(snapshot), transaction));
  expect(after('740:750:740,745')).toEqual(['740', '745', '750', '760']);
  expect(after('750:750:')).toEqual(['750', '760']);
});

describe('an increment', () => {
  const server = { systemIdentifier: '7', timeline: 1, segmentBytes: 16_777_216 };
  const of = (kind: string, from: string, to: string, facts = {}): Manifest =>
    ({ kind, position: { from, to }, facts: { ...server, ...facts } }) as unknown as Manifest;
  const begun = of('full', '0/2000028', '0/2000120');
  const increment = of('increment', '0/7000028', '0/7000120', { changedSince: '0/2000028' });

  test('follows the copy that had begun where it says that nothing had changed yet', () => {
    expect(postgresChain.follows(begun, increment)).toBe(true);
    expect(postgresChain.follows(of('increment', '0/2000028', '0/2000120'), increment)).toBe(true);
    expect(postgresChain.follows(of('full', '0/3000028', '0/3000120'), increment)).toBe(false);
    expect(postgresChain.follows(of('log', '0/2000028', '0/2000120'), increment)).toBe(false);
    expect(postgresChain.follows(of('full', '0/2000028', '0/2000120', { timeline: 2 }), increment)).toBe(false);
    expect(postgresChain.follows(of('full', '0/2000028', '0/2000120', { systemIdentifier: '8' }), increment)).toBe(false);
  });

  test('is followed by the log from the file on in which it ends', () => {
    expect(postgresChain.follows(increment, of('log', '0/7000000', '0/8000000'))).toBe(true);
    expect(postgresChain.follows(increment, of('log', '0/2000000', '0/8000000'))).toBe(false);
  });
});

test('a log holds all of a newer full backup of the same timeline that ends before it, and nothing of a server that was put back or promoted', () => {
  const of = (kind: string, to: string, facts = {}): Manifest =>
    ({ kind, position: { from: null, to }, facts: { systemIdentifier: '7', timeline: 1, ...facts } }) as unknown as Manifest;
  const log = of('log', '0/8000000');
  expect(['0/7FFFFFF', '0/8000000', '0/8000001'].map((to) => postgresChain.holdsAllOf(log, of('full', to)))).toEqual([true, true, false]);
  expect(postgresChain.holdsAllOf(log, of('full', '0/7000000', { timeline: 2 }))).toBe(false);
  expect(postgresChain.holdsAllOf(log, of('full', '0/7000000', { systemIdentifier: '8' }))).toBe(false);
});

test.each(['yesterday', '', '-1', '0x10'])('%j is no transaction', (typed) => {
  expect(postgresChain.transaction.form.test(typed)).toBe(false);
});
