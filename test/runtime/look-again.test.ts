import { beforeEach, describe, expect, test } from 'vitest';
import { keyFileKey, manifestKey } from '../../model/backup/layout.ts';
import type { Manifest } from '../../model/backup/manifest.ts';
import { readVerifications, recordFinding } from '../../runtime/jobs/verifications.ts';
import { dueSince, lookAgain, Unread } from '../../runtime/look-again.ts';
import type { Store } from '../../runtime/ports/store.ts';
import { memoryStore } from '../../runtime/stores/memory-store.ts';
import { operator, signer } from './format/keys.ts';
import { engineOf, never, place, run, toolsFor } from './jobs/backup-world.ts';
import { FakeClock } from './schedule/fake-clock.ts';
import { noise, whole } from './streams/bytes.ts';

const day = 86_400_000;
let clock: FakeClock;
let store: Store;
let all: readonly Manifest[];
beforeEach(async () => {
  clock = new FakeClock('2026-03-01T00:00:00Z');
  store = memoryStore(clock.now);
  const made: Manifest[] = [];
  for (let index = 0; index < 5; index += 1) {
    const asked = { place: { ...place, source: index < 3 ? 'db' : 'notes' } };
    made.push(await run(store, engineOf({ rows: noise(900, index + 1) }), { clock }, asked));
    await clock.pass(day);
  }
  all = made;
});

const idsOf = (manifests: readonly Manifest[]) => manifests.map(({ id }) => id);
const keyOf = (manifest: Manifest): string => manifest.streams[0]!.objects[0]!.key;
const recordsOf = async (source = 'db') => (await readVerifications({ ...place, source }, store, [signer.publicKey], never)).records;
const writtenOf = async (source?: string) => (await recordsOf(source)).map(({ backups, result }) => `${result} ${backups.join(' ')}`);
const look = (tools: Partial<Parameters<typeof lookAgain>[1]> = {}, signal = never, most?: Parameters<typeof lookAgain>[3]) =>
  lookAgain(all, { store, identity: undefined, recorder: toolsFor(store, { clock }), heard: () => undefined, ...tools }, signal, most);
const spoil = async (manifest: Manifest): Promise<void> => {
  const body = await whole(store.read(keyOf(manifest), never));
  body[3]! ^= 1;
  await store.put(keyOf(manifest), body, never);
};
/** One that cannot read what belongs to some. */
const failing = (some: readonly Manifest[]): Store => ({
  ...store,
  read: (key, signal, range) => {
    if (some.some((each) => keyOf(each) === key)) throw new Error(`EIO: ${key}`);
    return store.read(key, signal, range);
  },
});

describe('looking at all backups again', () => {
  test('writes one record of each source for all that are sound, and one for each that is broken', async () => {
    await spoil(all[1]!);
    const found = await look();
    expect(found).toMatchObject({ sound: idsOf([all[0]!, ...all.slice(2)]), broken: [{ id: all[1]!.id }] });
    expect((await writtenOf()).toSorted()).toEqual([`broken ${all[1]!.id}`, `sound ${all[0]!.id} ${all[2]!.id}`]);
    expect(await writtenOf('notes')).toEqual([`sound ${all[3]!.id} ${all[4]!.id}`]);
  });

  test('does not call sound what somebody else has found to be broken since it was read', async () => {
    const recorder = toolsFor(store, { clock });
    let heard = 0;
    const other = async (): Promise<void> => {
      await recordFinding(place, { backups: [all[0]!.id], level: 1, result: 'broken', detail: ['part 1'] }, recorder, never);
    };
    const read: Store['read'] = async function* (key, signal, range) {
      if (key === keyOf(all[2]!) && (heard += 1) === 1) await other();
      yield* store.read(key, signal, range);
    };
    await look({ store: { ...store, read }, recorder });
    expect((await writtenOf()).toSorted()).toEqual([`broken ${all[0]!.id}`, `sound ${all[1]!.id} ${all[2]!.id}`]);
  });

  describe('that are read when their turn comes,', () => {
    const unread = (from: Store) =>
      all.map((each) => new Unread(each, { place: { ...place, source: each.source }, store: from, trusted: [signer.publicKey] }));
    const lookAt = (from: Store) =>
      lookAgain(unread(from), { store, identity: undefined, recorder: toolsFor(store, { clock }), heard: () => undefined }, never);

    test('finds what it finds in those that were read before', async () => {
      await spoil(all[1]!);
      expect(await lookAt(store)).toMatchObject({ sound: idsOf([all[0]!, ...all.slice(2)]), broken: [{ id: all[1]!.id }] });
      expect((await writtenOf()).toSorted()).toEqual([`broken ${all[1]!.id}`, `sound ${all[0]!.id} ${all[2]!.id}`]);
      expect(await writtenOf('notes')).toEqual([`sound ${all[3]!.id} ${all[4]!.id}`]);
    });

    test('says nothing of one that was removed meanwhile', async () => {
      const [, gone] = all;
      await store.delete(manifestKey(place, gone!.id, gone!.kind), never);
      expect(await lookAt(store)).toMatchObject({ sound: idsOf(all.filter((each) => each !== gone)), broken: [] });
    });

    test('gives up a store that is away, and keeps what was found', async () => {
      let asked = 0;
      const away: Store = {
        ...store,
        read: (key, signal) => {
          if ((asked += 1) > 1) throw new Error('ECONNREFUSED');
          return store.read(key, signal);
        },
      };
      await expect(lookAt(away)).rejects.toThrow('ECONNREFUSED');
      expect([asked, await writtenOf()]).toEqual([4, [`sound ${all[0]!.id}`]]);
    });
  });

  test('finds what has lost its key, however whole the rest is', async () => {
    const [, victim] = all;
    await store.delete(keyFileKey({ ...place, source: victim!.source }, victim!.id, victim!.id), never);
    const { broken } = await look();
    expect(broken).toEqual([{ id: victim!.id, message: `backup ${victim!.id} has no key in ${store.name}` }]);
  });

  test('blames bytes that are not what was written at level 1, also where it has a key: comparing them again is enough to clear them', async () => {
    await spoil(all[1]!);
    await look({ identity: operator.privateKey });
    const levelsOf = async () => (await recordsOf()).map(({ result, level }) => `${result} ${level}`).toSorted();
    expect(await levelsOf()).toEqual(['broken 1', 'sound 2']);
    await spoil(all[1]!);
    await look();
    const { proofs } = await readVerifications({ ...place, source: 'db' }, store, [signer.publicKey], never);
    expect(proofs.get(all[1]!.id)?.level).toBe(1);
  });

  test('goes on behind one that cannot be read, keeps what was found, and fails then', async () => {
    await spoil(all[3]!);
    await expect(look({ store: failing([all[1]!]) })).rejects.toThrow(`EIO: ${keyOf(all[1]!)}`);
    expect(await writtenOf()).toEqual([`sound ${all[0]!.id} ${all[2]!.id}`]);
    expect((await writtenOf('notes')).toSorted()).toEqual([`broken ${all[3]!.id}`, `sound ${all[4]!.id}`]);
  });

  test('gives up where three in turn cannot be read, and keeps what was found', async () => {
    await expect(look({ store: failing(all.slice(1, 4)) })).rejects.toThrow(`EIO: ${keyOf(all[1]!)}`);
    expect(await writtenOf()).toEqual([`sound ${all[0]!.id}`]);
    expect(await writtenOf('notes')).toEqual([]);
  });

  test.each([
    ['so many', (_bytes: number) => ({ backups: 2, bytes: Infinity })],
    ['so many bytes', (bytes: number) => ({ backups: 1000, bytes: bytes + 1 })],
  ])('keeps what was found when it takes too long, up to the last of %s, and tells at once what is broken', async (_, most) => {
    const stop = new AbortController();
    const first = all[0]!.streams.flatMap(({ objects }) => objects).reduce((sum, { bytes }) => sum + bytes, 0);
    await spoil(all[2]!);
    const told: string[] = [];
    const slow: Store = {
      ...store,
      read: (key, signal, range) => {
        if (key === keyOf(all[3]!)) stop.abort(new Error('took longer than 86400 s'));
        return store.read(key, signal, range);
      },
    };
    await expect(look({ store: slow, broke: (id) => told.push(id) }, stop.signal, most(first))).rejects.toThrow('took longer than 86400 s');
    expect((await writtenOf()).toSorted()).toEqual([`broken ${all[2]!.id}`, `sound ${all[0]!.id} ${all[1]!.id}`]);
    expect(told).toEqual([all[2]!.id]);
  });
});

describe('what is still to be looked at', () => {
  const due = async (since: Date) =>
    idsOf(dueSince(all, [...(await recordsOf()), ...(await recordsOf('notes'))], { since, now: clock.now() }));
  const find = (manifest: Manifest, result: 'sound' | 'broken', level: 1 | 3 = 1) =>
    recordFinding(
      { ...place, source: manifest.source },
      { backups: [manifest.id], level, result, detail: [] },
      toolsFor(store, { clock }),
      never,
    );

  test('is all of it, the oldest first, until it was looked at', async () => {
    expect(await due(clock.now())).toEqual(idsOf(all));
    await look();
    expect(await due(clock.now())).toEqual([]);
  });

  test('is what nobody has looked at since, and what was not for the longest comes first', async () => {
    // What was proven to a higher level was looked at all the same.
    await find(all[1]!, 'sound', 3);
    await clock.pass(day);
    await find(all[0]!, 'sound');
    await clock.pass(day);
    const tick = clock.now();
    expect(await due(tick)).toEqual(idsOf([all[2]!, all[3]!, all[4]!, all[1]!, all[0]!]));
    await find(all[1]!, 'sound');
    await find(all[4]!, 'broken');
    expect(await due(tick)).toEqual(idsOf([all[2]!, all[3]!, all[0]!]));
  });

  test('is what was looked at by a clock that was a year ahead as well', async () => {
    const today = clock.now();
    clock.set(today.getTime() + 365 * day);
    await look();
    clock.set(today.getTime());
    expect(await due(today)).toEqual(idsOf(all));
  });
});
