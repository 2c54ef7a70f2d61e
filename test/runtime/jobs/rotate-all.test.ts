import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { keysPrefix, manifestKey } from '../../../model/backup/layout.ts';
import type { Manifest } from '../../../model/backup/manifest.ts';
import { BerthError } from '../../../model/errors.ts';
import { openBackup } from '../../../runtime/jobs/open-backup.ts';
import { rotateAll, type RotateAllTools } from '../../../runtime/jobs/rotate-all.ts';
import type { Leases } from '../../../runtime/ports/lease.ts';
import type { Store } from '../../../runtime/ports/store.ts';
import { memoryStore } from '../../../runtime/stores/memory-store.ts';
import { operator, peopleOf, recipients, signer, stranger } from '../format/keys.ts';
import { FakeClock } from '../schedule/fake-clock.ts';
import { noise } from '../streams/bytes.ts';
import { engineOf, never, openLease, place, run } from './backup-world.ts';

const { escrow } = peopleOf.aes256;
const next = [{ name: 'operator-2', key: stranger.publicKey }, recipients[1]!];
const clock = new FakeClock('2026-03-29T01:00:00Z');
const make = (store: Store, source = 'db', changes: Parameters<typeof run>[2] = {}): Promise<Manifest> => {
  clock.set(clock.now().getTime() + 60_000);
  return run(store, engineOf({ dump: noise(90) }), { clock, ...changes }, { place: { ...place, source } });
};

/** Gives every lease at once; what somebody does first is done before. */
const leasesAfter = (...first: readonly (() => Promise<unknown>)[]): Leases & { readonly taken: string[] } => {
  const waiting = [...first];
  const taken: string[] = [];
  return {
    taken,
    acquire: async (name) => {
      taken.push(name);
      await waiting.shift()?.();
      return openLease();
    },
  };
};

const rotate = (store: Store, changes: Partial<RotateAllTools> = {}, sources: readonly string[] = []) =>
  rotateAll(
    place.site,
    sources,
    {
      store,
      identity: operator.privateKey,
      random: randomBytes,
      clock,
      leases: leasesAfter(),
      leasePatienceMs: 0,
      trusted: [signer.publicKey],
      recipientsOf: () => next,
      found: () => undefined,
      heard: () => undefined,
      ...changes,
    },
    never,
  );

const opensFor = async (store: Store, manifest: Manifest): Promise<readonly string[]> => {
  const opened = await Promise.all(
    Object.entries({ operator, escrow, stranger }).map(([name, { privateKey }]) =>
      openBackup(store, manifest, privateKey, 1, never).then(
        () => [name],
        () => [],
      ),
    ),
  );
  return opened.flat();
};
const nothing = { rotated: [], unchanged: [], closed: [], broken: [] };
const now = ['escrow', 'stranger'];

describe('the rotation of the keys of a site', () => {
  test('lets those of now open the backups of every source, each under its lease, and once more finds nothing to do', async () => {
    const store = memoryStore(clock.now);
    const [one, two] = [await make(store), await make(store, 'files')];
    const leases = leasesAfter();
    expect(await rotate(store, { leases })).toEqual([
      { ...nothing, source: 'db', rotated: [one.id] },
      { ...nothing, source: 'files', rotated: [two.id] },
    ]);
    expect(leases.taken).toEqual(['db', 'files']);
    for (const manifest of [one, two]) expect(await opensFor(store, manifest)).toEqual(now);
    expect(await rotate(store, { identity: stranger.privateKey })).toEqual([
      { ...nothing, source: 'db', unchanged: [one.id] },
      { ...nothing, source: 'files', unchanged: [two.id] },
    ]);
  });

  test('finds what was made for those of before while it went on, and what was made after that', async () => {
    const store = memoryStore(clock.now);
    const made = [await make(store)];
    const meanwhile = async () => made.push(await make(store));
    const [db] = await rotate(store, { leases: leasesAfter(meanwhile, meanwhile) });
    expect(db).toEqual({ ...nothing, source: 'db', rotated: made.map(({ id }) => id) });
    expect(made).toHaveLength(3);
    for (const manifest of made) expect(await opensFor(store, manifest)).toEqual(now);
  });

  test('waits for the first backup of a source, which is still being made', async () => {
    const store = memoryStore(clock.now);
    const made: Manifest[] = [];
    const leases = leasesAfter(async () => made.push(await make(store)));
    expect(await rotate(store, { leases }, ['db', 'files'])).toEqual([{ ...nothing, source: 'db', rotated: made.map(({ id }) => id) }]);
    expect(leases.taken).toEqual(['db', 'files', 'db']);
  });

  test('ends although backups go on being made, once they are made for those of now', async () => {
    const store = memoryStore(clock.now);
    const [old, made] = [await make(store), [] as string[]];
    const meanwhile = async () => made.push((await make(store, 'db', { recipients: next })).id);
    const [db] = await rotate(store, { leases: leasesAfter(...Array.from({ length: 9 }, () => meanwhile)) });
    expect(db).toEqual({ ...nothing, source: 'db', rotated: [old.id], unchanged: made.slice(0, 1) });
  });

  test('counts what this key does not open, and what is damaged, and sees to all others', async () => {
    const store = memoryStore(clock.now);
    const strangers = [...next, { name: 'third', key: generateKeyPairSync('rsa', { modulusLength: 3072 }).publicKey }];
    const [closed, damaged, gone, fine] = [
      await make(store, 'db', { recipients: strangers }),
      await make(store),
      await make(store),
      await make(store),
    ];
    await store.put(`${keysPrefix(place)}${damaged.id}/${damaged.id}.json`, Buffer.from('{'), never);
    await store.delete(`${keysPrefix(place)}${gone.id}/${gone.id}.json`, never);
    expect(await rotate(store)).toEqual([
      { source: 'db', rotated: [fine.id], unchanged: [], closed: [closed.id], broken: [damaged.id, gone.id] },
    ]);
    expect(await opensFor(store, fine)).toEqual(now);
  });

  test('does not call a backup damaged that was pruned and swept before its turn came', async () => {
    const store = memoryStore(clock.now);
    const [swept, kept] = [await make(store), await make(store)];
    const prune = async () => {
      await store.delete(manifestKey(place, swept.id, swept.kind), never);
      await store.delete(`${keysPrefix(place)}${swept.id}/${swept.id}.json`, never);
    };
    expect(await rotate(store, { leases: leasesAfter(prune) })).toEqual([{ ...nothing, source: 'db', rotated: [kept.id] }]);
  });

  test('changes nothing where those of one source will not do, and nothing without the lease', async () => {
    const store = memoryStore(clock.now);
    const [one] = [await make(store), await make(store, 'files')];
    const recipientsOf = (source: string) => {
      if (source === 'files') throw new BerthError('usage', 'too few', 'name another');
      return next;
    };
    await expect(rotate(store, { recipientsOf })).rejects.toThrow('too few');
    await expect(rotate(store, { leases: { acquire: async () => ({ heldBy: 'host:1' }) } })).rejects.toThrow('host:1');
    const lost = openLease(async () => Promise.reject(new Error('taken over')));
    await expect(rotate(store, { leases: { acquire: async () => lost } })).rejects.toThrow('taken over');
    expect(await opensFor(store, one)).toEqual(['operator', 'escrow']);
  });

  test('ends where an agent goes on with the keys of before, and says that it has to be told', async () => {
    const store = memoryStore(() => clock.now());
    await make(store);
    const acquire = async () => {
      await make(store);
      return openLease();
    };
    await expect(rotate(store, { leases: { acquire } })).rejects.toMatchObject({
      kind: 'unfinished',
      hint: expect.stringContaining('docker compose up -d'),
    });
  });
});
