import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { expectExit } from './berth.ts';

const program = join(import.meta.dirname, '../../cli/berth.js');

const config = (port: number): string =>
  JSON.stringify({
    version: 1,
    site: 'shop',
    target: 'compose',
    timezone: 'UTC',
    roles: ['agent'],
    services: [],
    backups: {
      store: {
        tier: 1,
        bucket: {
          endpoint: `http://127.0.0.1:${port}`,
          name: 'backups',
          accessKey: 'shop',
          secretKey: 'store.key',
          region: 'us-east-1',
          addressing: 'path',
        },
        lease: 'store',
      },
      recipients: 'recipients',
      signer: 'signer.key',
      signers: 'signers.pem',
      state: 'state',
      jobs: [],
      verify: { schedule: '0 3 * * 0', timeZone: 'UTC' },
      prune: { schedule: '0 4 * * *', timeZone: 'UTC' },
    },
  });

test('a verb in the container of an agent goes on while its input is open, and ends when whoever had asked for it is gone', async () => {
  const site = mkdtempSync(join(tmpdir(), 'berth-attended-'));
  onTestFinished(() => rmSync(site, { recursive: true }));
  // A store that lets in, and never answers.
  const store = createServer(() => undefined);
  store.listen(0, '127.0.0.1');
  await once(store, 'listening');
  onTestFinished(() => void store.close());
  const address = store.address();
  writeFileSync(join(site, 'runtime.yaml'), config(typeof address === 'object' ? (address?.port ?? 0) : 0));
  writeFileSync(join(site, 'store.key'), 'hidden');
  writeFileSync(join(site, 'signers.pem'), generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }));
  const asked = once(store, 'connection');
  const child = spawn(process.execPath, [program, 'attended', 'backup', 'list', '--site', site], { stdio: ['pipe', 'ignore', 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const ended = once(child, 'exit');
  child.stdin.write('\n');
  await asked;
  expect(child.exitCode, said).toBeNull();
  child.stdin.end();
  expect(await ended, said).toEqual([130, null]);
  // It was told once, and took its time to clean up: who is told twice leaves it.
  expect(said).toContain('stopping, and taking away what was made');
  expect(said).not.toContain('the site is as it was\n');
});

test('a verb whose work is done ends, although its input is still open', async () => {
  const child = spawn(process.execPath, [program, 'attended', '--version'], { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  child.stdin.write('\n');
  const [code] = (await once(child, 'exit')) as [number];
  expect(code).toBe(0);
});

test('a verb that is to be given keys, of a host whose Berth is older, says so and does nothing with its own', async () => {
  const { stderr } = await expectExit(2, ['restore', '--only', 'bucket', '--latest', '--into', 'live', '--given', '--site', '/nowhere']);
  expect(stderr).toContain('the Berth that wrote it is older than the one of this agent');
  expect(stderr).toContain('→ run `berth generate` and the same again with the Berth');
});
