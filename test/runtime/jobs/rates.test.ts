import { describe, expect, test } from 'vitest';
import type { Measured, Verification } from '../../../model/backup/verification.ts';
import { estimate } from '../../../cli/restore/estimate.ts';
import type { Manifest } from '../../../model/backup/manifest.ts';
import { amountOf, ratesOf, secondsFor, timed } from '../../../runtime/jobs/rates.ts';
import type { Restorable, RestoreTarget, Scratch, ScratchEngine } from '../../../runtime/ports/scratch-engine.ts';
import { fullAt, logAfter, numbered } from './chains.ts';

const MB = 1_000_000;
const record = (n: number, measured: Measured | null): Verification => ({
  format: 'berth-verification',
  version: 1,
  id: `01JD5Z5M2R${String(n).padStart(16, '0')}`,
  backups: ['01JD5Z5M2R000000000000000A'],
  level: 3,
  at: `2026-11-${String(n).padStart(2, '0')}T01:00:00.000Z`,
  result: 'sound',
  detail: [],
  berth: '0.1.0',
  measured,
});
const took = (n: number, bytes: number, seconds: number, replay: Measured['replay'] = null): Verification =>
  record(n, { whole: { bytes, milliseconds: seconds * 1000 }, log: null, replay });

describe('how fast restores are', () => {
  test('is the median of the last five that were measured, in the order of their ids', () => {
    const { whole } = ratesOf([
      took(20, 100 * MB, 10),
      took(15, 100 * MB, 5),
      took(16, 100 * MB, 20),
      took(17, 100 * MB, 4),
      record(21, null),
      took(18, 100 * MB, 10),
      // Long ago, on another disk.
      took(3, 100 * MB, 1),
    ]);
    expect(whole).toEqual({ bytesPerSecond: 10 * MB, at: new Date('2026-11-20T01:00:00Z'), most: 100 * MB });
    expect(ratesOf([took(1, 100 * MB, 10), took(2, 100 * MB, 5)]).whole?.bytesPerSecond).toBe(15 * MB);
  });

  test('is not told by one that was small beside the others, whose time is that of a server that starts', () => {
    const log = (bytes: number) => ({ bytes, milliseconds: 2000 });
    const { log: rate } = ratesOf([took(1, MB, 1, log(200 * MB)), took(2, MB, 1, log(1000)), took(3, MB, 1, log(0))]);
    expect(rate).toMatchObject({ bytesPerSecond: 100 * MB, at: new Date('2026-11-01T01:00:00Z') });
  });

  test('is not known where nothing was measured, or had anything to do, or took any time', () => {
    expect(ratesOf([])).toEqual({ whole: undefined, log: undefined });
    expect(ratesOf([record(1, null), took(2, 0, 3), took(3, MB, 0)])).toEqual({ whole: undefined, log: undefined });
  });

  test('says nothing of what is more than ten times as much as was ever measured, unless that was plenty', () => {
    const rate = (most: number) => ({ bytesPerSecond: MB, at: new Date(0), most });
    expect(secondsFor(10 * MB, rate(MB))).toBe(10);
    expect(secondsFor(10 * MB + 1, rate(MB))).toBeUndefined();
    expect(secondsFor(5000 * MB, rate(70 * MB))).toBe(5000);
    expect(secondsFor(1, undefined)).toBeUndefined();
    expect(secondsFor(0, undefined)).toBe(0);
  });

  test('is not told by records of before, in which the log is a part of the whole and was read up to who knows where', () => {
    const before = (log: number) =>
      record(2, { whole: { bytes: 100 * MB, milliseconds: 1 }, log: { bytes: log, milliseconds: 1 }, replay: null });
    expect(ratesOf([took(1, 100 * MB, 10), before(1)])).toMatchObject({ whole: { bytesPerSecond: 10 * MB }, log: undefined });
    // Without a log it was the whole alone.
    expect(ratesOf([before(0)]).whole).toMatchObject({ at: new Date('2026-11-02T01:00:00Z') });
  });
});

describe('how long a restore should take, by what an earlier one took', () => {
  const never = new AbortController().signal;
  /** An hour of log in 60 slices, behind a full backup. */
  const chainOf = (fullBytes: number, logBytes: number): readonly Manifest[] => {
    const sized = (manifest: Manifest, bytes: number): Manifest => ({
      ...manifest,
      streams: manifest.streams.slice(0, 1).map((stream) => ({ ...stream, plainBytes: bytes })),
    });
    const full = fullAt(1, 0, 0, 1);
    const chain = [sized(full, fullBytes)];
    const slices = logBytes === 0 ? 0 : 60;
    for (let n = 1; n <= slices; n += 1) chain.push(sized(logAfter(chain.at(-1)!, n + 1, n, n + 1), logBytes / slices));
    return chain;
  };
  const speed = { load: 20 * MB, write: 500 * MB, replay: 10 * MB };

  /** A server that loads a dump slowly, has its log on its disk fast, and reads that up to the target. */
  class Server {
    now = 0;
    readonly #logsFirst: boolean;
    constructor(logsFirst: boolean) {
      this.#logsFirst = logsFirst;
    }

    readonly engine = {
      layOut: async (chain: readonly Restorable[]) => {
        const inOrder = this.#logsFirst ? [...chain.slice(1), ...chain.slice(0, 1)] : chain;
        for (const { open } of inOrder) for await (const _ of open('file'));
        return {
          recover: async (target: RestoreTarget) => {
            const logs = chain.slice(1);
            const upTo = target.kind === 'position' ? Number(target.position) : logs.length;
            const read = logs.slice(0, Math.ceil(upTo)).reduce((sum, { manifest }) => sum + amountOf([manifest]).bytes, 0);
            this.now += read / speed.replay;
            return { position: String(upTo) } as Scratch;
          },
          [Symbol.asyncDispose]: async () => undefined,
        };
      },
    } as unknown as ScratchEngine;

    readonly open = (manifest: Manifest): Restorable => ({
      manifest,
      open: async function* (this: Server) {
        await Promise.resolve();
        yield Buffer.alloc(1);
        this.now += amountOf([manifest]).bytes / (manifest.kind === 'log' ? speed.write : speed.load);
      }.bind(this),
    });

    async restore(chain: readonly Manifest[], target: RestoreTarget): Promise<Measured> {
      const { engine, measured } = timed(this.engine, numbered, () => this.now * 1000);
      const laidOut = await engine.layOut(chain.map(this.open), never);
      await laidOut.recover(target, never);
      return measured()!;
    }
  }
  const latest = { kind: 'latest' } as const;
  const upTo = (position: number) => ({ kind: 'position', position: String(position) }) as const;
  const expected = (chain: readonly Manifest[], ...measured: readonly Measured[]) =>
    estimate('db', amountOf(chain), ratesOf(measured.map((each, index) => record(index + 1, each)))).seconds;
  const GB = 1000 * MB;
  const chain = chainOf(10 * GB, 18 * GB);
  const really = async (logsFirst: boolean, some: readonly Manifest[]): Promise<number> => {
    const server = new Server(logsFirst);
    await server.restore(some, latest);
    return Math.round(server.now);
  };

  describe.each([
    ['lays logs out first', true],
    ['lays logs out last', false],
  ])('of an engine that %s,', (_, logsFirst) => {
    const restore = (some: readonly Manifest[], target: RestoreTarget) => new Server(logsFirst).restore(some, target);

    test('is what it takes, also where that one stopped early in its log', async () => {
      const whole = await really(logsFirst, chain);
      const [early, honest] = [await restore(chain, upTo(6)), await restore(chain, latest)];
      for (const measured of [[early], [honest], [honest, early, early]]) expect(expected(chain, ...measured)).toBe(whole);
    });

    test('says nothing of a log in whose first slice that one stopped, and takes no slice for read of which it may have read little', async () => {
      const first = await restore(chain, upTo(0.5));
      expect([first.replay, expected(chain, first)]).toEqual([null, null]);
      const within = await restore(chain, upTo(30.5));
      expect(within.replay?.bytes).toBe(9 * GB);
    });

    test('is that of a backup alone where that one had much log, and the other way round', async () => {
      const [heavy, alone] = [chainOf(10 * GB, 90 * GB), chainOf(12 * GB, 0)];
      expect(expected(alone, await restore(heavy, latest))).toBe(await really(logsFirst, alone));
      expect(expected(heavy, await restore(alone, latest), await restore(heavy, upTo(6)))).toBe(await really(logsFirst, heavy));
    });
  });
});
