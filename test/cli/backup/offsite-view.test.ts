import { expect, test } from 'vitest';
import { describeLag, offsiteJson, type OffsiteView } from '../../../cli/backup/offsite-view.ts';
import { manifest } from '../../runtime/format/manifests.ts';

const now = new Date('2026-03-29T14:30:00Z');
const missing = (finishedAt: string): OffsiteView => ({
  name: '/mnt/offsite',
  tier: 1,
  found: [],
  missing: [manifest({ finishedAt })],
  dueBefore: new Date('2026-03-29T14:10:00Z'),
});

test('what was made since the last copy but one is not at the second place yet, and no alarm', () => {
  const view = missing('2026-03-29T14:15:00.000Z');
  expect(describeLag(view, now)).toEqual([
    '1 backup is not in /mnt/offsite yet, the oldest made 15 min ago; `berth backup copy` brings them there now',
  ]);
  expect(offsiteJson(view, now)).toMatchObject({ missing: 1, lagSeconds: 900 });
  expect(offsiteJson(view, now)).not.toHaveProperty('late');
});

test('what is older is late, and the note says so', () => {
  const view = missing('2026-03-29T14:09:00.000Z');
  expect(describeLag(view, now)[0]).toMatch(/or says why it cannot: that copy is overdue$/);
  expect(offsiteJson(view, now)).toMatchObject({ missing: 1, late: true });
});
