import { mib, milliCpu } from '../../../model/units.ts';
import type { MiB, MilliCpu } from '../../../model/units.ts';

const scale: Readonly<Record<string, number>> = {
  'n': 1e-9,
  'u': 1e-6,
  'm': 1e-3,
  '': 1,
  'k': 1e3,
  'M': 1e6,
  'G': 1e9,
  'T': 1e12,
  'P': 1e15,
  'E': 1e18,
  'Ki': 2 ** 10,
  'Mi': 2 ** 20,
  'Gi': 2 ** 30,
  'Ti': 2 ** 40,
  'Pi': 2 ** 50,
  'Ei': 2 ** 60,
};

/** `100m`, `1.5`, `1e3`, `12Ki` as a number; 0 for what is none. The API writes numbers without a unit as numbers, too. */
export function quantity(text: unknown): number {
  if (typeof text === 'number') return text;
  if (typeof text !== 'string') return 0;
  const match = /^([+-]?(?:\d+\.?\d*|\.\d+))(?:[eE]([+-]?\d+)|([numkMGTPE]|[KMGTPE]i)?)$/.exec(text);
  if (!match) return 0;
  const [, digits, exponent, suffix = ''] = match;
  return Number(digits) * (exponent === undefined ? (scale[suffix] ?? 0) : 10 ** Number(exponent));
}

/** What is asked for counts as more rather than less: rounded up. */
export const cpuAsked = (text: unknown): MilliCpu => milliCpu(Math.ceil(quantity(text) * 1000 - 1e-6));
export const memoryAsked = (text: unknown): MiB => mib(Math.ceil(quantity(text) / 2 ** 20 - 1e-6));
/** What there is counts as less rather than more: rounded down. */
export const cpuGiven = (text: unknown): MilliCpu => milliCpu(Math.floor(quantity(text) * 1000 + 1e-6));
export const memoryGiven = (text: unknown): MiB => mib(Math.floor(quantity(text) / 2 ** 20 + 1e-6));
