import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempDisposableSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { commandsOf, outlive, restoringMark } from '../../../cli/restore/left-behind.ts';
import { until } from '../../lab/until.ts';

const never = new AbortController().signal;

describe('a command that outlived the restore that had begun it', () => {
  test('is known by the site that it works on, and waited for', async () => {
    using made = mkdtempDisposableSync(join(tmpdir(), 'berth-shöp-'));
    const site = join(made.path, 'site');
    const other = join(made.path, 'site-other');
    const way = join(made.path, 'way');
    for (const folder of [site, other]) mkdirSync(folder);
    symlinkSync(site, way);
    const child = spawn('sleep', ['60'], { env: { ...restoringMark(way), PATH: '/usr/bin:/bin' }, stdio: 'ignore' });
    await until(() => Promise.resolve(commandsOf(site).includes(child.pid ?? 0)), 'it is seen', { seconds: 20, everyMs: 20 });
    expect([commandsOf(other), commandsOf(way)]).toEqual([[], [child.pid]]);
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
