import { rdbOf } from '../../../model/backup/cache-files.ts';
import { BerthError } from '../../../model/errors.ts';
import type { Secret } from '../../../model/secret.ts';
import type { Json } from '../../../model/backup/shape.ts';
import type { ProducedStream, Producer, SnapshotFacts } from '../../ports/producer.ts';
import { CacheConnection } from './connection.ts';
import { countKeys, stateOf, type MemberState } from './member.ts';
import { checkedRdb, type RdbFacts } from './rdb.ts';

/** A cache whose data are on disk, and how it is reached. */
export interface CacheSource {
  readonly engine: 'valkey' | 'redis';
  /** Those that hold the same keys stand together; there is more than one group in a cluster alone. */
  readonly shards: readonly (readonly string[])[];
  readonly port: number;
  readonly user: string;
  readonly password: Secret;
  /** PEM: whom to trust, where it is reached by TLS alone. */
  readonly ca?: string;
}

/** Copies as a replica does, which takes no disk and no pause of the server; from one that copies itself where there is one. */
export const cacheProducer = (source: CacheSource): Producer => ({
  engine: source.engine,
  open: async (signal) => {
    const run = new CacheCopy(source, signal);
    return { streams: run.streams(), finish: () => run.finish(), [Symbol.asyncDispose]: async () => undefined };
  },
});

interface Copied {
  readonly host: string;
  readonly before: MemberState;
  readonly after: MemberState;
  readonly replicationId: string;
  readonly offset: number;
  readonly rdb: RdbFacts;
}

class CacheCopy {
  readonly #source: CacheSource;
  readonly #signal: AbortSignal;
  readonly #copied: Copied[] = [];
  constructor(source: CacheSource, signal: AbortSignal) {
    this.#source = source;
    this.#signal = signal;
  }

  async *streams(): AsyncGenerator<ProducedStream> {
    const { shards } = this.#source;
    for (const [index, hosts] of shards.entries()) {
      const { host, state } = await this.#choose(hosts);
      await using connection = await this.#open(host);
      const { replicationId, offset } = await beginCopy(connection, host);
      let rdb: RdbFacts | undefined;
      yield { name: rdbOf(index, shards.length), bytes: checkedRdb(connection.copy(), (facts) => (rdb = facts)) };
      if (rdb === undefined) throw new Error(`the copy of ${host} was not read to its end`);
      await using again = await this.#open(host);
      this.#copied.push({ host, before: state, after: await stateOf(again), replicationId, offset, rdb });
    }
  }

  #open = (host: string): Promise<CacheConnection> => CacheConnection.open({ ...this.#source, host }, this.#signal);

  /** A replica that has everything; otherwise whoever it would copy. */
  async #choose(hosts: readonly string[]): Promise<{ readonly host: string; readonly state: MemberState }> {
    const found = await Promise.all(
      hosts.map(async (host) => {
        try {
          await using connection = await this.#open(host);
          return { host, state: await stateOf(connection), error: undefined };
        } catch (error) {
          this.#signal.throwIfAborted();
          return { host, state: undefined, error };
        }
      }),
    );
    const ready = found.flatMap(({ host, state }) => (state?.linked === true ? [{ host, state }] : []));
    const primaries = ready.filter(({ state }) => state.role === 'primary');
    const furthest = ready
      .filter(({ state }) => state.role === 'replica' && (primaries.length === 0 || primaries.some((one) => sameData(one.state, state))))
      .reduce<(typeof ready)[number] | undefined>(
        (best, one) => (best === undefined || one.state.offset > best.state.offset ? one : best),
        undefined,
      );
    const chosen = furthest ?? primaries[0];
    if (chosen !== undefined) return chosen;
    const failed = found.find(({ error }) => error !== undefined);
    if (failed !== undefined) throw failed.error;
    throw new BerthError(
      'unreachable',
      `none of ${hosts.join(', ')} has all of the data`,
      'wait until one of them is the primary; see their logs',
    );
  }

  async finish(): Promise<SnapshotFacts> {
    const copied = this.#copied;
    if (copied.length !== this.#source.shards.length) throw new Error('asked before its streams were read');
    const [first] = copied;
    for (const { host, before, after } of copied)
      if (before.slots !== after.slots)
        throw new BerthError('conflict', `${host} got other slots while it was copied`, 'it is tried again once the cluster is at rest');
    return {
      position: { from: null, to: copied.map(({ replicationId, offset }) => `${replicationId}:${offset}`).join(' ') },
      facts: {
        version: first?.before.version ?? '',
        keys: copied.reduce((sum, { before }) => sum + countKeys(before.keys), 0),
        bytes: copied.reduce((sum, { rdb }) => sum + rdb.bytes, 0),
        shards: copied.map(factsOf),
      },
      tool: { name: 'psync', version: first?.before.version ?? '', image: null },
    };
  }
}

const factsOf = ({ host, before, after, rdb }: Copied): Json => ({
  host,
  role: before.role,
  usedMemory: before.usedMemory,
  keysBefore: { ...before.keys },
  keysAfter: { ...after.keys },
  slots: before.slots,
  format: rdb.version,
  checksum: rdb.checksum,
});

/** A primary that was just replaced has another history than a node that copies its successor. */
const sameData = (primary: MemberState, replica: MemberState): boolean => primary.replicationId === replica.replicationId;

/** Nothing is sent after the copy, no disk of the server's is used for it, and it is not counted among those that copy it for good. */
async function beginCopy(connection: CacheConnection, host: string): Promise<{ readonly replicationId: string; readonly offset: number }> {
  await connection.ask('REPLCONF', 'rdb-only', '1');
  await connection.ask('REPLCONF', 'capa', 'eof', 'capa', 'psync2');
  const answer = await connection.ask('PSYNC', '?', '-1');
  const [, replicationId, offset] = /^FULLRESYNC ([0-9a-f]{40}) (\d+)$/.exec(answer) ?? [];
  if (replicationId === undefined || offset === undefined)
    throw new BerthError('unreachable', `${host} gives no copy of itself: ${answer.slice(0, 80)}`, 'see the log of the server');
  return { replicationId, offset: Number(offset) };
}
