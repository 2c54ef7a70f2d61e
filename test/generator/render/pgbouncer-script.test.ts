import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { bigHost, prepareHello } from './hello.ts';

/** Run by /bin/sh with stand-ins for the server and for getent. */
describe('the script that starts PgBouncer (a stand-in)', () => {
  let folder = '';
  let child: ChildProcess | undefined;
  const at = (...path: readonly string[]): string => join(folder, ...path);
  const addressIs = (address: string): void => writeFileSync(at('address'), address === '' ? '' : `${address}      database\n`);
  const started = (): readonly string[] => (existsSync(at('started')) ? readFileSync(at('started'), 'utf8').trim().split('\n') : []);
  const running = (count: number): Promise<void> =>
    vi.waitFor(() => expect(started()).toHaveLength(count), { timeout: 30_000, interval: 20 });
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'berth-pooler-'));
    mkdirSync(at('bin'));
    const program = (name: string, text: string, shell = '/bin/sh'): void => {
      writeFileSync(at('bin', name), `#!${shell}\n${text}\n`);
      chmodSync(at('bin', name), 0o755);
    };
    // Asks are counted, so that a test may wait until it was asked once more.
    program('getent', `echo asked >>${at('asked')}; [ -s ${at('address')} ] || exit 2; cat ${at('address')}`);
    // No shell: what one starts in the background has INT ignored, which a program may undo, as PgBouncer does, and another shell may not.
    program(
      'pgbouncer',
      `const { appendFileSync, existsSync } = require('node:fs');
      process.on('SIGINT', () => (appendFileSync('${at('started')}', 'ended by INT\\n'), process.exit(0)));
      appendFileSync('${at('started')}', 'started with ' + process.argv[2] + '\\n');
      setInterval(() => existsSync('${at('dies')}') && process.exit(7), 20);`,
      process.execPath,
    );
    // Two seconds are much less here.
    program('sleep', 'exec /bin/sleep 0.04');
    addressIs('10.0.0.2');
  });
  afterEach(() => {
    try {
      // The script and all that it started.
      if (child?.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
    rmSync(folder, { recursive: true, force: true });
  });

  const start = async () => {
    const { decision } = await prepareHello({ profile: 'minimum', host: bigHost, set: { 'databases.database.pgbouncer': {} } });
    const text = decision.merged.get('config/database-pgbouncer/pgbouncer.sh') ?? expect.unreachable('no script');
    child = spawn('/bin/sh', ['-c', text.replace('/usr/bin/pgbouncer', at('bin/pgbouncer'))], {
      env: { PATH: `${at('bin')}:/usr/bin:/bin` },
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
    });
    const heard = { said: '', ended: new Promise<number | null>((resolve) => child?.once('exit', resolve)) };
    child.stderr?.on('data', (chunk: Buffer) => (heard.said += chunk.toString()));
    await running(1);
    return heard;
  };
  const asks = (): number => readFileSync(at('asked'), 'utf8').split('\n').length;
  const askedAgain = async (): Promise<void> => {
    const before = asks();
    await vi.waitFor(() => expect(asks()).toBeGreaterThan(before + 2), { timeout: 30_000, interval: 20 });
  };

  test('starts it anew when the primary has another address, and says from where to where', async () => {
    const heard = await start();
    addressIs('10.0.0.9');
    await running(2);
    await vi.waitFor(() => expect(heard.said).toContain('database is at 10.0.0.9, and was at 10.0.0.2: starts anew'));
    expect(started()).toEqual(Array(2).fill('started with /etc/berth/pgbouncer/pgbouncer.ini'));
  });

  test('leaves it alone while the primary is away, and when it comes back where it was', async () => {
    const heard = await start();
    await askedAgain();
    addressIs('');
    await askedAgain();
    addressIs('10.0.0.2');
    await askedAgain();
    expect(started()).toHaveLength(1);
    expect(heard.said).toBe('');
  });

  test('ends with it, and hands on what it ended with', async () => {
    const { ended } = await start();
    writeFileSync(at('dies'), '');
    expect(await ended).toBe(7);
  });

  test('has it end what runs when it is told to stop', async () => {
    const { ended } = await start();
    child?.kill('SIGINT');
    expect(await ended).toBe(0);
    expect(started()).toEqual(['started with /etc/berth/pgbouncer/pgbouncer.ini', 'ended by INT']);
  });
});
