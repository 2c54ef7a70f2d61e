import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sqlserverChain } from '../../../../runtime/engines/sqlserver/chain-rules.ts';
import { readCatalogue } from '../../../../runtime/jobs/catalogue.ts';
import { backupsIn, chainsOf } from '../../../../runtime/jobs/coverage.ts';
import { openChain, restoreToScratch } from '../../../../runtime/jobs/restore-engine.ts';
import { LogShipper } from '../../../../runtime/jobs/ship-logs.ts';
import { NoIncrement } from '../../../../runtime/ports/producer.ts';
import { memoryStore } from '../../../../runtime/stores/memory-store.ts';
import { operator, signer } from '../../format/keys.ts';
import { never, place, run, toolsFor } from '../../jobs/backup-world.ts';
import { FakeClock } from '../../schedule/fake-clock.ts';
import { begin, World } from './world.ts';

const action = fc.constantFrom(
  'write',
  'write',
  'write',
  'ship',
  'ship',
  'ship',
  'full',
  'differential',
  'steal log',
  'steal base',
  'break',
  'put back',
);

test('whatever becomes of the log of a SQL Server (a stand-in), every backup in the store leads to exactly what its server had written by then, and a hole to a new full one', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { minLength: 5, maxLength: 18 }), async (actions) => {
      using world = new World();
      const { server } = world;
      const clock = new FakeClock(new Date(begin).toISOString());
      const store = memoryStore(clock.now);
      // What the server held when each backup had been made.
      const histories = [server.commits];
      await using feed = await world.logs.open(never);
      const tools = { ...toolsFor(store, { clock }), trusted: [signer.publicKey] };
      const shipper = new LogShipper(place, { ...tools, feed, rules: sqlserverChain, refreshMs: 600_000 });
      const opening = { store, engine: world.scratch, identity: operator.privateKey, width: 2 };
      const full = () => shipper.during(() => run(store, world.full, { clock }));
      const ship = async (): Promise<void> => {
        if ((await shipper.pass(never)).kind !== 'full needed') return;
        await full();
        expect((await shipper.pass(never)).kind).not.toBe('full needed');
      };
      const differential = async (): Promise<void> => {
        const { manifests } = await readCatalogue(store, 'v1/', [signer.publicKey], never);
        const newest = manifests.findLast(({ kind }) => kind === 'full');
        const [parent] = newest === undefined ? [] : await openChain([newest], opening, never);
        if (parent === undefined) return;
        const after = { chain: parent.manifest.id, parent: parent.manifest.id };
        const asked = { kind: 'increment', after, newestId: manifests.at(-1)?.id } as const;
        await shipper
          .during(() => run(store, world.differential(parent), { clock }, asked))
          .catch((error: unknown) => expect(error).toBeInstanceOf(NoIncrement));
      };
      let written = 0;
      for (const next of [...actions, 'ship', 'ship']) {
        if (next === 'write') server.write(`${(written += 1)} `);
        if (next === 'ship') await ship();
        if (next === 'full') await full();
        if (next === 'differential') await differential();
        if (next === 'steal log') server.stealLog();
        if (next === 'steal base') server.stealBase();
        if (next === 'break') server.breakLog();
        if (next === 'put back') histories.push((server.putBack(), server.commits));
        clock.set(server.now);
      }
      const { manifests } = await readCatalogue(store, 'v1/', [signer.publicKey], never);
      const chains = chainsOf(manifests, sqlserverChain);
      expect(chains.flatMap(({ hole }) => hole ?? [])).toEqual([]);
      for (const chain of chains)
        for (const last of [undefined, ...chain.logs]) {
          const logs = last === undefined ? [] : chain.logs.slice(0, chain.logs.indexOf(last) + 1);
          const plan = { ...chain, logs, target: { kind: 'latest' }, because: '' } as const;
          await using _ = await restoreToScratch(plan, opening, never);
          const values = (server.restored?.commits ?? []).map(({ lsn, value }) => `${lsn} ${value}`);
          const end = BigInt(backupsIn(plan).at(-1)?.position.to ?? '');
          const was = histories.map((commits) =>
            commits.filter(({ lsn }) => 37_000_000_000_000_001n + BigInt(lsn) * 100_000n < end).map(({ lsn, value }) => `${lsn} ${value}`),
          );
          expect(was).toContainEqual(values);
          server.restored = undefined;
        }
    }),
    { numRuns: 25 },
  );
});
