import type { BackupsConfig, RuntimeConfig } from '../model/runtime-config.ts';
import { copyBackups, type Copied, type CopyTools } from './jobs/copy-backups.ts';
import { withEach } from './jobs/failures.ts';
import { leaveInstructions } from './jobs/leave-instructions.ts';
import { acquireLease } from './jobs/take-backup.ts';
import { openStore, ownSigner, trustedSigners, type World } from './open-store.ts';
import type { Store } from './ports/store.ts';
import { leasesFor, openBackups, type Backups } from './wire.ts';

/** The second place of the backups of a site. */
export interface Offsite {
  /** What lies there, to be looked at and pruned. */
  readonly backups: Backups;
  /**
   * Brings there what is not there yet. A source that fails holds up no other.
   *
   * @param heard - Told of each source, and of the bytes that were sent of a backup.
   */
  readonly copy: (signal: AbortSignal, heard: (source: string, bytes: number) => void) => Promise<Copied>;
  /** The other way round: for a first place that was lost. */
  readonly bringBack: Offsite['copy'];
}

/** @returns Nothing where there is no second place. */
export async function openOffsite(
  config: RuntimeConfig & { readonly backups: BackupsConfig },
  folder: string,
  world: World,
): Promise<Offsite | undefined> {
  const { backups, site } = config;
  if (backups.offsite === undefined) return undefined;
  const there = offsiteOf(backups, backups.offsite);
  const first = () => openStore(backups, folder, 'open', world);
  const second = await openBackups({ ...config, backups: there }, folder, world, first);
  const trusted = trustedSigners(backups, folder);
  const { clock, random, berth } = world;
  const recorder = { signer: ownSigner(backups, folder), clock, random, berth };
  const copyTo = (to: Store, place: BackupsConfig, mends: CopyTools['mends'], other: () => Promise<Store>) => {
    const leases = leasesFor(place, site, folder, to, world);
    return async (signal: AbortSignal, heard: (source: string, bytes: number) => void): Promise<Copied> => {
      const from = await other();
      const all: Copied[] = [];
      await leaveInstructions(to, world.instructions, signal);
      const copyOne = async ({ name }: { readonly name: string }): Promise<void> => {
        const lease = await acquireLease(name, { leases, clock: world.clock, leasePatienceMs: world.leasePatienceMs }, signal);
        try {
          const tools = { from, to, lease, trusted, recorder, mends, heard: (bytes: number) => heard(name, bytes) };
          all.push(await copyBackups({ site, source: name }, tools, signal));
        } finally {
          await lease.release();
        }
      };
      const failures = await withEach(there.jobs, copyOne, signal);
      return {
        copied: all.flatMap(({ copied }) => copied),
        broken: all.flatMap(({ broken }) => broken),
        failures: [...all.flatMap((each) => each.failures), ...failures],
      };
    };
  };
  return {
    backups: second,
    copy: copyTo(second.store, there, 'bytes', first),
    bringBack: async (signal, heard) => {
      const to = await first();
      return copyTo(to, backups, 'any', async () => second.store)(signal, heard);
    },
  };
}

/** As if the second place were the only one. Who copies a database or a bucket makes no difference there. */
export const offsiteOf = (
  { jobs, ...backups }: BackupsConfig,
  { schedule: _schedule, timeZone: _zone, ...store }: NonNullable<BackupsConfig['offsite']>,
): BackupsConfig => ({ ...backups, store, jobs: jobs.map(({ agent: _agent, database: _database, bucket: _bucket, ...job }) => job) });
