import { expect, test } from 'vitest';
import { refuseSmall } from '../../../cli/restore/make-folder.ts';

test('files are not unpacked where they cannot fit, and are tried where nobody knows', async () => {
  const room = () => Promise.resolve(2 ** 20);
  await refuseSmall('/restore', { source: 'uploads', facts: { bytes: 2 ** 20 } }, room);
  await refuseSmall('/restore', { source: 'uploads', facts: {} }, room);
  await expect(refuseSmall('/restore', { source: 'uploads', facts: { bytes: 2 ** 30 } }, room)).rejects.toMatchObject({
    kind: 'io',
    message: 'uploads takes 1.1 GB, and /restore has 1.0 MB left; nothing was written',
  });
});
