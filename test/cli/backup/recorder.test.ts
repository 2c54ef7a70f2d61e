import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { recorderOf } from '../../../cli/backup/verify.ts';
import { memoryStore } from '../../../runtime/stores/memory-store.ts';

const world = { clock: { now: () => new Date(0) }, random: (bytes: number) => new Uint8Array(bytes), berth: '0.1.0' };

describe('what was found is signed', () => {
  const home = mkdtempSync(join(tmpdir(), 'berth-recorder-'));
  const signer = join(home, 'site/keys/signer.key');
  beforeAll(() => {
    mkdirSync(join(home, 'site/keys'), { recursive: true });
    const { privateKey } = generateKeyPairSync('ed25519');
    writeFileSync(signer, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  });
  afterAll(() => rmSync(home, { recursive: true }));
  const recorder = (file: string, folder: string) =>
    recorderOf(file, join(home, folder), memoryStore(), world as unknown as Parameters<typeof recorderOf>[3]);

  test('by the signer in the folder of a site, and in an agent by that of its path', () => {
    expect(recorder('keys/signer.key', 'site')?.signer.privateKey.asymmetricKeyType).toBe('ed25519');
    expect(recorder(signer, 'etc/berth')?.signer.privateKey.asymmetricKeyType).toBe('ed25519');
  });

  test('by nobody where there is no signer, as in a kit', () => {
    expect(recorder('keys/signer.key', 'kit')).toBeUndefined();
  });
});
