import { plainBytesOf } from '../../model/backup/bytes.ts';
import type { Manifest } from '../../model/backup/manifest.ts';
import type { Measured, Verification, Work } from '../../model/backup/verification.ts';
import type { LaidOut, ScratchEngine } from '../ports/scratch-engine.ts';

/** What is restored: as many bytes as the engine gave once. */
export interface Amount {
  /** All of it: of a database with its log. */
  readonly bytes: number;
  readonly logBytes: number;
}

export const amountOf = (backups: readonly Manifest[]): Amount => {
  const sum = (some: readonly Manifest[]): number => some.reduce((bytes, manifest) => bytes + plainBytesOf(manifest), 0);
  return { bytes: sum(backups), logBytes: sum(backups.filter(({ kind }) => kind === 'log')) };
};

/** Of what is read at once, without a log. */
export const wholeOf = (bytes: number, milliseconds: number): Measured => ({
  whole: { bytes, milliseconds: Math.round(milliseconds) },
  log: null,
});

/** The same engine, and what the last restore in it took; nothing before one was. @param elapsed - Milliseconds by a clock that is never set. */
export function timed(
  engine: ScratchEngine,
  elapsed: () => number,
): { readonly engine: ScratchEngine; readonly measured: () => Measured | null } {
  let measured: Measured | null = null;
  const since = (begun: number): number => Math.round(elapsed() - begun);
  const layOut: ScratchEngine['layOut'] = async (chain, signal) => {
    const { bytes, logBytes } = amountOf(chain.map(({ manifest }) => manifest));
    const begun = elapsed();
    const laidOut: LaidOut = await engine.layOut(chain, signal);
    const whole = { bytes, milliseconds: since(begun) };
    return {
      recover: async (target, stop) => {
        const started = elapsed();
        const scratch = await laidOut.recover(target, stop);
        measured = { whole, log: { bytes: logBytes, milliseconds: since(started) } };
        return scratch;
      },
      [Symbol.asyncDispose]: () => laidOut[Symbol.asyncDispose](),
    };
  };
  return { engine: { ...engine, layOut }, measured: () => measured };
}

/** How fast something was, by the median of the last few times. */
export interface Rate {
  readonly bytesPerSecond: number;
  /** The newest of them. */
  readonly at: Date;
  /** The most bytes of any of them: what is much more was never measured. */
  readonly most: number;
}

export interface Rates {
  readonly whole: Rate | undefined;
  readonly log: Rate | undefined;
}

/** A disk, a store and a version change: older ones say less than they hide. */
const lastFew = 5;
/** What is fixed about a restore, such as the start of a server, weighs too much in what is smaller than this part of the largest. */
const tooSmall = 10;
/** From so much on a rate holds for any amount. */
const plenty = 64 * 2 ** 20;

/** @param records - Of one source, in any order. */
export function ratesOf(records: readonly Verification[]): Rates {
  const measured = records
    .filter(({ measured: found }) => found !== null)
    .toSorted((a, b) => (a.id < b.id ? 1 : -1))
    .flatMap(({ measured: found, at }) => (found === null ? [] : [{ ...found, at: new Date(at) }]));
  return {
    whole: rateOf(measured.map(({ whole, at }) => ({ work: whole, at }))),
    log: rateOf(measured.flatMap(({ log, at }) => (log === null ? [] : [{ work: log, at }]))),
  };
}

/** @param newestFirst - Those that had nothing to do say nothing. */
function rateOf(newestFirst: readonly { readonly work: Work; readonly at: Date }[]): Rate | undefined {
  const some = newestFirst.filter(({ work: { bytes, milliseconds } }) => bytes > 0 && milliseconds > 0).slice(0, lastFew);
  const most = Math.max(...some.map(({ work }) => work.bytes));
  const telling = some.filter(({ work }) => work.bytes * tooSmall >= most);
  const [newest] = telling;
  if (newest === undefined) return undefined;
  const rates = telling.map(({ work: { bytes, milliseconds } }) => (bytes * 1000) / milliseconds).toSorted((a, b) => a - b);
  const middle = rates.length / 2;
  const bytesPerSecond = ((rates[Math.ceil(middle - 1)] ?? 0) + (rates[Math.floor(middle)] ?? 0)) / 2;
  return { bytesPerSecond, at: newest.at, most };
}

/** Nothing where so much was never measured, or nothing at all: no number is better than one that was made up. */
export function secondsFor(bytes: number, rate: Rate | undefined): number | undefined {
  if (bytes === 0) return 0;
  if (rate === undefined || (rate.most < plenty && bytes > rate.most * tooSmall)) return undefined;
  return bytes / rate.bytesPerSecond;
}
