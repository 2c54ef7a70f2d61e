import { randomBytes, type KeyObject } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { dataPrefix, keyFileKey, manifestKey, manifestPrefix, removedKey, sweptPrefix } from '../../../model/backup/layout.ts';
import type { Manifest } from '../../../model/backup/manifest.ts';
import { suiteNames, type SuiteName } from '../../../model/backup/suites.ts';
import { makeUlid } from '../../../model/backup/ulid.ts';
import { contentsOf } from '../../../runtime/jobs/bucket/listing.ts';
import { readCatalogue } from '../../../runtime/jobs/catalogue.ts';
import { checkStored } from '../../../runtime/jobs/check-stored.ts';
import { copyBackups, type CopyTools } from '../../../runtime/jobs/copy-backups.ts';
import { throwFirst } from '../../../runtime/jobs/failures.ts';
import { removeOne, sweep } from '../../../runtime/jobs/prune.ts';
import { rotateKeys } from '../../../runtime/jobs/rotate-keys.ts';
import { levelOf } from '../../../runtime/look-again.ts';
import { readVerifications, recordFinding } from '../../../runtime/jobs/verifications.ts';
import type { Store } from '../../../runtime/ports/store.ts';
import { memoryStore } from '../../../runtime/stores/memory-store.ts';
import { peopleOf, signer } from '../format/keys.ts';
import { FakeClock } from '../schedule/fake-clock.ts';
import { noise, whole } from '../streams/bytes.ts';
import { bucketPlace, contentOf, copy as copyOfBucket } from './bucket/bucket-world.ts';
import { memoryBucket } from './bucket/memory-bucket.ts';
import { engineOf, never, openLease, place, restored, runOf } from './backup-world.ts';
import { dyingStore } from './dying-store.ts';

const clock = new FakeClock('2026-03-01T01:00:00Z');

const recorder = { signer, clock, random: (bytes: number) => Buffer.alloc(bytes, 7), berth: '0.1.0' };

/** Two full backups, each with a log behind it, and an empty store. */
async function world(suite: SuiteName) {
  const run = runOf(suite);
  const from = memoryStore(clock.now);
  const to = memoryStore(clock.now);
  const made: Manifest[] = [];
  for (const n of [1, 2]) {
    const full = await run(
      from,
      engineOf({ 'base.tar': noise(900, n), 'facts.json': noise(9, n) }),
      { clock },
      { newestId: made.at(-1)?.id },
    );
    const after = { chain: full.id, parent: full.id };
    const log = await run(from, engineOf({ wal: noise(90, n) }), { clock }, { kind: 'log', after, newestId: full.id });
    made.push(full, log);
  }
  const tried = (changes: Partial<CopyTools> = {}) =>
    copyBackups(
      place,
      { from, to, lease: openLease(), trusted: [signer.publicKey], recorder, mends: 'bytes' as const, heard: () => undefined, ...changes },
      never,
    );
  const copy = async (changes: Partial<CopyTools> = {}) => {
    const { failures, ...done } = await tried(changes);
    throwFirst(failures);
    return done;
  };
  return { from, to, made, copy, tried };
}
const idsOf = (manifests: readonly Manifest[]) => manifests.map(({ id }) => id);
const keysOf = async (store: Store): Promise<readonly string[]> => {
  const found: string[] = [];
  for await (const { key } of store.list('v1/', never)) found.push(key);
  return found.sort();
};
/** Changes a byte of the first object of a backup. */
async function damage(store: Store, { streams }: Manifest): Promise<void> {
  const key = streams[0]?.objects[0]?.key ?? '';
  const body = Buffer.from(await whole(store.read(key, never)));
  body[0] = (body[0] ?? 0) ^ 1;
  await store.put(key, body, never);
}

describe.each(suiteNames)('a second place, by %s,', (suite) => {
  const { operator, escrow, stranger } = peopleOf[suite];

  test('holds all that the first one holds, opens with the same keys, and is sent nothing twice', async () => {
    const { from, to, made, copy } = await world(suite);
    let sent = 0;
    const { copied, broken } = await copy({ heard: (bytes) => (sent += bytes) });
    expect([idsOf(copied), broken]).toEqual([idsOf(made), []]);
    expect(await restored(to)).toEqual(await restored(from));
    expect(sent).toBeGreaterThan(0);
    const reading: Store = { ...from, read: (key) => expect.unreachable(`${key} was read again`) };
    const again = await copy({ from: reading, heard: () => expect.unreachable('it was sent again') });
    expect(again).toEqual({ copied: [], broken: [] });
  });

  test('is whole at any moment at which the copy is killed, and the next pass goes on', async () => {
    const quiet = await world(suite);
    const counting = dyingStore(quiet.to, Infinity, 'after');
    await quiet.copy({ to: counting });
    for (let at = 1; at <= counting.dealings(); at += 1)
      for (const when of ['before', 'after'] as const) {
        const to = memoryStore(clock.now);
        await quiet.copy({ to: dyingStore(to, at, when) }).catch(() => undefined);
        const there = (await readCatalogue(to, 'v1/', [signer.publicKey], never)).manifests;
        expect(idsOf(there)).toEqual(idsOf(quiet.made).slice(0, there.length));
        for (const manifest of there) await checkStored(to, manifest, never);
        await quiet.copy({ to });
        expect(await keysOf(to)).toEqual(await keysOf(quiet.from));
      }
  });

  test('is not given what lies damaged in the first one, nor what rests on that; all else is copied', async () => {
    const { from, to, made, copy } = await world(suite);
    const [bad, log, ...good] = made;
    if (bad === undefined || log === undefined) throw new Error('nothing was made');
    await damage(from, bad);
    const { copied, broken } = await copy();
    expect(idsOf(copied)).toEqual(idsOf(good));
    expect(broken).toEqual([
      { id: bad.id, message: expect.stringContaining('is not what was written') },
      { id: log.id, message: `it rests on ${bad.id}, which cannot be copied` },
    ]);
    expect((await restored(to)).map(({ manifest }) => manifest.id)).toEqual(idsOf(good));
  });

  test('is given all else where an object of the first one cannot be read, and that with what rests on it by the next pass', async () => {
    const { from, to, made, copy, tried } = await world(suite);
    const [full, , ...others] = idsOf(made);
    const failing: Store = {
      ...from,
      read: (key, signal) => {
        if (key.includes(`data/${full}/`)) throw new Error('EIO: i/o error, read');
        return from.read(key, signal);
      },
    };
    const { copied, broken, failures } = await tried({ from: failing });
    expect([idsOf(copied), broken, failures]).toEqual([others, [], [new Error('EIO: i/o error, read')]]);
    expect(idsOf((await copy()).copied)).toEqual(idsOf(made).slice(0, 2));
    expect(await restored(to)).toEqual(await restored(from));
  });

  test('that is away is not asked for each backup', async () => {
    const { from, to, tried } = await world(suite);
    const run = runOf(suite);
    for (const n of [3, 4, 5]) await run(from, engineOf({ 'base.tar': noise(900, n) }), { clock });
    let asked = 0;
    const away: Store = {
      ...to,
      upload: () => {
        asked += 1;
        return Promise.reject(new Error('ECONNREFUSED'));
      },
    };
    const { copied, failures } = await tried({ to: away });
    expect([copied, failures.length, asked]).toEqual([[], 3, 3]);
  });

  test('is not sent again what its own rules removed, before its data went and after, as long as the first one has it', async () => {
    const { from, to, made, copy } = await world(suite);
    await copy();
    const pruning = {
      store: to,
      lease: openLease(),
      trusted: [signer.publicKey],
      levelOf: () => 0,
      graceMs: 3_600_000,
      copiedFrom: async () => from,
    };
    const [full, log] = made;
    for (const each of [log, full]) if (each !== undefined) await removeOne({ place, ...each }, pruning, never);
    expect(idsOf((await copy()).copied)).toEqual([]);
    const later = new Date(clock.now().getTime() + 7_200_000);
    const sweepAt = async (now: Date) => {
      await to.put(`${dataPrefix(place)}01KMVHNPM0VH7Y7KHJEV6906SV/x`, Buffer.from('x'), never); // by this the store shows its time
      return (await sweep(place, { now, expected: now }, pruning, never)).map(({ id }) => id);
    };
    clock.set(later.getTime());
    expect(await sweepAt(later)).toEqual(idsOf([full, log].flatMap((each) => each ?? [])));
    expect(idsOf((await copy()).copied)).toEqual([]);
    // What the first one has no more needs no note either.
    for (const each of [log, full]) if (each !== undefined) await from.delete(manifestKey(place, each.id, each.kind), never);
    await sweepAt(later);
    expect((await keysOf(to)).filter((key) => key.startsWith(sweptPrefix(place)))).toEqual([]);
    // Nothing goes for good while the first one cannot be asked.
    const lost = { ...pruning, copiedFrom: () => Promise.reject(new Error('it is not mounted')) };
    await expect(sweep(place, { now: later, expected: later }, lost, never)).rejects.toThrow('it is not mounted');
    clock.set(later.getTime() - 7_200_000);
  });

  test('is not given what has no key in the first one, and none of its bytes; all else is copied', async () => {
    const { from, to, made, copy } = await world(suite);
    const [bad, log, ...good] = made;
    if (bad === undefined || log === undefined) throw new Error('nothing was made');
    await from.delete(keyFileKey(place, bad.id, bad.id), never);
    const { copied, broken } = await copy();
    expect(idsOf(copied)).toEqual(idsOf(good));
    expect(broken).toEqual([
      { id: bad.id, message: `backup ${bad.id} has no key in ${from.name}` },
      { id: log.id, message: `it rests on ${bad.id}, which cannot be copied` },
    ]);
    expect((await keysOf(to)).filter((key) => key.includes(bad.id))).toEqual([]);
  });

  test('is given again the keys that it lost, and what was found broken for that is sound', async () => {
    const { from, to, made, copy } = await world(suite);
    await copy();
    const [victim] = made;
    if (victim === undefined) throw new Error('nothing was made');
    await to.delete(keyFileKey(place, victim.id, victim.id), never);
    const message = `backup ${victim.id} has no key in ${to.name}`;
    await recordFinding(place, { backups: [victim.id], level: 1, result: 'broken', detail: [message] }, { ...recorder, store: to }, never);
    await copy();
    expect(await keysOf(to)).toEqual(expect.arrayContaining([...(await keysOf(from))]));
    const { proofs } = await readVerifications(place, to, [signer.publicKey], never);
    expect(levelOf(proofs, victim.id)).toBe(1);
  });

  test('that keeps other bytes than it was sent has no backup of them, and is sent them anew', async () => {
    const { from, to, made, copy } = await world(suite);
    const [victim] = made;
    if (victim === undefined) throw new Error('nothing was made');
    const lying: Store = {
      ...to,
      upload: async (key, parts, signal) => {
        await to.upload(key, parts, signal);
        if (key === victim.streams[0]?.objects[0]?.key) await damage(to, victim);
      },
    };
    await expect(copy({ to: lying })).rejects.toMatchObject({ kind: 'io', message: expect.stringContaining('is not in') });
    expect((await restored(to)).map(({ manifest }) => manifest.id)).toEqual(idsOf(made).slice(2));
    await copy();
    expect(await restored(to)).toEqual(await restored(from));
  });

  const foundBroken = (to: Store, { id }: Manifest, level: 1 | 3 = 1) =>
    recordFinding(place, { backups: [id], level, result: 'broken', detail: ['a bit'] }, { ...recorder, store: to }, never);
  const levelIn = async (to: Store, { id }: Manifest) =>
    levelOf((await readVerifications(place, to, [signer.publicKey], never)).proofs, id);

  test('is sent anew what was found broken there, killed at any moment, and counts it again then', async () => {
    for (let at = 1; ; at += 1) {
      const { from, to, made, copy } = await world(suite);
      const victim = made[2] as Manifest;
      await copy();
      await damage(to, victim);
      expect(await copy()).toEqual({ copied: [], broken: [] });
      await foundBroken(to, victim);
      const dying = dyingStore(to, at, 'after');
      const ended = await copy({ to: dying }).catch(() => undefined);
      if (ended === undefined) {
        await copy();
        await checkStored(to, victim, never);
        expect(await levelIn(to, victim)).toBe(1);
        continue;
      }
      expect([idsOf(ended.copied), ended.broken]).toEqual([[victim.id], []]);
      await checkStored(to, victim, never);
      expect(await levelIn(to, victim)).toBe(1);
      expect(await restored(to)).toEqual(await restored(from));
      expect(await copy()).toEqual({ copied: [], broken: [] });
      return;
    }
  });

  test('keeps what was found broken there when it is no better in the first one, or was broken before it was copied', async () => {
    const { from, to, made, copy } = await world(suite);
    const [both, , before] = made as [Manifest, Manifest, Manifest];
    await copy();
    await damage(from, both);
    await damage(to, both);
    const kept = await keysOf(to);
    await foundBroken(to, both);
    await foundBroken(to, before, 3);
    const { copied, broken } = await copy({ mends: 'any' });
    expect([copied, broken]).toEqual([[], [{ id: both.id, message: expect.stringContaining('is not what was written') as string }]]);
    expect(await keysOf(to)).toEqual(expect.arrayContaining([...kept]));
    expect([await levelIn(to, both), await levelIn(to, before)]).toEqual([-1, -1]);
  });

  test('is sent what a restore has found broken when that is asked for, killed at any moment, and not by every pass', async () => {
    for (let at = 1; ; at += 1) {
      const { to, made, copy } = await world(suite);
      const victim = made[0] as Manifest;
      await copy();
      await damage(to, victim);
      await foundBroken(to, victim, 3);
      expect(await copy()).toEqual({ copied: [], broken: [] });
      const ended = await copy({ to: dyingStore(to, at, 'after'), mends: 'any' }).catch(() => undefined);
      if (ended === undefined) await copy({ mends: 'any' });
      else expect(idsOf(ended.copied)).toEqual([victim.id]);
      await checkStored(to, victim, never);
      expect(await levelIn(to, victim)).toBe(1);
      if (ended !== undefined) return;
    }
  });

  test('does not count what a restore has found broken because its bytes are what was written', async () => {
    const { to, made, copy } = await world(suite);
    const victim = made[0] as Manifest;
    await copy();
    await foundBroken(to, victim, 3);
    // As every week.
    await recordFinding(place, { backups: [victim.id], level: 1, result: 'sound', detail: [] }, { ...recorder, store: to }, never);
    expect(await copy({ mends: 'any' })).toEqual({ copied: [], broken: [] });
    expect(await levelIn(to, victim)).toBe(-1);
  });

  test('opens for others once keys were rotated in the first one, and for nobody else', async () => {
    const { from, to, made, copy } = await world(suite);
    await copy();
    const anew = [
      { name: 'stranger', key: stranger.publicKey },
      { name: 'escrow', key: escrow.publicKey },
    ];
    for (const manifest of made)
      await rotateKeys(manifest, { store: from, identity: operator.privateKey, recipients: anew, random: randomBytes }, clock.now(), never);
    // What is brought back from there meanwhile does not undo it.
    const anewKeys = await keysOf(from);
    expect(await copy({ from: to, to: from })).toEqual({ copied: [], broken: [] });
    expect(await keysOf(from)).toEqual(anewKeys);
    expect(await copy()).toEqual({ copied: [], broken: [] });
    expect(await keysOf(to)).toEqual(anewKeys);
  });

  test('opens for others also where the new key of one backup cannot be read, and that one opens as before until it can', async () => {
    const { from, to, made, copy, tried } = await world(suite);
    await copy();
    const recipients = [
      { name: 'stranger', key: stranger.publicKey },
      { name: 'escrow', key: escrow.publicKey },
    ];
    for (const manifest of made)
      await rotateKeys(manifest, { store: from, identity: operator.privateKey, recipients, random: randomBytes }, clock.now(), never);
    const of = (id: string) => async (store: Store) => (await keysOf(store)).filter((key) => key.includes('/keys/') && key.includes(id));
    const [first, ...others] = idsOf(made).map(of);
    const before = await first!(to);
    const failing: Store = {
      ...from,
      read: (key, signal) => {
        if (key.includes('/keys/') && key.includes(made[0]!.id)) throw new Error('EIO: i/o error, read');
        return from.read(key, signal);
      },
    };
    expect((await tried({ from: failing })).failures).toEqual([new Error('EIO: i/o error, read')]);
    expect(before).not.toEqual([]);
    expect(await first!(to)).toEqual(before);
    for (const keys of others) expect(await keys(to)).toEqual(await keys(from));
    await copy();
    expect(await keysOf(to)).toEqual(await keysOf(from));
  });

  test('opens for those of the last rotation, also where the clock was set back between two', async () => {
    const { from, to, made, copy } = await world(suite);
    const rotate = async (name: string, key: KeyObject, at: Date): Promise<void> => {
      const recipients = [
        { name, key },
        { name: 'escrow', key: escrow.publicKey },
      ];
      for (const manifest of made)
        await rotateKeys(manifest, { store: from, identity: escrow.privateKey, recipients, random: randomBytes }, at, never);
      await copy();
    };
    await rotate('stranger', stranger.publicKey, new Date(clock.now().getTime() + 365 * 86_400_000));
    await rotate('operator', operator.publicKey, clock.now());
    expect(await keysOf(to)).toEqual(await keysOf(from));
  });

  test('has rules of its own: what was removed there is not sent again, and what was removed in the first one stays', async () => {
    const { from, to, made, copy } = await world(suite);
    await copy();
    const [gone, , also] = made;
    if (gone === undefined || also === undefined) throw new Error('nothing was made');
    const [there, moved] = [manifestKey(place, gone.id, gone.kind), removedKey(place, gone.id, gone.kind)];
    await to.put(moved, await whole(to.read(there, never)), never);
    await to.delete(there, never);
    await from.delete(manifestKey(place, also.id, also.kind), never);
    expect(await copy()).toEqual({ copied: [], broken: [] });
    expect(await to.size(there, never)).toBeUndefined();
    expect(await to.size(manifestKey(place, also.id, also.kind), never)).toBeGreaterThan(0);
  });

  test('takes nothing that somebody else has signed, and nothing without its lease', async () => {
    const { from, to, copy } = await world(suite);
    const foreign = makeUlid(clock.now(), Buffer.alloc(16, 1));
    await from.put(`${manifestPrefix(place)}${foreign}.full.json`, Buffer.from('{}'), never);
    await copy();
    expect(await to.size(`${manifestPrefix(place)}${foreign}.full.json`, never)).toBeUndefined();
    const other = await world(suite);
    await expect(other.copy({ lease: openLease(async () => Promise.reject(new Error('taken over'))) })).rejects.toThrow('taken over');
    expect(await restored(other.to)).toEqual([]);
  });

  test('has no point in time of a bucket without all that it needs, and every one that has it', async () => {
    const from = memoryStore(clock.now);
    const to = memoryStore(clock.now);
    const bucket = memoryBucket(clock.now);
    const points: Manifest[] = [];
    for (const name of ['one', 'two']) {
      bucket.put(name, noise(5000, name.length + points.length));
      points.push((await copyOfBucket(from, bucket)).manifest);
    }
    const [first, second] = points as [Manifest, Manifest];
    const shared = contentsOf(first).map(({ id }) => id);
    const alone = contentsOf(second).find(({ id }) => !shared.includes(id))?.id ?? '';
    const { manifests } = await readCatalogue(from, 'v1/', [signer.publicKey], never);
    await damage(from, manifests.find(({ id }) => id === alone) as Manifest);
    const tools = { from, to, lease: openLease(), trusted: [signer.publicKey], recorder, mends: 'bytes' as const, heard: () => undefined };
    const { copied, broken } = await copyBackups(bucketPlace, tools, never);
    expect(broken.map(({ id }) => id)).toEqual([alone, second.id]);
    expect(broken[1]?.message).toBe(`it rests on ${alone}, which cannot be copied`);
    expect(idsOf(copied)).toEqual([...shared, first.id]);
    expect((await contentOf(to, first)).size).toBe(1);
  });
});
