import { plainBytesOf } from '../../model/backup/bytes.ts';
import type { Manifest } from '../../model/backup/manifest.ts';
import type { Measured, Verification, Work } from '../../model/backup/verification.ts';
import type { ChainRules } from '../ports/log-source.ts';
import type { LaidOut, Restorable, RestoreTarget, ScratchEngine } from '../ports/scratch-engine.ts';
import type { Bytes } from '../streams/blocks.ts';

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
  replay: null,
});

/** Milliseconds by a clock that is never set. */
type Elapsed = () => number;

/** The same engine, and what the last restore in it took; nothing before one was. */
export function timed(
  engine: ScratchEngine,
  rules: Pick<ChainRules, 'reaches'>,
  elapsed: Elapsed,
): { readonly engine: ScratchEngine; readonly measured: () => Measured | null } {
  let measured: Measured | null = null;
  const layOut: ScratchEngine['layOut'] = async (chain, signal) => {
    const manifests = chain.map(({ manifest }) => manifest);
    const logs = manifests.filter(({ kind }) => kind === 'log');
    const { bytes, logBytes } = amountOf(manifests);
    const timer = new LogTimer(elapsed);
    const begun = elapsed();
    const laidOut: LaidOut = await engine.layOut(
      chain.map((each) => timer.watch(each)),
      signal,
    );
    const layingLogs = timer.milliseconds();
    const whole = { bytes: bytes - logBytes, milliseconds: Math.round(elapsed() - begun - layingLogs) };
    return {
      recover: async (target, stop) => {
        const started = elapsed();
        const scratch = await laidOut.recover(target, stop);
        const read = amountOf(readOf(logs, target, scratch.position, rules)).logBytes;
        const milliseconds = Math.round(elapsed() - started + (layingLogs * read) / Math.max(1, logBytes));
        measured = { whole, log: null, replay: read === 0 ? null : { bytes: read, milliseconds } };
        return scratch;
      },
      [Symbol.asyncDispose]: () => laidOut[Symbol.asyncDispose](),
    };
  };
  return { engine: { ...engine, layOut }, measured: () => measured };
}

/** Those that a server has read when it stands there; not the one in whose midst it stopped, as of that nobody knows how much. */
function readOf(
  logs: readonly Manifest[],
  target: RestoreTarget,
  position: string,
  { reaches }: Pick<ChainRules, 'reaches'>,
): readonly Manifest[] {
  const last = target.kind === 'latest' ? -1 : logs.findIndex((log) => reaches(log, position));
  if (last < 0) return logs;
  return logs.slice(0, logs[last]?.position.to === position ? last + 1 : last);
}

/** What engines take for the logs alone, which some lay out before the rest, and some after it: from the first one that is opened to the end of the last in a row. */
class LogTimer {
  readonly #elapsed: Elapsed;
  #before = 0;
  #row: { readonly begun: number; ended: number } | undefined;
  constructor(elapsed: Elapsed) {
    this.#elapsed = elapsed;
  }

  watch = ({ manifest, open }: Restorable): Restorable => ({
    manifest,
    open: manifest.kind === 'log' ? (file) => this.#read(open(file)) : (file) => this.#other(open(file)),
  });

  milliseconds = (): number => this.#before + (this.#row === undefined ? 0 : this.#row.ended - this.#row.begun);

  #other(bytes: Bytes): Bytes {
    this.#before = this.milliseconds();
    this.#row = undefined;
    return bytes;
  }

  async *#read(bytes: Bytes): AsyncGenerator<Uint8Array> {
    const now = this.#elapsed();
    const row = (this.#row ??= { begun: now, ended: now });
    yield* bytes;
    row.ended = this.#elapsed();
  }
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
  /** Of a database without its log. */
  readonly whole: Rate | undefined;
  readonly log: Rate | undefined;
}

/** A disk, a store and a version change: older ones say less than they hide. */
const lastFew = 5;
/** What is fixed about a restore, such as the start of a server, weighs too much in what is smaller than this part of the largest. */
const tooSmall = 10;
/** From so much on a rate holds for any amount. */
const plenty = 64 * 2 ** 20;

/** @param records - Of one source, in any order. Those in which a log was measured as part of the whole, or with a target, cannot be told from others of their time, and say nothing. */
export function ratesOf(records: readonly Verification[]): Rates {
  const measured = records
    .filter(({ measured: found }) => found !== null)
    .toSorted((a, b) => (a.id < b.id ? 1 : -1))
    .flatMap(({ measured: found, at }) => (found === null ? [] : [{ ...found, at: new Date(at) }]));
  return {
    whole: rateOf(measured.flatMap(({ whole, log, at }) => ((log?.bytes ?? 0) > 0 ? [] : [{ work: whole, at }]))),
    log: rateOf(measured.flatMap(({ replay, at }) => (replay === null ? [] : [{ work: replay, at }]))),
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
