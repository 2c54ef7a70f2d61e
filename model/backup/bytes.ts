import type { Manifest } from './manifest.ts';

const units = ['B', 'kB', 'MB', 'GB', 'TB'];

/** Bytes for eyes. */
export function describeBytes(bytes: number): string {
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  const value = bytes / 1000 ** power;
  return `${value >= 100 || power === 0 ? value.toFixed(0) : value.toFixed(1)} ${units[power]}`;
}

export const plainBytesOf = ({ streams }: Manifest): number => streams.reduce((sum, { plainBytes }) => sum + plainBytes, 0);
