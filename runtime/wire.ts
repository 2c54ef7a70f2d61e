import { createSecretKey } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { BerthError } from '../model/errors.ts';
import type { BackupJob, BackupsConfig, RuntimeConfig } from '../model/runtime-config.ts';
import { Secret } from '../model/secret.ts';
import { leaveInstructions } from './jobs/leave-instructions.ts';
import { listRemoved, planPrune, removeBackups, sweep, undoRemoval, type PruneTools, type RemovedBackup } from './jobs/prune.ts';
import type { RetentionPlan, TimeCheck } from './jobs/retention.ts';
import type { Swept } from './jobs/sweep.ts';
import { acquireLease, takeBackup, type BackupSource, type Taken, type TakeTools, type Wish } from './jobs/take-backup.ts';
import { usualLayout } from './jobs/upload-stream.ts';
import type { Manifest } from '../model/backup/manifest.ts';
import type { Signer } from './format/signature.ts';
import { readPublicKeys, readRecipients, readSigner } from './keys/read-keys.ts';
import { fileLeases } from './leases/file-leases.ts';
import { storeLeases } from './leases/store-leases.ts';
import type { Clock } from './ports/clock.ts';
import type { Leases } from './ports/lease.ts';
import type { Producer } from './ports/producer.ts';
import type { Store } from './ports/store.ts';
import { producers } from './producers.ts';
import { realFiles } from './stores/folder-files.ts';
import { openFolderStore, type FolderOptions } from './stores/folder-store.ts';
import { S3Store } from './stores/s3/s3-store.ts';
import type { Bytes } from './streams/blocks.ts';

/** What the runtime needs of the world around it. */
export interface World {
  readonly clock: Clock;
  /** Random bytes, fit for keys. */
  readonly random: (bytes: number) => Uint8Array;
  /** Names this process to others: host and process. */
  readonly holder: string;
  readonly berth: string;
  /** RESTORE.md and restore.mjs, by their keys in the store. */
  readonly instructions: ReadonlyMap<string, Uint8Array>;
  /** How long to ask for a lease that somebody else holds. */
  readonly leasePatienceMs: number;
}

/** How long a removal can be undone, and how long an unfinished attempt may take. */
const graceMs = 48 * 3_600_000;
/** A holder that was silent for so long is taken for dead. */
const leaseTtlMs = 60_000;
/** Every byte was read back before the manifest was written. */
export const provenByBackup = 1;
/** Frames at work at the same time: what two cores can do. */
const width = 3;

/** The backups of a site: its store, and what goes there. */
export interface Backups {
  readonly site: string;
  readonly store: Store;
  readonly tier: number;
  readonly jobs: readonly BackupJob[];
  readonly trusted: ReturnType<typeof readPublicKeys>;
  /** How far a backup was proven. */
  readonly levelOf: (manifest: Pick<Manifest, 'id'>) => number;
  /** @param heard - Told of the bytes that the source gave so far. */
  readonly take: (job: BackupJob, wish: Wish, signal: AbortSignal, heard?: (bytes: number) => void) => Promise<Taken>;
  readonly planPrune: (job: BackupJob, time: TimeCheck, signal: AbortSignal) => Promise<RetentionPlan>;
  readonly prune: (
    job: BackupJob,
    time: TimeCheck,
    signal: AbortSignal,
  ) => Promise<{ readonly plan: RetentionPlan; readonly swept: readonly Swept[] }>;
  /** What can be brought back. */
  readonly removed: (signal: AbortSignal) => Promise<readonly RemovedBackup[]>;
  readonly bringBack: (backup: RemovedBackup, signal: AbortSignal) => Promise<void>;
}

const inFolder = (folder: string, path: string): boolean => `${path}${sep}`.startsWith(`${folder}${sep}`);

/**
 * The store that runtime.yaml names.
 *
 * @param folder - That of runtime.yaml.
 * @throws BerthError `usage` for a store inside of what it is to hold copies of.
 */
export async function openStore({ store }: BackupsConfig, folder: string, mode: FolderOptions['mode'], world: World): Promise<Store> {
  if (store.folder !== undefined) {
    if (inFolder(folder, store.folder))
      throw new BerthError(
        'usage',
        `${store.folder} lies in the site, and would be copied into itself`,
        'name a folder outside of it under backups.folder in berth.yaml, then run `berth generate`',
      );
    return openFolderStore(store.folder, { mode, files: realFiles, random: () => Buffer.from(world.random(8)).toString('hex') });
  }
  const { bucket } = store;
  if (bucket === undefined) throw new BerthError('spec', 'runtime.yaml names no store', 'run `berth generate`');
  return new S3Store({
    endpoint: new URL(bucket.endpoint),
    bucket: bucket.name,
    region: bucket.region,
    pathStyle: bucket.addressing === 'path',
    credentials: async () => ({ accessKeyId: bucket.accessKey, secretAccessKey: readSecretKey(join(folder, bucket.secretKey)) }),
    ...(bucket.ca === undefined ? {} : { ca: readAuthority(join(folder, bucket.ca)) }),
    clock: world.clock,
    random: Math.random,
    idleMs: 60_000,
    patienceMs: 120_000,
  });
}

function readSecretKey(file: string): Secret {
  const text = existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
  if (text === '')
    throw new BerthError(
      'usage',
      `${file} is empty: nobody has supplied the secret key of the store`,
      "write it down with `printf %s 'KEY' > secrets/supplied/backup-store`, then run `berth generate`",
    );
  return new Secret(text);
}

function readAuthority(file: string): string {
  if (!existsSync(file))
    throw new BerthError(
      'io',
      `${file} is not there: the authority of the store's certificate`,
      'put it there, or remove `ca` from backups.bucket',
    );
  return readFileSync(file, 'utf8');
}

/** Everything that makes, shows and removes backups of a site. Asks nothing of the store yet. */
export async function openBackups(
  config: RuntimeConfig & { readonly backups: BackupsConfig },
  folder: string,
  world: World,
): Promise<Backups> {
  const { backups, site } = config;
  const store = await openStore(backups, folder, 'open', world);
  const signer = readSigner(join(folder, backups.signer));
  const trusted = trustedSigners(backups, folder);
  const leases = leasesFor(backups, site, folder, store, world);
  const tools: TakeTools = {
    store,
    leases,
    trusted,
    signer,
    clock: world.clock,
    random: world.random,
    layout: usualLayout,
    width,
    berth: world.berth,
    leasePatienceMs: world.leasePatienceMs,
  };
  const known = new Map<string, Manifest>();
  let instructed = false;
  const levelOf = () => provenByBackup;
  const pruneTools = (lease: PruneTools['lease']): PruneTools => ({ store, lease, trusted, levelOf, graceMs });
  const sourceOf = (job: BackupJob): BackupSource => ({
    place: { site, source: job.name },
    kind: job.kind,
    ...producers[job.kind]({ job, folder, berth: world.berth, fingerprints: fingerprintKey(signer) }),
    recipients: () => readRecipients(join(folder, backups.recipients), job.recipients),
  });
  const policyOf = ({ keep, timeZone }: BackupJob) => ({ ...(keep ?? { forever: true }), zone: timeZone, provenLevel: provenByBackup });
  return {
    site,
    store,
    tier: backups.store.tier,
    jobs: backups.jobs,
    trusted,
    levelOf,
    take: async (job, wish, signal, heard) => {
      if (!instructed) await leaveInstructions(store, world.instructions, signal);
      instructed = true;
      const source = sourceOf(job);
      const producer = heard === undefined ? source.producer : metered(source.producer, heard);
      const taken = await takeBackup({ ...source, producer }, wish, tools, known.get(job.name), signal);
      known.set(job.name, taken.manifest);
      return taken;
    },
    planPrune: async (job, time, signal) => planPrune({ site, source: job.name }, policyOf(job), time, pruneTools(noLease), signal),
    prune: async (job, time, signal) => {
      const place = { site, source: job.name };
      const lease = await acquireLease(job.name, tools, signal);
      try {
        const plan = await planPrune(place, policyOf(job), time, pruneTools(lease), signal);
        await removeBackups(place, plan, pruneTools(lease), signal);
        return { plan, swept: await sweep(place, pruneTools(lease), signal) };
      } finally {
        await lease.release();
      }
    },
    removed: async (signal) =>
      (await Promise.all(backups.jobs.map(({ name }) => listRemoved({ site, source: name }, store, signal)))).flat(),
    bringBack: (backup, signal) => undoRemoval(backup.place, backup, store, signal),
  };
}

/** Looking needs none. */
const noLease: PruneTools['lease'] = {
  epoch: 0,
  lost: new AbortController().signal,
  confirm: async () => {
    throw new Error('a plan changes nothing, and so asks for no lease');
  },
  release: async () => undefined,
};

/** Of the private half of the signer, which nobody has who may only read the store. */
const fingerprintKey = ({ privateKey }: Signer) => createSecretKey(privateKey.export({ type: 'pkcs8', format: 'der' }));

/** Whose manifests count here. */
export function trustedSigners({ signers }: BackupsConfig, folder: string): ReturnType<typeof readPublicKeys> {
  const file = join(folder, signers);
  if (existsSync(file)) return readPublicKeys(file);
  throw new BerthError(
    'io',
    `${file} is not there, and without it nobody knows whose backups to believe`,
    'run `berth generate`, or take it from the recovery kit',
  );
}

/** In a folder the lock lies beside what it protects, so that two sites with one store do not meet, and two agents of one do. */
function leasesFor(
  { store: { lease, folder: path }, state }: BackupsConfig,
  site: string,
  folder: string,
  store: Store,
  world: World,
): Leases {
  if (lease === 'file') return fileLeases(join(path ?? join(folder, state), '.berth-leases', site), world.holder);
  return storeLeases({ store, site, holder: world.holder, clock: world.clock, ttlMs: leaseTtlMs });
}

/** Tells how much came by. */
function metered(producer: Producer, heard: (bytes: number) => void): Producer {
  let bytes = 0;
  const counting = async function* (source: Bytes): Bytes {
    for await (const chunk of source) {
      bytes += chunk.length;
      heard(bytes);
      yield chunk;
    }
  };
  return {
    engine: producer.engine,
    open: async (signal) => {
      const snapshot = await producer.open(signal);
      const streams = async function* () {
        for await (const { name, bytes: source } of snapshot.streams) yield { name, bytes: counting(source) };
      };
      return { streams: streams(), finish: () => snapshot.finish(), [Symbol.asyncDispose]: () => snapshot[Symbol.asyncDispose]() };
    },
  };
}
