import fc from 'fast-check';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Secret } from '../../../../model/secret.ts';
import { mongodbChain } from '../../../../runtime/engines/mongodb/chain-rules.ts';
import { mongodbLogSource } from '../../../../runtime/engines/mongodb/log-source.ts';
import { formatTimestamp, parseTimestamp, readEntry } from '../../../../runtime/engines/mongodb/oplog-entry.ts';
import { mongodbProducer } from '../../../../runtime/engines/mongodb/producer.ts';
import { mongodbScratch } from '../../../../runtime/engines/mongodb/scratch.ts';
import { usualLimits } from '../../../../runtime/engines/table-facts.ts';
import { readCatalogue } from '../../../../runtime/jobs/catalogue.ts';
import { chainsOf } from '../../../../runtime/jobs/coverage.ts';
import { restoreToScratch } from '../../../../runtime/jobs/restore-engine.ts';
import { LogShipper } from '../../../../runtime/jobs/ship-logs.ts';
import { memoryStore } from '../../../../runtime/stores/memory-store.ts';
import { operator, signer } from '../../format/keys.ts';
import { never, place, run, toolsFor } from '../../jobs/backup-world.ts';
import { FakeClock } from '../../schedule/fake-clock.ts';
import { archive, entry } from './documents.ts';
import { identity, standIn, told, type Call, type Recorded } from './programs-stand-in.ts';

let folder = '';
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'berth-life-'))));
afterEach(() => rmSync(folder, { recursive: true }));

const begin = 1_766_361_600;
const placeOf = (document: Buffer): bigint => readEntry(document).at;

/** A server, as far as its programs show it: an oplog that may roll over, and data that may be put back. */
class World {
  readonly clock = new FakeClock(new Date(begin * 1000).toISOString());
  readonly store = memoryStore(this.clock.now);
  #seconds = begin;
  /** What the server still has. */
  oplog = [entry(begin)];
  /** All that it ever had, since its data were put back the last time. */
  history = [...this.oplog];
  readonly histories = [this.history];
  replayed: Buffer | undefined;
  readonly #programs = standIn((call) => this.#answer(call)).programs;
  readonly #tools = {
    access: { host: 'database', port: 27_017, user: 'berth_backup', password: new Secret('x') },
    programs: this.#programs,
    image: null,
    sleep: async () => undefined,
    folder,
  };
  readonly scratch = mongodbScratch({
    ...this.#tools,
    memoryMiB: 1000,
    limits: usualLimits,
    tag: () => 'a',
    uid: 999,
    room: async () => Infinity,
  });
  readonly logs = mongodbLogSource({ ...this.#tools, spool: folder, quietMs: 60_000, sliceBytes: 500 });

  full = () => run(this.store, mongodbProducer({ ...this.#tools, limits: usualLimits }), { clock: this.clock });

  add(isWrite: boolean): void {
    this.#seconds += 7;
    this.clock.set(this.#seconds * 1000);
    // Time goes on in truth, so that no entry is ever written twice; here it does not, and the value tells them apart.
    const value = String(this.histories.length);
    const added = entry(this.#seconds, isWrite ? { value } : { value, op: 'n', ns: '' });
    this.oplog.push(added);
    this.history.push(added);
  }

  /** Of what it had only the newest is left. */
  rollOver(): void {
    this.oplog = this.oplog.slice(-1);
  }

  /** Its oplog goes on as another one, at a place that it had already. */
  putBack(): void {
    this.#seconds -= this.oplog.length > 1 ? 7 : 0;
    this.oplog = [entry(this.#seconds, { value: `again ${this.histories.length}` })];
    this.history = [...this.oplog];
    this.histories.push(this.history);
  }

  #answer({ argv }: Call): Recorded {
    const [program = '', option = ''] = argv;
    if (option === '--version') return { output: 'db version v8.0.20\n' };
    if (program === 'mongod') return { stays: true };
    if (program === 'mongosh') return { output: told({ ...identity, ok: 1, at: null, databases: [] }) };
    if (argv.includes('--oplog')) {
      const from = this.oplog.length - 1;
      this.add(true);
      return { output: archive(this.oplog.slice(from)) };
    }
    const [, t, i] = /"t":(\d+),"i":(\d+)/.exec(argv.join(' ')) ?? [];
    if (program === 'mongodump')
      return { output: Buffer.concat(this.oplog.filter((each) => placeOf(each) >= parseTimestamp(`${t}:${i}`))) };
    const file = argv.find((each) => each.startsWith('--oplogFile='));
    if (file !== undefined) this.replayed = readFileSync(file.slice('--oplogFile='.length));
    return {};
  }
}

const action = fc.constantFrom('write', 'write', 'write', 'live', 'ship', 'ship', 'ship', 'full', 'roll over', 'put back');

test('whatever becomes of the oplog of a MongoDB (a stand-in for its programs), every log in the store leads to exactly what its server had written by then, and a hole to a new full backup', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { minLength: 5, maxLength: 16 }), async (actions) => {
      const world = new World();
      const { clock, store } = world;
      await using feed = await world.logs.open(never);
      const shipper = new LogShipper(place, {
        ...toolsFor(store, { clock }),
        feed,
        rules: mongodbChain,
        trusted: [signer.publicKey],
        refreshMs: 600_000,
      });
      const ship = async (): Promise<void> => {
        if ((await shipper.pass(never)).kind !== 'full needed') return;
        await shipper.during(world.full);
        expect((await shipper.pass(never)).kind).not.toBe('full needed');
      };
      for (const next of [...actions, 'ship']) {
        if (next === 'write' || next === 'live') world.add(next === 'write');
        if (next === 'ship') await ship();
        if (next === 'full') await shipper.during(world.full);
        if (next === 'roll over') world.rollOver();
        if (next === 'put back') world.putBack();
      }
      const { manifests } = await readCatalogue(store, 'v1/', [signer.publicKey], never);
      const chains = chainsOf(manifests, mongodbChain);
      expect(chains.flatMap(({ hole }) => hole ?? [])).toEqual([]);
      expect(chains.reduce((sum, { logs }) => sum + logs.length + 1, 0)).toBe(manifests.length);
      const tools = { store, engine: world.scratch, identity: operator.privateKey, width: 2 };
      for (const { full, logs } of chains)
        for (const last of [full, ...logs]) {
          const upTo = logs.slice(0, logs.indexOf(last) + 1);
          await using scratch = await restoreToScratch(
            { full, increments: [], logs: upTo, target: { kind: 'latest' }, because: '' },
            tools,
            never,
          );
          expect(scratch.position).toBe(last.position.to);
          const replayed = world.replayed ?? Buffer.alloc(0);
          const found = world.histories.some((history) => {
            const end = history.findIndex((each) => formatTimestamp(placeOf(each)) === last.position.to) + 1;
            return Array.from({ length: end }, (_, from) => Buffer.concat(history.slice(from, end))).some((each) => each.equals(replayed));
          });
          expect(found).toBe(true);
        }
    }),
    { numRuns: 15 },
  );
});
