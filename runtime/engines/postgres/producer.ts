import { BerthError } from '../../../model/errors.ts';
import type { Json } from '../../../model/backup/shape.ts';
import type { ProducedStream, Producer, SnapshotFacts } from '../../ports/producer.ts';
import type { Program } from '../../ports/program.ts';
import { once } from '../../streams/blocks.ts';
import { factsFile } from '../scratch-place.ts';
import { summaryOf, type FactLimits } from '../table-facts.ts';
import type { EngineTools } from '../tools.ts';
import { environmentOf, explainEnd, type PostgresAccess } from './access.ts';
import { readBaseManifest, type BaseManifest } from './base-manifest.ts';
import { writeCanary } from './canary.ts';
import { refusedIncrement } from './refused-increment.ts';
import { takeFacts } from './facts.ts';
import { identify, type Identity } from './identity.ts';
import { formatLsn } from './lsn.ts';
import { joinRelations, relationsFile, takeRelations } from './relations.ts';
import { connect, type Session } from './session.ts';
import { watchTar } from './tar-watch.ts';

export interface PostgresTools extends EngineTools<PostgresAccess> {
  /** On somebody else's server: by which that keeps its log, no more of it than it bounds itself. */
  readonly slot?: string;
  /** The same from when its log was still received: it would keep the log for nobody, and goes with the next backup. */
  readonly unusedSlot?: string;
}

export interface ProducerTools extends PostgresTools {
  readonly limits: FactLimits;
  /** Some digits and small letters that nobody else uses at the same time. */
  readonly tag: () => string;
}

/** Streams of a full backup and of an increment. */
export const baseTar = 'base.tar';
export const baseManifest = 'backup_manifest';
const label = 'backup_label';

/** What only what has changed since is copied of. */
export interface Since {
  /** File of the server's manifest of that backup. */
  readonly manifest: string;
  /** Where that had begun, in the log. */
  readonly start: string;
}

/** A base backup over the network, whole by itself: it carries the log from its start to its end. */
export const postgresProducer = (tools: ProducerTools): Producer => baseBackup(tools, async () => undefined);

/** @param prepare - Asked with the server that answers. What it leaves in the stack goes when all is done. */
export const baseBackup = (
  tools: ProducerTools,
  prepare: (identity: Identity, stack: AsyncDisposableStack) => Promise<Since | undefined>,
): Producer => ({
  engine: 'postgres',
  open: async (signal) => {
    const stack = new AsyncDisposableStack();
    try {
      const session = stack.use(await connect(tools.access, 'postgres', signal));
      if (tools.unusedSlot !== undefined) await dropSlot(session, tools.unusedSlot);
      const begun = await begin(session, tools.tag());
      const run = new BaseBackup(tools, session, begun, await prepare(begun.identity, stack), signal);
      const opened = stack.move();
      return { streams: run.streams(), finish: () => run.finish(), [Symbol.asyncDispose]: () => opened.disposeAsync() };
    } finally {
      await stack.disposeAsync();
    }
  },
});

interface Begun {
  readonly identity: Identity;
  /** By the server's clock, before the copy begins: all that was committed by then is in it. */
  readonly at: string;
}

const dropSlot = (session: Session, name: string): Promise<unknown> =>
  session.rows('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1 AND NOT active', [name]);

/** The log of the time of the copy must be there when it is fetched at its end: a slot of this connection keeps it, and goes with it. */
async function begin(session: Session, tag: string): Promise<Begun> {
  const identity = await identify(session);
  const [elsewhere] = await session.rows(
    "SELECT spcname AS name FROM pg_tablespace WHERE spcname NOT IN ('pg_default', 'pg_global') LIMIT 1",
  );
  if (elsewhere !== undefined)
    throw new BerthError(
      'unsupported',
      `tablespace ${elsewhere['name']} lies outside of the data folder`,
      'move its tables with ALTER TABLE … SET TABLESPACE pg_default, and drop it',
    );
  await session.rows('SELECT pg_create_physical_replication_slot($1, true, true)', [`berth_full_${tag}`]);
  // What the backup says that it holds it can show as well.
  await writeCanary(session);
  return { identity, at: await serverTime(session) };
}

const serverTime = async (session: Session): Promise<string> =>
  String((await session.row(`SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS now`))['now']);

/** One run of pg_basebackup, and what is asked of the server around it. */
class BaseBackup {
  readonly #tools: ProducerTools;
  readonly #session: Session;
  readonly #begun: Begun;
  readonly #since: Since | undefined;
  readonly #signal: AbortSignal;
  #manifest: BaseManifest | undefined;
  #facts: Record<string, Json> = {};
  constructor(tools: ProducerTools, session: Session, begun: Begun, since: Since | undefined, signal: AbortSignal) {
    this.#tools = tools;
    this.#session = session;
    this.#begun = begun;
    this.#since = since;
    this.#signal = signal;
  }

  async *streams(): AsyncGenerator<ProducedStream> {
    const { access, programs, limits, sleep } = this.#tools;
    const earlier = await takeRelations(access, this.#signal);
    await using running = programs.start(baseBackupCommand(access, this.#since), this.#signal);
    const { bytes, seen } = watchTar(running.output, new Set([baseManifest, label]));
    yield { name: baseTar, bytes };
    const { members, last, ended } = seen();
    const manifest = members.get(baseManifest);
    if (manifest === undefined || last !== baseManifest || !ended) throw cutShort(last);
    this.#manifest = readBaseManifest(manifest);
    const changedSince = sinceIn(members.get(label));
    if (changedSince !== this.#since?.start) throw anotherStart(this.#since?.start, changedSince);
    yield { name: baseManifest, bytes: once(manifest) };

    const restorableFrom = await serverTime(this.#session);
    // After the end of the copy: what has not ended in it ends behind that.
    const { snapshot } = await this.#session.row('SELECT pg_current_snapshot()::text AS snapshot');
    const facts = await takeFacts(access, limits, sleep, this.#signal);
    const { next } = await this.#session.row('SELECT pg_current_xact_id()::text AS next');
    const since = changedSince === undefined ? {} : { changedSince };
    this.#facts = { restorableFrom, nextTransaction: String(next), snapshot: String(snapshot), ...since, ...summaryOf(facts) };
    yield { name: factsFile, bytes: once(Buffer.from(`${JSON.stringify(facts, undefined, 1)}\n`)) };
    const relations = joinRelations(earlier, await takeRelations(access, this.#signal));
    yield { name: relationsFile, bytes: once(Buffer.from(`${JSON.stringify(relations)}\n`)) };
  }

  async finish(): Promise<SnapshotFacts> {
    const { identity, at } = this.#begun;
    const manifest = this.#manifest;
    if (manifest === undefined) throw new Error('asked before its streams were read');
    const now = await identify(this.#session);
    if (now.systemIdentifier !== identity.systemIdentifier || now.timeline !== identity.timeline || manifest.timeline !== identity.timeline)
      throw new BerthError(
        'io',
        'the server was replaced by another one during the backup',
        'it is tried again with the one that is there now',
      );
    return {
      position: { from: formatLsn(manifest.start), to: formatLsn(manifest.end) },
      facts: { ...identity, coveredUntil: at, files: manifest.files, bytes: manifest.bytes, ...this.#facts },
      tool: { name: 'pg_basebackup', version: identity.version, image: this.#tools.image },
    };
  }
}

/** In the label of an increment the server says itself what it is an increment of. */
const sinceIn = (text: Buffer | undefined): string | undefined =>
  /^INCREMENTAL FROM LSN: (\S+)$/m.exec(text?.toString('latin1') ?? '')?.[1];

const anotherStart = (wanted = 'nothing', found = 'nothing'): BerthError =>
  new BerthError(
    'io',
    `what has changed since ${wanted} was asked for, and the server gave what has changed since ${found}`,
    'it is tried again; if that goes on, see the log of the server',
  );

const baseBackupCommand = (access: PostgresAccess, since: Since | undefined): Program => ({
  argv: [
    'pg_basebackup',
    '--pgdata=-',
    '--format=tar',
    '--wal-method=fetch',
    '--checkpoint=fast',
    '--manifest-checksums=SHA256',
    '--label=berth',
    '--no-password',
    ...(since === undefined ? [] : [`--incremental=${since.manifest}`]),
  ],
  env: environmentOf(access),
  explain: (end) => (since === undefined ? undefined : refusedIncrement(end.stderr)) ?? explainEnd(access)(end),
});

const cutShort = (last: string | undefined): BerthError =>
  new BerthError(
    'io',
    `pg_basebackup said that all went well, and its output ends ${last === undefined ? 'before its first file' : `with ${last}`}`,
    'it is tried again; if that goes on, see the log of the server',
  );
