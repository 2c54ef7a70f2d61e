import { generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { manifestKey } from '../../../model/backup/layout.ts';
import { suiteNames, type SuiteName } from '../../../model/backup/suites.ts';
import { readCatalogue } from '../../../runtime/jobs/catalogue.ts';
import { openBackup } from '../../../runtime/jobs/open-backup.ts';
import { planPrune, removeBackups, sweep, undoRemoval, type PruneTools } from '../../../runtime/jobs/prune.ts';
import type { RetentionPolicy } from '../../../runtime/jobs/retention.ts';
import { rotateKeys } from '../../../runtime/jobs/rotate-keys.ts';
import type { ObjectInfo, Store } from '../../../runtime/ports/store.ts';
import { memoryStore } from '../../../runtime/stores/memory-store.ts';
import { peopleOf, signer } from '../format/keys.ts';
import { FakeClock } from '../schedule/fake-clock.ts';
import { noise, whole } from '../streams/bytes.ts';
import { engineOf, never, openLease, place, restored, runOf } from './backup-world.ts';
import { dyingStore } from './dying-store.ts';

const hour = 3_600_000;
const policy: RetentionPolicy = { last: 2, zone: 'UTC', provenLevel: 3 };

/** A store with so many fulls, a day apart, each followed by a log. */
async function filled(fulls: number, suite: SuiteName = 'aes256') {
  const run = runOf(suite);
  const clock = new FakeClock('2026-03-01T01:00:00Z');
  const store = memoryStore(clock.now);
  let newestId: string | undefined;
  for (let n = 0; n < fulls; n += 1) {
    const full = await run(store, engineOf({ 'base.tar': noise(900, n + 1) }), { clock }, { newestId });
    clock.set(clock.now().getTime() + hour);
    const log = await run(
      store,
      engineOf({ wal: noise(90, n + 1) }),
      { clock },
      { kind: 'log', after: { chain: full.id, parent: full.id }, newestId: full.id },
    );
    clock.set(clock.now().getTime() + 23 * hour);
    newestId = log.id;
  }
  const tools = (changes: Partial<PruneTools> = {}): PruneTools => ({
    store,
    lease: openLease(),
    trusted: [signer.publicKey],
    levelOf: () => 3,
    graceMs: 48 * hour,
    ...changes,
  });
  const time = () => ({ now: clock.now(), expected: clock.now() });
  const prune = async (changes: Partial<PruneTools> = {}) => {
    const plan = await planPrune(place, policy, time(), tools(changes), never);
    await removeBackups(place, plan, tools(changes), never);
    return plan;
  };
  return { clock, store, tools, time, prune };
}
const keysOf = async (store: Store): Promise<readonly string[]> => {
  const keys: string[] = [];
  for await (const { key } of store.list('', never)) keys.push(key);
  return keys;
};

describe('pruning', () => {
  test('takes manifests first, and the data once the time of grace is over', async () => {
    const { clock, store, tools, time, prune } = await filled(4);
    const before = (await keysOf(store)).length;
    const plan = await prune();
    expect(plan.remove.map(({ point }) => point.kind)).toEqual(['log', 'log', 'full', 'log', 'full']);
    expect((await restored(store)).length).toBe(3);
    expect((await keysOf(store)).length).toBe(before);
    expect(await sweep(place, time(), tools(), never)).toEqual([]);
    clock.set(clock.now().getTime() + 49 * hour);
    await store.put('v1/shop/db/data/01KMVHNPM0VH7Y7KHJEV6906SV/x', Buffer.from('x'), never); // by this the store shows its time
    expect((await sweep(place, time(), tools(), never)).map(({ id }) => id).sort()).toEqual(
      plan.remove.map(({ point }) => point.id).sort(),
    );
    expect((await restored(store)).length).toBe(3);
    for (const { point } of plan.remove) expect((await keysOf(store)).join()).not.toContain(point.id);
  });

  test('can be undone until then', async () => {
    const { store, tools, time, prune } = await filled(3);
    const all = await restored(store);
    const plan = await prune();
    for (const { point } of [...plan.remove].reverse()) await undoRemoval(place, point, store, never);
    expect(await restored(store)).toEqual(all);
    await expect(undoRemoval(place, plan.remove[0]!.point, store, never)).rejects.toThrow('was not removed');
    expect(await sweep(place, time(), tools(), never)).toEqual([]);
  });

  test('changes nothing when it must refuse', async () => {
    const { store, prune } = await filled(3);
    const before = await keysOf(store);
    const plan = await prune({ levelOf: () => 2 });
    expect(plan.refused).toContain('no backup at level 3 or above would remain');
    expect(await keysOf(store)).toEqual(before);
  });

  test('does nothing without the lease', async () => {
    const { store, prune } = await filled(3);
    const lease = openLease(async () => Promise.reject(new Error('taken over')));
    await expect(prune({ lease })).rejects.toThrow('taken over');
    expect((await restored(store)).length).toBe(6);
  });

  test('that is killed at any moment leaves only backups that can be restored, and is finished by the next', async () => {
    const quiet = await filled(3);
    const counting = dyingStore(quiet.store, Infinity, 'after');
    await quiet.prune({ store: counting });
    for (let at = 1; at <= counting.dealings(); at += 1) {
      const { store, prune } = await filled(3);
      await prune({ store: dyingStore(store, at, 'after') }).catch(() => undefined);
      for (const { manifest } of await restored(store)) {
        const there = (await readCatalogue(store, 'v1/', [signer.publicKey], never)).manifests.map(({ id }) => id);
        if (manifest.parent !== null) expect(there).toContain(manifest.parent);
      }
      await prune();
      expect((await restored(store)).length).toBe(3);
    }
  });

  test('does not take the data of a backup whose manifest is not yet in the list', async () => {
    const { clock, store, tools, time } = await filled(2);
    clock.set(clock.now().getTime() + 100 * hour);
    await store.put('v1/shop/db/keys/01KMVHNPM0VH7Y7KHJEV6906SV/x.json', Buffer.from('x'), never);
    const stale: Store = {
      ...store,
      async *list(prefix, signal) {
        const found: ObjectInfo[] = [];
        for await (const info of store.list(prefix, signal)) if (!info.key.includes('/manifests/')) found.push(info);
        yield* found;
      },
    };
    expect(await sweep(place, time(), tools({ store: stale }), never)).toEqual([]);
    expect((await restored(store)).length).toBe(4);
  });

  test('takes nothing that is being made, whatever time an object bears and whichever clock was ahead', async () => {
    const { clock, store, tools, time } = await filled(2);
    const underWay = 'v1/shop/db/keys/01KMVHNPM0VH7Y7KHJEV6906SV/01KMVHNPM0VH7Y7KHJEV6906SV.json';
    await store.put(underWay, Buffer.from('x'), never);
    const before = clock.now();
    clock.set(before.getTime() + 10_000 * hour);
    await store.put('v1/shop/db/data/01KMVHNPM0VH7Y7KHJEV6906ST/x', Buffer.from('x'), never);
    // This host is ahead as well, and has only just become so.
    expect(await sweep(place, { now: clock.now(), expected: before }, tools(), never)).toEqual([]);
    clock.set(before.getTime());
    expect(await sweep(place, time(), tools(), never)).toEqual([]);
    expect(await store.size(underWay, never)).toBe(1);
    clock.set(before.getTime() + 49 * hour);
    expect(await sweep(place, time(), tools(), never)).toMatchObject([{ id: '01KMVHNPM0VH7Y7KHJEV6906SV' }]);
  });
});

describe.each(suiteNames)('the rotation of keys of %s', (suite) => {
  const { operator, escrow, stranger, recipients } = peopleOf[suite];
  const next = [{ name: 'operator-2', key: stranger.publicKey }, recipients[1]!];
  const tools = (store: Store, { privateKey }: { readonly privateKey: KeyObject }) => ({
    store,
    identity: privateKey,
    recipients: next,
    random: randomBytes,
  });
  const at = new Date('2026-04-01');

  test('lets the new open every backup and the old none, and touches neither data nor manifest', async () => {
    const { store } = await filled(2, suite);
    const untouched = async (): Promise<string> => {
      const parts = await Promise.all(
        (await keysOf(store))
          .filter((key) => !key.includes('/keys/'))
          .map(async (key) => `${key}:${(await whole(store.read(key, never))).toString('base64')}`),
      );
      return parts.join();
    };
    const before = await untouched();
    const { manifests } = await readCatalogue(store, 'v1/', [signer.publicKey], never);
    for (const manifest of manifests) {
      expect(await rotateKeys(manifest, tools(store, operator), at, never)).toBe(true);
      expect(await rotateKeys(manifest, tools(store, escrow), at, never)).toBe(false);
    }
    expect(await untouched()).toBe(before);
    for (const manifest of manifests) {
      for (const identity of [stranger, escrow]) {
        const open = await openBackup(store, manifest, identity.privateKey, 1, never);
        expect((await whole(open(manifest.streams[0]!))).length).toBe(manifest.streams[0]!.plainBytes);
      }
      await expect(openBackup(store, manifest, operator.privateKey, 1, never)).rejects.toThrow('was not made for key');
    }
  });

  test('that is killed at any moment leaves every backup open for somebody, and is finished by the next', async () => {
    const manifestOf = async (store: Store) => (await readCatalogue(store, 'v1/', [signer.publicKey], never)).manifests[0]!;
    for (const when of ['before', 'after'] as const)
      for (let step = 1; step <= 12; step += 1) {
        const { store } = await filled(1, suite);
        const manifest = await manifestOf(store);
        await rotateKeys(manifest, tools(dyingStore(store, step, when), escrow), at, never).catch(() => undefined);
        await openBackup(store, manifest, escrow.privateKey, 1, never);
        await rotateKeys(manifest, tools(store, escrow), new Date('2026-04-02'), never);
        await openBackup(store, manifest, stranger.privateKey, 1, never);
        await expect(openBackup(store, manifest, operator.privateKey, 1, never)).rejects.toThrow('was not made for');
      }
  });

  test('of a backup whose key is gone says so', async () => {
    const { store } = await filled(1, suite);
    const [manifest] = (await readCatalogue(store, 'v1/', [signer.publicKey], never)).manifests;
    for (const key of await keysOf(store)) if (key.includes('/keys/')) await store.delete(key, never);
    await expect(rotateKeys(manifest!, tools(store, escrow), at, never)).rejects.toThrow('has no key in');
    expect(await store.size(manifestKey(place, manifest!.id, manifest!.kind), never)).toBeGreaterThan(0);
  });

  test('leaves agents their own way in', async () => {
    const store = memoryStore();
    const own = generateKeyPairSync('rsa', { modulusLength: 3072 });
    const agent = { name: 'agent', key: own.publicKey };
    const manifest = await runOf(suite)(store, engineOf({ dump: noise(90) }), { recipients: [...recipients, agent] });
    expect(await rotateKeys(manifest, tools(store, operator), at, never)).toBe(true);
    expect(await rotateKeys(manifest, tools(store, escrow), at, never)).toBe(false);
    await openBackup(store, manifest, own.privateKey, 1, never);
    await expect(openBackup(store, manifest, operator.privateKey, 1, never)).rejects.toThrow('was not made for key');
  });

  test('lets keys of the other kind open what was made before the suite was changed', async () => {
    const { store } = await filled(1, suite);
    const [manifest] = (await readCatalogue(store, 'v1/', [signer.publicKey], never)).manifests;
    const others = peopleOf[suiteNames.find((each) => each !== suite)!];
    await rotateKeys(manifest!, { ...tools(store, operator), recipients: others.recipients }, at, never);
    const open = await openBackup(store, manifest!, others.escrow.privateKey, 1, never);
    expect(await whole(open(manifest!.streams[0]!))).toEqual(noise(900, 1));
  });
});
