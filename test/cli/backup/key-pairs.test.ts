import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { drawRecipient } from '../../../cli/backup/key-pairs.ts';
import { suiteNames } from '../../../model/backup/suites.ts';

test.each(suiteNames)('no key of %s is encrypted with nothing, as it would look closed and be open', async (suite) => {
  await expect(drawRecipient(suite, '', randomBytes)).rejects.toMatchObject({
    kind: 'usage',
    message: 'BERTH_KEY_PASSPHRASE is empty, and a key that is encrypted with nothing opens for everybody',
    hint: 'put a passphrase into it, or `unset BERTH_KEY_PASSPHRASE` for a key that is not encrypted',
  });
  expect((await drawRecipient(suite, 'open', randomBytes)).privateKey).toContain('ENCRYPTED');
  expect((await drawRecipient(suite, undefined, randomBytes)).privateKey).not.toContain('ENCRYPTED');
});
