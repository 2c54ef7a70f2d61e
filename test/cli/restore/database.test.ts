import { expect, test } from 'vitest';
import { verbOf } from '../../../cli/restore/database.ts';

const asked = { at: undefined, before: undefined, dryRun: false, key: undefined };

test('an agent is told what whoever asks was asked: to what point, and of which full backup', () => {
  const said = (more: object) => verbOf('db', { ...asked, ...more }, 'scratch').slice(7);
  expect(said({})).toEqual(['--latest']);
  expect(said({ at: '2026-03-29T14:30Z', dryRun: true })).toEqual(['--at', '2026-03-29T14:30Z', '--dry-run']);
  expect(said({ before: '0-1-23', full: '01JD5Z5M2R0000000000000001' })).toEqual([
    '--before',
    '0-1-23',
    '--full',
    '01JD5Z5M2R0000000000000001',
  ]);
});
