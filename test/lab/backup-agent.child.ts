import { createPrivateKey, createPublicKey, randomBytes, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { manifestPrefix } from '../../model/backup/layout.ts';
import { hasLogBehind, type Manifest } from '../../model/backup/manifest.ts';
import { BerthError } from '../../model/errors.ts';
import { Secret } from '../../model/secret.ts';
import { systemClock } from '../../runtime/clocks/system-clock.ts';
import { mysqlEngine } from '../../runtime/engines/mysql/mysql-engine.ts';
import { postgresEngine } from '../../runtime/engines/postgres/postgres-engine.ts';
import { backup } from '../../runtime/jobs/backup.ts';
import { readCatalogue } from '../../runtime/jobs/catalogue.ts';
import { chainsOf, restorableSpans } from '../../runtime/jobs/coverage.ts';
import { listTransactions } from '../../runtime/jobs/list-transactions.ts';
import { planRestore } from '../../runtime/jobs/plan-restore.ts';
import { planPrune, removeBackups, sweep } from '../../runtime/jobs/prune.ts';
import { restoreToScratch } from '../../runtime/jobs/restore-engine.ts';
import { LogShipper } from '../../runtime/jobs/ship-logs.ts';
import { takeIncrement } from '../../runtime/jobs/take-increment.ts';
import { usualLayout } from '../../runtime/jobs/upload-stream.ts';
import { readVerifications } from '../../runtime/jobs/verifications.ts';
import { inspect, prove, rehash } from '../../runtime/jobs/verify.ts';
import { logReaders } from '../../runtime/log-readers.ts';
import { clearScratch, scratchIn } from '../../runtime/engines/scratch-place.ts';
import { dataFolders } from '../../runtime/volume/data-folders.ts';
import { localPrograms } from '../../runtime/programs/local-programs.ts';
import type { Store } from '../../runtime/ports/store.ts';
import { realFiles } from '../../runtime/stores/folder-files.ts';
import { openFolderStore } from '../../runtime/stores/folder-store.ts';
import { S3Store } from '../../runtime/stores/s3/s3-store.ts';
import { optionsFor } from './s3.ts';
import type { LogFeed } from '../../runtime/ports/log-source.ts';
import type { RestoreTarget } from '../../runtime/ports/scratch-engine.ts';

/** What an agent in the image of the database does, one line of JSON for each order and each answer. */
interface Settings {
  readonly engine: 'postgres' | 'mysql' | 'mariadb';
  readonly port: number;
  readonly host: string;
  readonly password: string;
  /** A folder, or a bucket. */
  readonly store: string | { readonly endpoint: string; readonly accessKey: string; readonly secretKey: string };
  readonly folder: string;
  readonly keys: string;
  readonly path: string;
}

const settings = JSON.parse(process.argv[2] ?? '') as Settings;
const key = (name: string): string => readFileSync(`${settings.keys}/${name}`, 'utf8');
const operator = createPrivateKey(key('operator.key'));
const escrow = createPrivateKey(key('escrow.key'));
const signerKey = createPrivateKey(key('signer.key'));
const signer = { privateKey: signerKey, publicKey: createPublicKey(signerKey) };
const trusted = [signer.publicKey];
const place = { site: 'shop', source: 'database' };
const stop = new AbortController();
const access = { host: settings.host, port: settings.port, user: 'berth_backup', password: new Secret(settings.password) };
const programs = localPrograms({ PATH: `${settings.path}:${process.env['PATH'] ?? ''}` });
const options = {
  access,
  programs,
  image: null,
  sleep: (ms: number) => sleep(ms),
  folder: settings.folder,
  memoryMiB: 128,
  tag: () => randomUUID().slice(0, 8),
  uid: process.getuid?.() ?? 0,
  dataFolders,
};
const engine = settings.engine === 'postgres' ? postgresEngine(options) : mysqlEngine(settings.engine, options);
const { producer, logs, scratch, rules } = engine;
const store: Store =
  typeof settings.store === 'string'
    ? await openFolderStore(settings.store, { mode: 'open', files: realFiles, random: randomUUID })
    : new S3Store(optionsFor(new URL(settings.store.endpoint), settings.store.accessKey, settings.store.secretKey));
const making = {
  store,
  lease: { epoch: 1, lost: stop.signal, confirm: async () => undefined, release: async () => undefined },
  recipients: [
    { name: 'operator', key: createPublicKey(operator) },
    { name: 'escrow', key: createPublicKey(escrow) },
  ],
  suite: 'aes256' as const,
  signer,
  clock: systemClock,
  random: (bytes: number) => randomBytes(bytes),
  layout: usualLayout,
  width: 2,
  berth: '0.1.0',
};
const restoring = { store, engine: scratch, identity: operator, width: 2 };

let feed: LogFeed | undefined;
let shipper: LogShipper | undefined;
const manifests = async (): Promise<readonly Manifest[]> => {
  const { manifests: found, refused } = await readCatalogue(store, manifestPrefix(place), trusted, stop.signal);
  if (refused[0] !== undefined) throw new Error(refused[0].message);
  return found;
};
const full = async (): Promise<Manifest> =>
  backup(
    { place, kind: 'full', after: null, label: null, scheduledFor: null, newestId: (await manifests()).at(-1)?.id },
    { ...making, producer },
    stop.signal,
  );
const increment = async () => {
  const tools = { ...making, engine, trusted, identity: operator, leasePatienceMs: 0, leases: { acquire: async () => making.lease } };
  return takeIncrement(place, { due: null, label: null }, { ...tools, recipients: () => making.recipients }, stop.signal);
};
/** What a backup takes in the store. */
const storedBytes = ({ streams }: Manifest): number => streams.flatMap(({ objects }) => objects).reduce((sum, { bytes }) => sum + bytes, 0);
const brief = (manifest: Manifest) => {
  const { id, kind, chain, parent, position, facts, tool, durationMs } = manifest;
  return { id, kind, chain, parent, position, facts, tool: tool.name, durationMs, bytes: storedBytes(manifest) };
};
const targetOf = (order: Order): RestoreTarget =>
  order.at === undefined
    ? ((order.target as RestoreTarget | undefined) ?? { kind: 'latest' })
    : { kind: 'time', at: new Date(order.at as string) };

type Order = Readonly<Record<string, unknown>> & { readonly do: string };
const orders: Readonly<Record<string, (order: Order) => Promise<unknown>>> = {
  clear: () => clearScratch(scratchIn(settings.folder)),
  open: async () => {
    await feed?.[Symbol.asyncDispose]();
    feed = await logs.open(stop.signal);
    shipper = new LogShipper(place, { ...making, feed, rules, trusted, refreshMs: 0 });
  },
  full: async () => brief(await (shipper === undefined ? full() : shipper.during(full))),
  increment: async () => {
    let answer: unknown;
    await shipper!.during(async () => {
      const made = await increment();
      answer = 'manifest' in made ? brief(made.manifest) : made;
      return 'manifest' in made ? made.manifest : undefined;
    });
    return answer;
  },
  ship: async () => {
    const shipped = await shipper!.pass(stop.signal);
    return shipped.kind === 'shipped' ? { kind: shipped.kind, logs: shipped.logs.map(brief) } : shipped;
  },
  list: async () => {
    const found = await manifests();
    return { manifests: found.map(brief), spans: restorableSpans(chainsOf(found, rules)) };
  },
  /** Keeps the newest ones that have a log behind them, as many as `last` says, and sweeps up the rest. */
  prune: async ({ last }) => {
    const tools = { ...making, trusted, levelOf: () => 0, graceMs: 0 };
    const now = systemClock.now();
    const plan = await planPrune(place, { last: Number(last), zone: 'UTC', provenLevel: 0 }, { now, expected: now }, tools, stop.signal);
    if (plan.refused !== undefined) throw new Error(plan.refused);
    await removeBackups(place, plan, tools, stop.signal);
    await sweep(place, { now, expected: now }, tools, stop.signal);
    return { kept: plan.keep.length, removed: plan.remove.length };
  },
  verify: async (order) => {
    const all = await manifests();
    const target = all.find(({ id }) => id === order.id) ?? all.findLast(({ kind }) => hasLogBehind(kind))!;
    const proving = { ...making, ...restoring, rules };
    const { level, result, detail, backups } = await (order.level === 1
      ? rehash(place, target, proving, stop.signal)
      : order.level === 2
        ? inspect(place, target, all, proving, stop.signal)
        : prove(place, target, all, proving, stop.signal));
    const { proofs, refused } = await readVerifications(place, store, trusted, stop.signal);
    return { level, result, detail, backups, proofs: [...proofs].map(([id, proof]) => [id, proof.level]), refused };
  },
  /** MiB that this process held at most, without the programs that it ran. */
  memory: async () => Math.ceil(process.resourceUsage().maxRSS / 1024),
  transactions: async ({ table, since }) => {
    const reader = logReaders[settings.engine];
    if ('instead' in reader) throw new Error(reader.instead);
    const query = {
      since: since === undefined ? undefined : new Date(since as string),
      until: undefined,
      table: table as string | undefined,
      limit: 1000,
      largest: false,
    };
    const tools = {
      store,
      engine: settings.engine,
      rules,
      reader,
      isBroken: () => false,
      identity: operator,
      width: 2,
      heard: () => undefined,
    };
    return listTransactions(await manifests(), query, tools, stop.signal);
  },
  restore: async (order) => {
    const plan = planRestore(await manifests(), targetOf(order), rules);
    await using restored = await restoreToScratch(plan, restoring, stop.signal);
    const increments = plan.increments.map(({ id }) => id);
    return {
      position: restored.position,
      because: plan.because,
      increments,
      logs: plan.logs.length,
      canary: (await restored.canary(stop.signal))?.toISOString(),
      facts: await restored.facts(stop.signal),
    };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line) as Order;
  const begun = performance.now();
  try {
    const answer = await orders[order.do]!(order);
    process.stdout.write(`${JSON.stringify({ answer: answer ?? null, ms: Math.round(performance.now() - begun) })}\n`);
  } catch (error) {
    const { message, stack } = error as Error;
    const known = error instanceof BerthError ? { kind: error.kind, hint: error.hint } : { stack };
    process.stdout.write(`${JSON.stringify({ failed: message, ...known })}\n`);
  }
}
await feed?.[Symbol.asyncDispose]();
