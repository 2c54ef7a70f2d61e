import { plainBytesOf } from '../../model/backup/bytes.ts';
import type { Manifest } from '../../model/backup/manifest.ts';

/** `38 s`, `3 min`, `5 h`, `12 days`. */
export function describeAge(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} days`;
}

export const ageOf = ({ finishedAt }: Pick<Manifest, 'finishedAt'>, now: Date): string =>
  describeAge(now.getTime() - new Date(finishedAt).getTime());

/** What is restored behind a full backup. */
export function countedBehind(increments: number, logs: number): string {
  const counted = logs === 1 ? '1 log' : `${logs} logs`;
  if (increments === 0) return counted;
  return `${increments === 1 ? '1 increment' : `${increments} increments`} and ${counted}`;
}

/** What it holds: the list of a bucket is not what anybody asks for. */
export const bytesOf = (manifest: Manifest): number =>
  manifest.kind === 'bucket' ? Number(manifest.facts['bytes'] ?? 0) : plainBytesOf(manifest);

/** `site.configuration` → `configuration`; a service is called by its name. */
export const shortName = (source: string): string => source.replace(/^site\./, '');

/** A time for eyes. */
export const shownTime = (iso: string): string => `${iso.slice(0, 19).replace('T', ' ')} UTC`;

export const tierOf = (tier: number): string => (tier === 0 ? 'tier 0: lost with this host' : `tier ${tier}`);

export const levels = [
  'uploaded',
  'read back whole when it was made',
  'opened with a key, and sound',
  'restored, and compared with what it was made of',
  'restored in a drill, with its time measured',
] as const;

export const asJson = (manifest: Manifest, level: number, now: Date) => ({
  id: manifest.id,
  source: manifest.source,
  kind: manifest.kind,
  madeAt: manifest.finishedAt,
  ageSeconds: Math.max(0, Math.round((now.getTime() - new Date(manifest.finishedAt).getTime()) / 1000)),
  durationMs: manifest.durationMs,
  bytes: bytesOf(manifest),
  level,
  label: manifest.label,
  parent: manifest.parent,
});
