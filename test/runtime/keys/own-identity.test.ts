import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkRecipient } from '../../../runtime/format/keys.ts';
import { ownIdentity } from '../../../runtime/keys/own-identity.ts';

test('an agent draws a pair of its own once, closed to others, that backups can be made for', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-identity-'));
  try {
    const file = join(folder, 'new', 'identity.key');
    const first = await ownIdentity(file);
    expect(() => checkRecipient(first.recipient)).not.toThrow();
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const second = await ownIdentity(file);
    expect(second.recipient.key.equals(first.recipient.key)).toBe(true);
    expect(second.recipient.name).toBe('agent');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
