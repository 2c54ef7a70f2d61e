import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { takeBackup, type BackupSource, type TakeTools } from '../../../runtime/jobs/take-backup.ts';
import { storeLeases } from '../../../runtime/leases/store-leases.ts';
import { memoryStore } from '../../../runtime/stores/memory-store.ts';
import { recipients, signer } from '../format/keys.ts';
import { FakeClock } from '../schedule/fake-clock.ts';
import { engineOf, never, restored } from './backup-world.ts';

const start = '2026-03-29T01:00:00Z';
const due = new Date(start);

function world() {
  const clock = new FakeClock(start);
  const store = memoryStore(clock.now);
  const toolsOf = (holder: string): TakeTools => ({
    store,
    leases: storeLeases({ store, site: 'shop', holder, clock, ttlMs: 60_000 }),
    trusted: [signer.publicKey],
    suite: 'aes256',
    signer,
    clock,
    random: randomBytes,
    layout: { partBytes: 256, partsPerObject: 3 },
    width: 2,
    berth: '0.1.0',
    leasePatienceMs: 0,
  });
  return { clock, store, toolsOf };
}

/** What is copied on change, and is at this version. */
const atVersion = (version: number, onChange = true): BackupSource => ({
  place: { site: 'shop', source: 'site.configuration' },
  kind: 'configuration',
  producer: engineOf({ 'configuration.tar': Buffer.from(`version ${version}`) }, async () => ({
    position: { from: null, to: null },
    facts: { version },
    tool: { name: 'berth', version: '0.1.0', image: null },
  })),
  recipients: () => recipients,
  ...(onChange ? { holds: async ({ facts }) => facts['version'] === version } : {}),
});
const byTick = { due, label: null };
const now = { due: null, label: null };

describe('what is copied on change', () => {
  test('is copied once, and again when it is another', async () => {
    const { store, toolsOf } = world();
    const outcomes = [];
    for (const version of [1, 1, 2, 2])
      outcomes.push((await takeBackup(atVersion(version), byTick, toolsOf('one'), undefined, never)).outcome);
    expect(outcomes).toEqual(['made', 'unchanged', 'made', 'unchanged']);
    expect((await restored(store)).map(({ files }) => String(files['configuration.tar']))).toEqual(['version 1', 'version 2']);
  });

  test('is copied though nothing has changed when it is given a name', async () => {
    const { toolsOf } = world();
    await takeBackup(atVersion(1), byTick, toolsOf('one'), undefined, never);
    const named = await takeBackup(atVersion(1), { due: null, label: 'before 2.0' }, toolsOf('one'), undefined, never);
    expect(named).toMatchObject({ outcome: 'made', manifest: { label: 'before 2.0', scheduledFor: null } });
  });

  test('is copied again when somebody emptied the store, whatever this process remembers', async () => {
    const { store, toolsOf } = world();
    const first = await takeBackup(atVersion(1), byTick, toolsOf('one'), undefined, never);
    for await (const { key } of store.list('v1/', never)) if (!key.includes('/leases/')) await store.delete(key, never);
    expect(await takeBackup(atVersion(1), byTick, toolsOf('one'), first.manifest, never)).toMatchObject({ outcome: 'made' });
  });

  test('takes no lease as long as nothing has changed', async () => {
    const { toolsOf } = world();
    const { manifest } = await takeBackup(atVersion(1), byTick, toolsOf('one'), undefined, never);
    const leases = { acquire: () => Promise.reject(new Error('nobody should ask')) };
    expect(await takeBackup(atVersion(1), byTick, { ...toolsOf('two'), leases }, manifest, never)).toMatchObject({ outcome: 'unchanged' });
  });
});

describe('what holds less than half of what the one before held', () => {
  const holding = (files: number): BackupSource => {
    const source = atVersion(files, false);
    const finish = async () => ({
      position: { from: null, to: null },
      facts: { files },
      tool: { name: 'berth', version: '0.1.0', image: null },
    });
    return { ...source, kind: 'volume', producer: engineOf({ 'volume.tar': Buffer.from('files') }, finish) };
  };

  test('is made, and told, once: against the one before it', async () => {
    const { toolsOf } = world();
    const told = [];
    for (const files of [300, 2, 2, 300]) told.push((await takeBackup(holding(files), now, toolsOf('one'), undefined, never)).shrunk);
    expect(told).toEqual([undefined, '2 files, and had 300', undefined, undefined]);
  });
});

describe('of two agents', () => {
  test('one makes the backup, and the other says who is at work', async () => {
    const { toolsOf } = world();
    const tools = toolsOf('one');
    const lease = await tools.leases.acquire('site.configuration', never);
    await expect(takeBackup(atVersion(1), byTick, toolsOf('two'), undefined, never)).rejects.toMatchObject({
      kind: 'locked',
      message: 'site.configuration is being worked on by one',
    });
    if ('release' in lease) await lease.release();
    expect(await takeBackup(atVersion(1), byTick, toolsOf('two'), undefined, never)).toMatchObject({ outcome: 'made' });
  });

  test('the second finds what the first has made for this tick, and makes no other', async () => {
    const { toolsOf } = world();
    const first = await takeBackup(atVersion(1, false), byTick, toolsOf('one'), undefined, never);
    const second = await takeBackup(atVersion(1, false), byTick, toolsOf('two'), undefined, never);
    expect([second.outcome, second.manifest.id]).toEqual(['unchanged', first.manifest.id]);
  });

  test('one that died gives way after a minute', async () => {
    const { clock, toolsOf } = world();
    // Its heart stands still with its own clock.
    const dead = new FakeClock(start);
    const { store } = toolsOf('one');
    await storeLeases({ store, site: 'shop', holder: 'dead', clock: dead, ttlMs: 60_000 }).acquire('site.configuration', never);
    const waiting = takeBackup(atVersion(1), byTick, { ...toolsOf('two'), leasePatienceMs: 75_000 }, undefined, never);
    await clock.pass(70_000);
    expect(await waiting).toMatchObject({ outcome: 'made', manifest: { epoch: 2 } });
  });
});

test('keys that are missing are told before anything is copied', async () => {
  const { store, toolsOf } = world();
  const one = { ...atVersion(1), recipients: () => recipients.slice(0, 1) };
  await expect(takeBackup(one, byTick, toolsOf('one'), undefined, never)).rejects.toThrow('backups need at least two recipients');
  expect(await restored(store)).toEqual([]);
});
