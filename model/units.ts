/** Quantities carry their unit in their type: a number of MiB cannot be passed where bytes are wanted. */
declare const unit: unique symbol;
type Quantity<U extends string> = number & { readonly [unit]: U };

/** Mebibytes, whole. Memory and disk are counted in these everywhere inside. */
export type MiB = Quantity<'MiB'>;
/** Thousandths of a CPU, whole: 500 is half a core. */
export type MilliCpu = Quantity<'mCPU'>;
/** Seconds, whole. */
export type Seconds = Quantity<'s'>;

export const mib = (value: number): MiB => value as MiB;
export const milliCpu = (value: number): MilliCpu => value as MilliCpu;
export const seconds = (value: number): Seconds => value as Seconds;

const binary: Readonly<Record<string, number>> = { Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50 };
const decimal: Readonly<Record<string, number>> = { '': 1, 'k': 1e3, 'M': 1e6, 'G': 1e9, 'T': 1e12, 'P': 1e15 };
/** Above this a size is a typing mistake: 64 PiB in MiB. */
const largest = 64 * 2 ** 30;

/** Spelling of a size, a number of CPUs and a duration; whether the number itself makes sense is for the functions below to say. */
export const sizePattern = /^(\d+(?:\.\d+)?)(Ki|Mi|Gi|Ti|Pi|k|M|G|T|P)?$/;
export const cpuPattern = /^(\d+(?:\.\d{1,3})?)(m)?$/;
export const durationPattern = /^(\d+)(s|m|h|d)$/;

/** The notation that {@link parseSize} accepts, for messages. */
export const sizeNotation = 'a size such as 512Mi, 16Gi or 2Ti';
/** The notation that {@link parseCpu} accepts, for messages. */
export const cpuNotation = 'CPUs such as 2, 0.5 or 500m';
/** The notation that {@link parseDuration} accepts, for messages. */
export const durationNotation = 'a duration such as 30s, 5m, 2h or 7d';

/** `16Gi`, `512M`, `1073741824` → MiB, rounded down; `undefined` when it is none, is below 1 MiB or absurdly large. */
export function parseSize(text: string): MiB | undefined {
  const match = sizePattern.exec(text);
  if (!match) return undefined;
  const suffix = match[2] ?? '';
  const value = Math.floor((Number(match[1]) * (binary[suffix] ?? decimal[suffix] ?? 1)) / 2 ** 20);
  return value >= 1 && value <= largest ? mib(value) : undefined;
}

/** `2`, `0.5`, `500m` → thousandths of a CPU; `undefined` when it is none, is below 0.01 or above 4096 CPUs. */
export function parseCpu(text: string): MilliCpu | undefined {
  const match = cpuPattern.exec(text);
  if (!match) return undefined;
  const value = Math.round(Number(match[1]) * (match[2] ? 1 : 1000));
  return value >= 10 && value <= 4096 * 1000 ? milliCpu(value) : undefined;
}

const perUnit: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** `30s`, `5m`, `2h`, `7d` → seconds; `undefined` when it is none, is zero or above ten years. */
export function parseDuration(text: string): Seconds | undefined {
  const match = durationPattern.exec(text);
  const value = match ? Number(match[1]) * (perUnit[match[2] ?? ''] ?? 0) : 0;
  return value >= 1 && value <= 3650 * 86_400 ? seconds(value) : undefined;
}

/** MiB in the largest unit that needs no fraction: 2048 → `2Gi`, 1536 → `1536Mi`. */
export function formatSize(size: MiB): string {
  if (size > 0 && size % 2 ** 20 === 0) return `${size / 2 ** 20}Ti`;
  if (size > 0 && size % 2 ** 10 === 0) return `${size / 2 ** 10}Gi`;
  return `${size}Mi`;
}

/** MiB for eyes: at most one decimal, `5.6 GiB`, `512 MiB`. */
export function describeSize(size: MiB): string {
  const scaled =
    size >= 2 ** 20 ? ([size / 2 ** 20, 'TiB'] as const) : size >= 2 ** 10 ? ([size / 2 ** 10, 'GiB'] as const) : ([size, 'MiB'] as const);
  return `${Number.isInteger(scaled[0]) ? scaled[0] : scaled[0].toFixed(1)} ${scaled[1]}`;
}

/** Thousandths of a CPU as Compose writes CPUs: 500 → `0.5`. */
export const formatCpu = (cpu: MilliCpu): string => String(cpu / 1000);

/** Thousandths of a CPU for eyes: `0.5 CPUs`, `1 CPU`. */
export const describeCpus = (cpu: MilliCpu): string => `${formatCpu(cpu)} CPU${cpu === 1000 ? '' : 's'}`;

/** Seconds in the largest unit that needs no fraction: 120 → `2m`. */
export function formatDuration(duration: Seconds): string {
  for (const [suffix, size] of [
    ['d', 86_400],
    ['h', 3600],
    ['m', 60],
  ] as const)
    if (duration % size === 0) return `${duration / size}${suffix}`;
  return `${duration}s`;
}
