import { expect, test } from 'vitest';
import { verbOf } from '../../../cli/restore/database.ts';
import { rememberRate } from '../../../cli/restore/database-here.ts';
import { readVerifications, recordFinding } from '../../../runtime/jobs/verifications.ts';
import { memoryStore } from '../../../runtime/stores/memory-store.ts';
import { signer } from '../../runtime/format/keys.ts';
import { never, place, toolsFor } from '../../runtime/jobs/backup-world.ts';
import { fullAt, logAfter } from '../../runtime/jobs/chains.ts';

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

test('what a restore took is kept, and acquits nothing that was found to be broken while it was at work', async () => {
  const store = memoryStore();
  const tools = toolsFor(store);
  const full = fullAt(1, 100, 0, 5);
  const log = logAfter(full, 2, 110, 9);
  const plan = { full, increments: [], logs: [log], target: { kind: 'latest' }, because: '' } as const;
  const measured = { whole: { bytes: 900, milliseconds: 3000 }, log: null, replay: null };
  const levels = async () =>
    [...(await readVerifications(place, store, [signer.publicKey], never)).proofs].map(([id, { level }]) => [id, level]);
  await recordFinding(place, { backups: [log.id], level: 1, result: 'broken', detail: [] }, tools, never);
  await rememberRate(place, plan, { measured, seconds: 5, since: { newest: undefined } }, tools, never);
  expect(Object.fromEntries(await levels())).toEqual({ [full.id]: 2, [log.id]: -1 });
  const { records } = await readVerifications(place, store, [signer.publicKey], never);
  expect(records.filter(({ measured: found }) => found !== null)).toMatchObject([{ backups: [full.id], measured }]);
});
