import { spawn } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { commandsOf, outlive, restoringMark } from '../../../cli/restore/left-behind.ts';
import { until } from '../../lab/until.ts';

const never = new AbortController().signal;

describe('a command that outlived the restore that had begun it', () => {
  test('is known by the site that it works on, and waited for', async () => {
    const site = `/srv/shöp-${process.pid}`;
    const child = spawn('sleep', ['60'], { env: { [restoringMark]: site, PATH: '/usr/bin:/bin' }, stdio: 'ignore' });
    await until(() => Promise.resolve(commandsOf(site).includes(child.pid ?? 0)), 'it is seen', { seconds: 20, everyMs: 20 });
    expect(commandsOf(`${site}-other`)).toEqual([]);
    await expect(outlive(site, never, commandsOf, 0)).rejects.toMatchObject({
      kind: 'locked',
      message: expect.stringContaining(`process ${child.pid}`) as string,
    });
    const waited = outlive(site, never);
    child.kill('SIGKILL');
    await expect(waited).resolves.toBeUndefined();
  });

  test('is not waited for by whoever is stopped meanwhile', async () => {
    await expect(outlive('/srv/shop', AbortSignal.abort(), () => [42])).rejects.toThrow();
  });
});
