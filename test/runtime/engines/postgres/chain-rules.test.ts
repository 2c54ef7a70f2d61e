import { expect, test } from 'vitest';
import type { Manifest } from '../../../../model/backup/manifest.ts';
import { postgresChain } from '../../../../runtime/engines/postgres/chain-rules.ts';

const full = { facts: { nextTransaction: '750' } } as unknown as Manifest;

test('a transaction can only have ended after a full backup from the first one on that had not begun', () => {
  expect(postgresChain.isAfter(full, '750')).toBe(true);
  expect(postgresChain.isAfter(full, '749')).toBe(false);
});

test.each(['yesterday', '', '-1', '0x10'])('%j is no transaction', (typed) => {
  expect(postgresChain.transaction.form.test(typed)).toBe(false);
});
