import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { readSecret, readSigner } from '../../../runtime/keys/read-keys.ts';

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
        message: expect.stringContaining(`cannot read ${refused}: ELOOP`),
        hint: 'run this as the owner of the site',
      }),
    );
});
