import type { Manifest } from '../model/backup/manifest.ts';
import type { Taken } from './jobs/take-backup.ts';

/** One line of the log: what happened, to what, and the numbers of it. Holds no secrets. */
export type Log = (level: 'info' | 'warn' | 'error', event: string, fields?: Readonly<Record<string, unknown>>) => void;

/** What did not change is said by silence: it is looked at every few minutes. */
export function tell(job: string, { outcome, manifest, fullBecause, shrunk }: Taken, tier: number, log: Log): void {
  if (fullBecause !== undefined) log('warn', 'full backup in place of an increment', { job, because: fullBecause });
  if (shrunk !== undefined) log('warn', 'backup holds less', { job, id: manifest.id, because: shrunk });
  if (outcome === 'made')
    log('info', 'backup made', {
      job,
      ...(manifest.kind === 'increment' ? { kind: manifest.kind } : {}),
      id: manifest.id,
      milliseconds: manifest.durationMs,
      tier,
      ...sizeOf(manifest),
    });
}

export const bytesOf = ({ streams }: Pick<Manifest, 'streams'>): number => streams.reduce((sum, { plainBytes }) => sum + plainBytes, 0);

const sizeOf = (manifest: Pick<Manifest, 'facts' | 'streams'>) => ({
  ...(manifest.facts['files'] === undefined ? {} : { files: manifest.facts['files'] }),
  bytes: bytesOf(manifest),
  ...Object.fromEntries(oddities.flatMap((name) => (isSome(manifest.facts[name]) ? [[name, manifest.facts[name]]] : []))),
});
/** What could not be had as it was when it was listed: its number is said, the manifest has names. */
const oddities = ['changed', 'gone', 'leftOut'] as const;
const isSome = (count: unknown): boolean => typeof count === 'number' && count > 0;
