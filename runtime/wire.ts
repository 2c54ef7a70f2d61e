import { createSecretKey } from 'node:crypto';
import { join, resolve } from 'node:path';
import { manifestPrefix, type Place } from '../model/backup/layout.ts';
import { BerthError } from '../model/errors.ts';
import type { BackupJob, BackupsConfig, RuntimeConfig } from '../model/runtime-config.ts';
import { usualSuite } from '../model/backup/suites.ts';
import type { Manifest } from '../model/backup/manifest.ts';
import type { Verification } from '../model/backup/verification.ts';
import { readSome } from './jobs/catalogue.ts';
import { throwFirst, withEach } from './jobs/failures.ts';
import { metered } from './jobs/metered.ts';
import { leaveInstructions } from './jobs/leave-instructions.ts';
import { listRemoved, planPrune, removeBackups, sweep, undoRemoval, type PruneTools, type RemovedBackup } from './jobs/prune.ts';
import { renewLocks } from './jobs/renew-locks.ts';
import type { RetentionPlan, TimeCheck } from './jobs/retention.ts';
import type { Swept } from './jobs/sweep.ts';
import { acquireLease, takeBackup, type BackupSource, type Taken, type TakeTools, type Wish } from './jobs/take-backup.ts';
import { usualLayout } from './jobs/upload-stream.ts';
import { readVerifications } from './jobs/verifications.ts';
import { dueSince, levelOf, lookAgain, type Looked, Unread } from './look-again.ts';
import type { Recipient } from './format/keys.ts';
import { checkForSuite } from './format/recipients.ts';
import type { Signer } from './format/signature.ts';
import { readRecipients } from './keys/read-keys.ts';
import { fileLeases } from './leases/file-leases.ts';
import { storeLeases } from './leases/store-leases.ts';
import { noLease } from './leases/no-lease.ts';
import type { Leases } from './ports/lease.ts';
import { DatabaseBackups } from './database-backups.ts';
import { BucketBackups, BucketPoints } from './bucket-backups.ts';
import { isBucket, openBucket, type BucketJob } from './buckets.ts';
import { isCache, producerOf, type CacheJob } from './caches.ts';
import { copyOf, isVolume, proveVolume, type VolumeJob } from './volumes.ts';
import { engineOf, isDatabase, type DatabaseJob } from './databases.ts';
import { bucketStreams, usualBucketLayout } from './jobs/bucket/survey.ts';
import { ownIdentity, type OwnIdentity } from './keys/own-identity.ts';
import type { Store } from './ports/store.ts';
import { openStore, ownSigner, trustedSigners, type World } from './open-store.ts';
import { producers } from './producers.ts';

/** How long a removal can be undone, and how long an unfinished attempt may take. */
const graceMs = 48 * 3_600_000;
/** A holder that was silent for so long is taken for dead. */
const leaseTtlMs = 60_000;
/** How often what lies there of a bucket is compared with what was signed: it is most of what there is, and was read back when it was made. */
const rehashEveryMs = 28 * 24 * 3_600_000;
/** The level of what was opened with a key. */
const opened = 2;
/** Frames at work at the same time: what two cores can do. */
const width = 3;

/** The copies of a volume, of which the newest is taken out of its archive and compared. */
interface CopiedVolume {
  readonly job: VolumeJob;
  readonly prove: (signal: AbortSignal) => Promise<Verification | undefined>;
  /** The same, where that was not done yet. */
  readonly proveNew: (signal: AbortSignal) => Promise<Verification | undefined>;
}

/** The backups of a site: its store, and what goes there. */
export interface Backups {
  readonly site: string;
  readonly store: Store;
  readonly tier: number;
  /** Those that are done by whoever reads this configuration, and not by an agent elsewhere. */
  readonly jobs: readonly BackupJob[];
  readonly databases: readonly DatabaseBackups[];
  readonly buckets: readonly { readonly job: BucketJob; readonly backups: BucketBackups }[];
  readonly volumes: readonly CopiedVolume[];
  /**
   * Compares everything that lies there with what was signed, and writes down what was found.
   *
   * @param since - What was looked at from then on is left out.
   * @param broke - Told at once of each that is broken.
   */
  readonly verify: (since: Date, broke: (id: string, message: string) => void, signal: AbortSignal) => Promise<Looked>;
  /** @param heard - Told of the bytes that the source gave so far. */
  readonly take: (job: BackupJob, wish: Wish, signal: AbortSignal, heard?: (bytes: number) => void) => Promise<Taken>;
  readonly planPrune: (job: BackupJob, time: TimeCheck, signal: AbortSignal) => Promise<RetentionPlan>;
  readonly prune: (
    job: BackupJob,
    time: TimeCheck,
    signal: AbortSignal,
  ) => Promise<{ readonly plan: RetentionPlan; readonly swept: readonly Swept[] }>;
  /** Locks anew what is kept, where the store locks. @param since - The turns until then were taken; without it all is locked anew. */
  readonly renewLocks: (since: Date | undefined, signal: AbortSignal) => Promise<number>;
  /** What can be brought back. */
  readonly removed: (signal: AbortSignal) => Promise<readonly RemovedBackup[]>;
  readonly bringBack: (backup: RemovedBackup, signal: AbortSignal) => Promise<void>;
}

/** Everything that makes, shows and removes backups of a site. Asks nothing of the store yet. @param copiedFrom - Of a second place: the first one. */
export async function openBackups(
  config: RuntimeConfig & { readonly backups: BackupsConfig },
  folder: string,
  world: World,
  copiedFrom?: () => Promise<Store>,
): Promise<Backups> {
  const { backups, site } = config;
  const store = await openStore(backups, folder, 'open', world);
  const signer = ownSigner(backups, folder);
  const trusted = trustedSigners(backups, folder);
  const leases = leasesFor(backups, site, folder, store, world);
  const suite = backups.suite ?? usualSuite;
  const tools: TakeTools = {
    store,
    leases,
    trusted,
    signer,
    suite,
    clock: world.clock,
    random: world.random,
    layout: usualLayout,
    width,
    berth: world.berth,
    leasePatienceMs: world.leasePatienceMs,
  };
  const known = new Map<string, Manifest>();
  let instructed = false;
  const broken = new Set<string>();
  const pruneTools = async (lease: PruneTools['lease'], place: Place, signal: AbortSignal): Promise<PruneTools> => {
    const { proofs } = await readVerifications(place, store, trusted, signal);
    return { store, lease, trusted, levelOf: (id) => levelOf(proofs, id), graceMs, copiedFrom };
  };
  const readAgain = async (place: Place, signal: AbortSignal): Promise<void> => {
    const { proofs } = await readVerifications(place, store, trusted, signal);
    for (const id of proofs.keys()) if (levelOf(proofs, id) < 0) broken.add(id);
  };
  const recipientsOf = (job: BackupJob) => readRecipients(resolve(folder, backups.recipients), job.recipients);
  const sourceOf = (job: FolderJob): BackupSource => ({
    place: { site, source: job.name },
    kind: job.kind,
    ...producers[job.kind]({ job, folder, berth: world.berth, fingerprints: fingerprintKey(signer) }),
    recipients: () => recipientsOf(job),
  });
  const jobs = backups.jobs.filter(({ agent }) => agent === undefined);
  /** The agent's own key goes with its volume, so it counts for nobody. @throws BerthError `usage`. */
  const besideAgent = (job: BackupJob): readonly Recipient[] => {
    const recipients = recipientsOf(job);
    checkForSuite(suite, recipients);
    return recipients;
  };
  const identityFor = (job: BackupJob): Promise<OwnIdentity> => {
    if (backups.identity !== undefined) return ownIdentity(resolve(folder, backups.identity));
    throw new BerthError('spec', `${job.name} is copied by an agent, and runtime.yaml names no identity for it`, 'run `berth generate`');
  };
  const openDatabase = async (job: DatabaseJob): Promise<DatabaseBackups> => {
    const { privateKey, recipient } = await identityFor(job);
    return new DatabaseBackups(job, site, {
      ...tools,
      engine: engineOf(job),
      identity: privateKey,
      recipients: () => [...besideAgent(job), recipient],
    });
  };
  const databases: readonly DatabaseBackups[] = await Promise.all(jobs.filter(isDatabase).map(openDatabase));
  const pointToolsOf = ({ name }: BackupJob) => ({ ...tools, place: { site, source: name }, graceMs, rehashEveryMs, copiedFrom });
  const buckets = await Promise.all(
    jobs.filter(isBucket).map(async (job) => {
      const { privateKey, recipient } = await identityFor(job);
      const copied = new BucketBackups({
        ...pointToolsOf(job),
        layout: bucketStreams,
        bucket: openBucket(job, world),
        bucketLayout: usualBucketLayout,
        identity: privateKey,
        recipients: () => [...besideAgent(job), recipient],
        heard: () => undefined,
      });
      return { job, backups: copied };
    }),
  );
  /** At the second place nobody copies a bucket, but points in time are there as well. */
  const pointsOf = (job: BackupJob): BucketPoints | undefined => (job.kind === 'bucket' ? new BucketPoints(pointToolsOf(job)) : undefined);
  const isCopy = (job: BackupJob): job is CacheJob | VolumeJob => isCache(job) || isVolume(job);
  const firstCopy = jobs.find(isCopy);
  /** The agent itself puts back what it has made; at the second place nobody makes any. */
  const own = firstCopy === undefined || backups.identity === undefined ? undefined : await identityFor(firstCopy);
  const copySource = (job: CacheJob | VolumeJob): BackupSource => ({
    place: { site, source: job.name },
    ...(isCache(job)
      ? { kind: 'cache', producer: producerOf(job) }
      : { kind: 'volume', ...copyOf(job, fingerprintKey(signer), world.berth) }),
    recipients: () => [...besideAgent(job), ...(own === undefined ? [] : [own.recipient])],
  });
  const volumeOf = (job: VolumeJob, { privateKey: identity }: OwnIdentity): CopiedVolume => {
    const place = { site, source: job.name };
    const prove = async (isProven: (id: string) => boolean, signal: AbortSignal): Promise<Verification | undefined> => {
      const found = await proveVolume(place, isProven, { ...tools, identity, key: fingerprintKey(signer) }, signal);
      if (found?.result === 'broken') for (const id of found.backups) broken.add(id);
      return found;
    };
    return {
      job,
      prove: (signal) => prove(() => false, signal),
      proveNew: async (signal) => {
        const { proofs } = await readVerifications(place, store, trusted, signal);
        return prove((id) => levelOf(proofs, id) >= opened, signal);
      },
    };
  };
  /** What was found to be broken holds nothing, whatever it says. */
  const trusting = ({ holds, ...source }: BackupSource): BackupSource => ({
    ...source,
    ...(holds === undefined ? {} : { holds: async (newest, signal) => !broken.has(newest.id) && holds(newest, signal) }),
  });
  /** Agents see to what they make. Whoever sees to the folder of the site sees to all the rest as well: a database may be gone from the spec, and its backups are kept. */
  const isLockedHere = (source: string): boolean =>
    jobs.some(isFolder)
      ? backups.jobs.every(({ name, agent }) => name !== source || agent === undefined)
      : jobs.some(({ name }) => name === source);
  // Each is read back before it counts.
  const policyOf = ({ keep, timeZone }: BackupJob) => ({ ...(keep ?? { forever: true }), zone: timeZone, provenLevel: 1 });
  return {
    site,
    store,
    tier: backups.store.tier,
    jobs,
    databases,
    buckets,
    volumes: own === undefined ? [] : jobs.filter(isVolume).map((job) => volumeOf(job, own)),
    verify: async (since, broke, signal) => {
      const told = (id: string, message: string): void => {
        broken.add(id);
        broke(id, message);
      };
      const byTurns: Looked[] = [];
      const points = jobs.flatMap((job) => pointsOf(job) ?? []);
      const failures = await withEach(points, async (each) => void byTurns.push(await each.verify(broke, signal)), signal);
      const places = jobs.filter(({ kind }) => kind !== 'bucket').map(({ name }) => ({ site, source: name }));
      const sources = await Promise.all(
        places.map((place) => {
          const from = { place, store, trusted };
          return readSome(store, manifestPrefix(place), trusted, signal, (manifest) => new Unread(manifest, from));
        }),
      );
      const looks = await Promise.all(places.map((place) => readVerifications(place, store, trusted, signal)));
      const due = dueSince(
        sources.flat(),
        looks.flatMap(({ records }) => records),
        { since, now: world.clock.now() },
      );
      const found = await lookAgain(due, { store, identity: undefined, recorder: tools, heard: () => undefined, broke: told }, signal);
      throwFirst(failures);
      return {
        ...found,
        sound: [found, ...byTurns].flatMap((each) => each.sound),
        broken: [found, ...byTurns].flatMap((each) => each.broken),
      };
    },
    take: async (job, wish, signal, heard) => {
      const database = databases.find((each) => each.job.name === job.name);
      if (database !== undefined) return database.full(wish, signal);
      const bucket = buckets.find((each) => each.job.name === job.name);
      if (bucket !== undefined) return bucket.backups.take(wish, signal);
      if (!isFolder(job) && !isCopy(job)) throw new Error(`${job.name} is done by ${job.agent ?? 'nobody'}`);
      // They belong to the operator, who may be another user than an agent.
      if (isFolder(job) && !instructed) await leaveInstructions(store, world.instructions, signal);
      instructed ||= isFolder(job);
      const source = trusting(isCopy(job) ? copySource(job) : sourceOf(job));
      if (!known.has(job.name)) await readAgain(source.place, signal);
      const producer = heard === undefined ? source.producer : metered(source.producer, heard);
      const taken = await takeBackup({ ...source, producer }, wish, tools, known.get(job.name), signal);
      known.set(job.name, taken.manifest);
      return taken;
    },
    planPrune: async (job, time, signal) => {
      const points = pointsOf(job);
      if (points !== undefined) return points.planPrune(policyOf(job), time, signal);
      const place = { site, source: job.name };
      return planPrune(place, policyOf(job), time, await pruneTools(noLease, place, signal), signal);
    },
    prune: async (job, time, signal) => {
      const points = pointsOf(job);
      if (points !== undefined) {
        const { plan, contents } = await points.prune(policyOf(job), time, signal);
        return { plan, swept: contents.swept };
      }
      const place = { site, source: job.name };
      const lease = await acquireLease(job.name, tools, signal);
      try {
        const prune = await pruneTools(lease, place, signal);
        const plan = await planPrune(place, policyOf(job), time, prune, signal);
        await removeBackups(place, plan, prune, signal);
        return { plan, swept: await sweep(place, time, prune, signal) };
      } finally {
        await lease.release();
      }
    },
    renewLocks: (since, signal) => renewLocks(site, isLockedHere, store, { since, now: world.clock.now() }, signal),
    removed: async (signal) => (await Promise.all(jobs.map(({ name }) => listRemoved({ site, source: name }, store, signal)))).flat(),
    bringBack: (backup, signal) => undoRemoval(backup.place, backup, store, signal),
  };
}

/** Copies files of the site. */
type FolderJob = BackupJob & { readonly kind: keyof typeof producers };
const isFolder = (job: BackupJob): job is FolderJob => Object.hasOwn(producers, job.kind);

/** Of the private half of the signer, which nobody has who may only read the store. */
const fingerprintKey = ({ privateKey }: Signer) => createSecretKey(privateKey.export({ type: 'pkcs8', format: 'der' }));

/** In a folder the lock lies beside what it protects, so that two sites with one store do not meet, and two agents of one do. */
export function leasesFor(
  { store: { lease, folder: path }, state }: BackupsConfig,
  site: string,
  folder: string,
  store: Store,
  world: World,
): Leases {
  if (lease === 'file') return fileLeases(join(path ?? resolve(folder, state), '.berth-leases', site), world.holder);
  return storeLeases({ store, site, holder: world.holder, clock: world.clock, ttlMs: leaseTtlMs });
}
