import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterAll, describe, expect, test } from 'vitest';
import { dialects } from '../../../runtime/engines/mysql/dialect.ts';
import { dataFolders } from '../../../runtime/volume/data-folders.ts';
import { mysqlScratch } from '../../../runtime/engines/mysql/scratch.ts';
import { postgresScratch } from '../../../runtime/engines/postgres/scratch.ts';
import { clearScratch, ScratchServer, type ScratchTools } from '../../../runtime/engines/scratch-place.ts';
import { usualLimits } from '../../../runtime/engines/table-facts.ts';
import type { Programs, RunningProgram } from '../../../runtime/ports/program.ts';
import { localPrograms } from '../../../runtime/programs/local-programs.ts';
import { manifest } from '../format/manifests.ts';
import type { Manifest } from '../../../model/backup/manifest.ts';

const folder = mkdtempSync(join(tmpdir(), 'berth-scratch-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Says its version, and does nothing else. */
const programsOf = (version: string): Programs => ({
  start: ({ argv: [file, option] }) => {
    if (option !== '--version') throw new Error(`${file} was started`);
    const ended = Promise.resolve({ code: 0, signal: null, stderr: '' });
    const output = (async function* () {
      yield Buffer.from(version);
    })();
    return { output, ended, said: () => '', kill: () => undefined, [Symbol.asyncDispose]: async () => undefined };
  },
});
const tools = (version: string, room = Infinity): ScratchTools => ({
  programs: programsOf(version),
  folder,
  memoryMiB: 64,
  limits: usualLimits,
  sleep: async () => undefined,
  tag: () => 'a',
  uid: 999,
  room: async () => room,
});
const engines = {
  postgres: { scratch: postgresScratch, says: (version: string) => `postgres (PostgreSQL) ${version} (Debian ${version}-1.pgdg13+1)` },
  mysql: {
    scratch: (of: ScratchTools) => mysqlScratch({ ...of, dialect: dialects.mysql, dataFolders }),
    says: (version: string) => `mysqld  Ver ${version} for Linux on x86_64`,
  },
  mariadb: {
    scratch: (of: ScratchTools) => mysqlScratch({ ...of, dialect: dialects.mariadb, dataFolders }),
    says: (version: string) => `mariadbd  Ver ${version}-MariaDB-ubu2404 for debian-linux-gnu`,
  },
} as const;
const tried = (engine: keyof typeof engines, made: string, here: string, room?: number, behind: readonly Manifest['kind'][] = []) => {
  const full = manifest({ engine, tool: { name: 'dump', version: made, image: 'postgres:17.11-trixie' } });
  const open = (): never => {
    throw new Error('it was read');
  };
  const { scratch, says } = engines[engine];
  return scratch(tools(says(here), room)).layOut(
    [full, ...behind.map((kind) => ({ ...full, kind }))].map((each) => ({ manifest: each, open })),
    new AbortController().signal,
  );
};

describe('a restore that is tried', () => {
  test.each([
    ['postgres', '17.11', '18.1'],
    ['postgres', '17.11', '16.9'],
    ['mysql', '9.1.0', '8.4.11'],
    ['mariadb', '11.8.9', '11.4.2'],
    ['mariadb', '11.4.2', '10.11.8'],
  ] as const)('of a version that this server does not take is refused: %s %s in %s', async (engine, made, here) => {
    await expect(tried(engine, made, here)).rejects.toMatchObject({
      kind: 'unsupported',
      message: expect.stringContaining(`${made}, and this is ${here}`),
      hint: expect.stringContaining('such as postgres:17.11-trixie'),
    });
  });

  test.each([
    ['postgres', '17.2', '17.11'],
    ['mysql', '8.4.2', '8.4.11'],
    ['mysql', '8.4.11', '9.1.0'],
    ['mariadb', '10.11.8', '11.8.9'],
  ] as const)('of a version that it takes goes on: %s %s in %s', async (engine, made, here) => {
    await expect(tried(engine, made, here)).rejects.not.toMatchObject({ kind: 'unsupported' });
  });

  test.each([
    [3, ['increment']],
    [3, ['increment', 'log']],
    [4, ['increment', 'log', 'log', 'log']],
    [6, ['increment', 'log', 'log', 'log', 'log', 'log']],
  ] as const)(
    'has room for %d times the bytes of each of %j, as parts and what is made of them lie beside each other',
    async (times, behind) => {
      const bytes = times * manifest().streams.reduce((sum, { plainBytes }) => sum + plainBytes, 0);
      await expect(tried('postgres', '17.11', '17.11', bytes - 1, behind as readonly Manifest['kind'][])).rejects.toThrow(`${folder} has`);
      await expect(tried('postgres', '17.11', '17.11', bytes, behind as readonly Manifest['kind'][])).rejects.not.toThrow(`${folder} has`);
    },
  );

  test('is not begun where it cannot fit', async () => {
    const bytes = manifest().streams.reduce((sum, { plainBytes }) => sum + plainBytes, 0);
    await expect(tried('postgres', '17.11', '17.11', bytes - 1)).rejects.toMatchObject({
      kind: 'io',
      message: expect.stringContaining(`${folder} has`),
    });
    await expect(tried('postgres', '17.11', '17.11', bytes)).rejects.not.toThrow(`${folder} has`);
    await expect(tried('mariadb', '11.8.9', '11.8.9', bytes - 1)).rejects.not.toThrow(`${folder} has`);
  });

  test('is the first in its volume: the room is looked at in a folder that is made for it', async () => {
    const { room: _, ...here } = tools(engines.postgres.says('17.11'));
    const full = manifest({ engine: 'postgres', tool: { name: 'dump', version: '17.11', image: null } });
    const open = (): never => {
      throw new Error('it was read');
    };
    const scratch = postgresScratch({ ...here, folder: join(folder, 'not', 'yet') });
    await expect(scratch.layOut([{ manifest: full, open }], new AbortController().signal)).rejects.toThrow('it was read');
  });
});

describe('a scratch server that is started', () => {
  const never = new AbortController().signal;
  const noAnswer = () => new Promise<boolean>(() => undefined);
  /** A second passes in no time. */
  const started = async (programs: Programs, answers: () => Promise<boolean>, argv: readonly [string, ...string[]] = ['server']) => {
    await using server = new ScratchServer({ ...tools(''), programs, sleep: () => setImmediate() }, join(folder, 'server'), 'SIGTERM');
    return await server.start(argv, answers, never);
  };
  const living = (spent: () => number): Programs => ({
    start: () => {
      const ended = new Promise<never>(() => undefined);
      const life = () => ({ stopped: false, spent: spent() });
      const fake: Omit<RunningProgram, 'output'> = {
        ended,
        said: () => '',
        life,
        kill: () => undefined,
        [Symbol.asyncDispose]: async () => undefined,
      };
      return { ...fake, output: (async function* () {})() };
    },
  });

  test('and was stopped is not waited for without end, though whoever asks it hears nothing', async () => {
    const programs = localPrograms({ PATH: process.env['PATH'] }, 100);
    const stopped = started(programs, noAnswer, ['sh', '-c', 'echo reading the log >&2; kill -STOP $$']);
    await expect(stopped).rejects.toMatchObject({
      kind: 'io',
      message: expect.stringMatching(/does not answer: it was stopped, with SIGSTOP.*reading the log/),
      hint: expect.stringContaining('do the same again'),
    });
  });

  test('and hangs is given up after ten minutes without a sign of life', async () => {
    await expect(
      started(
        living(() => 7),
        noAnswer,
      ),
    ).rejects.toThrow('for 10 min it took no processor and said nothing');
  });

  test('and works for however long is waited for', async () => {
    let [ticks, asked] = [0, 0];
    const answers = async () => (asked += 1) > 20_000;
    expect(
      await started(
        living(() => (ticks += 1)),
        answers,
      ),
    ).toBeUndefined();
  });
});

test('what a process that was killed has left is taken away, and nothing else that lies there', async () => {
  const own = mkdtempSync(join(folder, 'left-'));
  for (const name of ['scratch-0a1b2c3d', 'increment-0a1b2c3d', 'kept']) mkdirSync(join(own, name, 'data'), { recursive: true });
  expect((await clearScratch(own)).toSorted()).toEqual(['increment-0a1b2c3d', 'scratch-0a1b2c3d']);
  expect(readdirSync(own)).toEqual(['kept']);
  expect(await clearScratch(join(own, 'nowhere'))).toEqual([]);
});
