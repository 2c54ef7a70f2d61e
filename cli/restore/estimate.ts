import { describeBytes } from '../../model/backup/bytes.ts';
import type { Manifest } from '../../model/backup/manifest.ts';
import type { Verification } from '../../model/backup/verification.ts';
import { type Amount, amountOf, type Rate, type Rates, ratesOf, secondsFor } from '../../runtime/jobs/rates.ts';
import { backupsIn } from '../../runtime/jobs/coverage.ts';
import { bytesOf, describeAge } from '../backup/text.ts';
import type { Chosen } from './choose-whole.ts';

/** How long a restore should take. */
export interface Estimate {
  /** Nothing where that was never measured. */
  readonly seconds: number | null;
  /** What it is worked out from, or what would measure it; one line. */
  readonly basis: string;
}

/** Of a site as a whole. */
export interface WholeEstimate extends Estimate {
  /** `objectives.rto`, in seconds. */
  readonly objective: number | null;
  readonly exceeded: boolean;
}

/** `about 4 min: …`, or that it is not known, and why. */
export const describeEstimate = ({ seconds, basis }: Estimate): string =>
  seconds === null ? `not known: ${basis}` : `about ${describeAge(seconds * 1000)}: ${basis}`;

const day = (at: Date): string => at.toISOString().slice(0, 10);
const speed = ({ bytesPerSecond }: Rate): string => `${describeBytes(Math.round(bytesPerSecond))}/s`;
const rounded = (seconds: number): number => Math.max(1, Math.round(seconds));

/** Bytes of log that no restore takes longer for: where so little was to be read, none was measured either. */
const littleLog = 2 ** 20;

/** @param source - Its name, for who is told that nothing of it was ever restored. */
export function estimate(source: string, { bytes, logBytes }: Amount, { whole, log }: Rates): Estimate {
  const reads = logBytes >= littleLog;
  const ownBytes = bytes - logBytes;
  const [laid, read] = [secondsFor(ownBytes, whole), reads ? secondsFor(logBytes, log) : 0];
  if (whole === undefined)
    return { seconds: null, basis: `nothing of ${source} was restored and measured yet; \`berth backup verify --restore\` does that` };
  if (laid === undefined)
    return {
      seconds: null,
      basis: `${describeBytes(ownBytes)}, and at most ${describeBytes(whole.most)} of ${source} was ever measured; \`berth backup verify --restore\` measures it`,
    };
  const base = `${describeBytes(ownBytes)} at ${speed(whole)} as measured on ${day(whole.at)}`;
  if (read === undefined)
    return {
      seconds: null,
      basis: `${describeAge(laid * 1000)} for ${base}, and reading ${describeBytes(logBytes)} of log, of which ${log === undefined ? 'none' : `at most ${describeBytes(log.most)}`} was ever measured; a restore with \`--into scratch\` measures it`,
    };
  const behind = log === undefined || !reads ? '' : `, and ${describeBytes(logBytes)} of log at ${speed(log)}`;
  return { seconds: rounded(laid + read), basis: `${base}${behind}` };
}

/** A part of a site. */
export interface Part extends Amount {
  readonly source: string;
}

/** What is put back of a site, by what its objects hold. */
export function partsOf({ wanted, wantedBuckets, copies }: Pick<Chosen, 'wanted' | 'wantedBuckets' | 'copies'>): readonly Part[] {
  const copied = (manifest: Manifest): Part => ({ source: manifest.source, bytes: bytesOf(manifest), logBytes: 0 });
  return [
    ...wanted.map((plan) => ({ source: plan.database, ...amountOf(backupsIn(plan)) })),
    ...copies.map(({ copy }) => copied(copy)),
    ...wantedBuckets.map(({ point }) => copied(point)),
  ];
}

/** That it takes longer than it may; nothing where it does not, or where neither is known. */
export const describeExceeded = ({ seconds, objective, exceeded }: WholeEstimate): string | undefined =>
  exceeded
    ? `objectives.rto is ${describeAge((objective ?? 0) * 1000)}, and this should take about ${describeAge((seconds ?? 0) * 1000)}: see docs/backups.md for what makes a restore shorter`
    : undefined;

/** By the last drill, which has started everything as well; else what its parts take, one after the other. */
export function estimateSite(
  parts: readonly Part[],
  drill: Verification | undefined,
  ratesFor: (source: string) => Rates,
  objective: number | null,
): WholeEstimate {
  const known = byDrill(parts, drill) ?? byParts(parts, ratesFor);
  return { ...known, objective, exceeded: objective !== null && known.seconds !== null && known.seconds > objective };
}

function byDrill(parts: readonly Part[], drill: Verification | undefined): Estimate | undefined {
  const { whole } = ratesOf(drill === undefined ? [] : [drill]);
  const took = drill?.measured?.whole;
  if (whole === undefined || took === undefined) return undefined;
  const bytes = parts.reduce((sum, part) => sum + part.bytes, 0);
  if (secondsFor(bytes, whole) === undefined) return undefined;
  const drilled = took.milliseconds / 1000;
  const was = `the drill of ${day(whole.at)} took ${describeAge(took.milliseconds)} for ${describeBytes(took.bytes)}`;
  // Much of it has nothing to do with bytes, such as that everything starts.
  return { seconds: rounded(drilled * Math.max(1, bytes / took.bytes)), basis: `${describeBytes(bytes)}, and ${was}` };
}

function byParts(parts: readonly Part[], ratesFor: (source: string) => Rates): Estimate {
  const each = parts.filter(({ bytes }) => bytes > 0).map((part) => ({ part, ...estimate(part.source, part, ratesFor(part.source)) }));
  const unknown = each.filter(({ seconds }) => seconds === null).map(({ part }) => part.source);
  const drills = '`berth drill` measures all of it';
  if (each.length === 0 || unknown.length > 0)
    return {
      seconds: null,
      basis: `${unknown.length === 0 ? 'there is nothing to measure it by' : `so much of ${unknown.join(', ')} was never measured`}; ${drills}`,
    };
  const seconds = each.reduce((sum, one) => sum + (one.seconds ?? 0), 0);
  const told = each.map(({ part, basis }) => `${part.source} ${basis}`).join('; ');
  return {
    seconds: rounded(seconds),
    basis: `${told}; and what everything takes to start, which ${drills.replace('measures all of it', 'measures')}`,
  };
}
