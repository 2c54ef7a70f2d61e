import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { WantedCopy } from '../../../cli/restore/choose-copies.ts';
import type { Compose } from '../../../cli/compose.ts';
import { type Filler, fillSite } from '../../../cli/restore/fill-site.ts';
import { Refilling } from '../../../cli/restore/refilling.ts';
import type { Manifest } from '../../../model/backup/manifest.ts';
import { type TemporarySite, temporarySite } from '../../generator/io/site-fixture.ts';
import { bigHost, context, everyKind, helloPlan } from '../../generator/render/hello.ts';
import { fullAt } from '../../runtime/jobs/chains.ts';

const planOf = (cache: object) =>
  helloPlan({
    target: 'compose',
    profile: 'recommended',
    host: bigHost,
    set: { ...everyKind, 'backups.folder': '/srv/backups', 'caches.cache': { use: 'sessions', engine: 'valkey', ...cache } },
  });
const alone = planOf({ topology: 'single' });
const guarded = planOf({ topology: 'sentinel' });
const divided = planOf({ topology: 'cluster', client: 'cluster' });

const made = fullAt(1, 1, 1, 2);
const [stream] = made.streams;
const copyOf = (kind: WantedCopy['kind'], name: string, facts: Manifest['facts'], files: readonly string[]): WantedCopy => ({
  kind,
  name,
  copy: { ...made, source: name, kind, facts, streams: stream === undefined ? [] : files.map((file) => ({ ...stream, name: file })) },
});
const cache = copyOf('cache', 'cache', { keys: 12 }, ['dump.rdb']);
const uploads = copyOf('volume', 'uploads', { files: 3 }, ['volume.tar']);
const slots = ['0-5460', '5461-10922', '10923-16383'];
const inParts = copyOf(
  'cache',
  'cache',
  { keys: 12, shards: slots.map((each) => ({ slots: each })) },
  slots.map((_, shard) => `shard-${shard}.rdb`),
);
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

describe('the caches and volumes of a site that is filled', () => {
  let site: TemporarySite;
  const signal = new AbortController().signal;

  beforeEach(() => {
    site = temporarySite();
    mkdirSync(join(site.path, '.berth'));
    writeFileSync(join(site.path, 'key.pem'), pem);
  });
  afterEach(() => site[Symbol.dispose]());

  /** @param answer - Of Compose, to a command of it. */
  const filling = async (
    plan: Filler['plan'],
    copies: readonly WantedCopy[],
    answer: (command: string) => string = () => '',
    buckets = [],
  ) => {
    const calls: string[] = [];
    const given: string[] = [];
    const compose: Compose = async (args, _, more) => {
      const command = args.join(' ');
      calls.push(command);
      if (command.includes('--key /dev/stdin')) {
        // It is held open behind that.
        const first = await more?.input?.[Symbol.asyncIterator]().next();
        given.push(Buffer.from(Buffer.from(first?.value as Uint8Array).toString(), 'base64').toString());
      }
      if (command.includes('restore --only volume')) return JSON.stringify({ id: made.id, restored: { files: 3 } });
      return answer(command);
    };
    const filler = {
      site: site.path,
      store: undefined as unknown as Filler['store'],
      at: undefined,
      key: join(site.path, 'key.pem'),
      plan,
      config: plan.runtime as Filler['config'],
      compose,
      refilling: new Refilling(site.path, null),
      progress: { say: () => undefined, [Symbol.dispose]: () => undefined },
      context: { ...context, env: {} } as unknown as Filler['context'],
    };
    const chosen = { wanted: [], wantedBuckets: buckets, copies, apart: [], empty: [], broken: [] };
    const done = fillSite(chosen, filler, signal);
    const failed = await done.then(
      () => undefined,
      (error: unknown) => error,
    );
    return { calls, given, failed, copies: failed === undefined ? (await done).copies : [] };
  };
  /** In short: what is done in the container of which service, or with which volume. */
  const steps = (calls: readonly string[]): readonly string[] =>
    calls.map((call) => {
      const [, service = call] = /--entrypoint \S+ (\S+)/.exec(call) ?? [];
      const what = call.includes('cat >')
        ? 'fill'
        : call.includes('appendonly.aof.manifest') || call.includes('rmdir')
          ? 'begin'
          : call.includes('restore --only volume')
            ? 'unpack'
            : call.includes('mkdir -m 700')
              ? 'prepare'
              : 'look';
      return call.startsWith('run ') ? `${what} ${service}` : call;
    });

  test('have what they held before anything is started: every node of a cache that is not divided, and each volume', async () => {
    const { calls, given, copies, failed } = await filling(guarded, [cache, uploads]);
    expect(failed).toBeUndefined();
    const nodes = [0, 1, 2].map((node) => `cache-node-${node}`);
    expect(steps(calls)).toEqual([
      'create --no-recreate',
      `look ${nodes[0]}`,
      ...nodes.map((node) => `fill ${node}`),
      `begin ${nodes[0]}`,
      'look agent-files',
      'prepare agent-files',
      'unpack agent-files',
      'begin agent-files',
    ]);
    // All nodes at once, each in its own volume, and none is told of slots.
    for (const index of [1, 2]) expect(calls[5]).toContain(`--volume hello_cache-node-${index}-data:/berth-nodes/${index}`);
    expect(calls[5]?.match(/mv -T/g)).toHaveLength(3);
    expect(calls[5]).not.toContain('nodes.conf');
    expect(copies).toMatchObject([
      { kind: 'cache', name: 'cache', copy: made.id, holds: 12, already: false },
      { kind: 'volume', name: 'uploads', copy: made.id, holds: 3, already: false },
    ]);
    // The key goes by a pipe alone.
    expect(given.join('')).toBe(pem);
    expect(calls.join('\n')).not.toContain('PRIVATE KEY');
  });

  test('are, of a cache that is divided, the first node of each shard, which is told who it is and its slots', async () => {
    const { calls, copies } = await filling(divided, [inParts]);
    const firsts = [0, 1, 2].map((shard) => `cache-shard-${shard}-0`);
    expect(steps(calls)).toEqual([
      'create --no-recreate',
      `look ${firsts[0]}`,
      ...firsts.map((node) => `fill ${node}`),
      `begin ${firsts[0]}`,
    ]);
    // None of the six may hold anything.
    expect(calls[1]?.match(/--volume/g)).toHaveLength(5);
    const places = [
      ...(calls[5] ?? '').matchAll(/0 0 (\d) connected %s\\nvars currentEpoch \1 lastVoteEpoch 0\\n' ([0-9a-f]{40}) '(\S+)'/g),
    ];
    expect(places.map(([, epoch, , held]) => [epoch, held])).toEqual(slots.map((each, shard) => [String(shard + 1), each]));
    expect(new Set(places.map(([, , id]) => id)).size).toBe(3);
    expect(copies).toMatchObject([{ already: false }]);
  });

  test('are refused and not touched where they have data already, by the name of who has them', async () => {
    const held = await filling(guarded, [cache], (command) => (command.includes('echo "$at"') ? '/berth-nodes/1\n' : ''));
    expect(held.failed).toMatchObject({
      kind: 'conflict',
      message: 'cache-node-1: cache has data on this host already; nothing of them was changed',
      hint: expect.stringContaining('berth restore --only cache --name cache --into live') as string,
    });
    expect(steps(held.calls).filter((step) => !step.startsWith('look'))).toEqual(['create --no-recreate']);
    for (const found of ['files\n', 'exchanging\nfiles\n']) {
      const full = await filling(guarded, [uploads], (command) => (command.includes('echo files') ? found : ''));
      expect(full.failed).toMatchObject({
        kind: 'conflict',
        message: 'uploads has files on this host already; nothing of them was changed',
      });
      expect(steps(full.calls).filter((step) => !step.startsWith('look'))).toEqual(['create --no-recreate']);
    }
  });

  test('are not filled again by a second run, but for what the first did not come to', async () => {
    const broken = await filling(guarded, [cache], (command) => {
      if (command.includes('mv -T')) throw new Error('the engine was stopped');
      return '';
    });
    expect(broken.failed).toMatchObject({ message: 'the engine was stopped' });
    const some = await filling(guarded, [cache], (command) => (command.includes('echo "$at"') ? '/data\n/berth-nodes/2\n' : ''));
    expect(steps(some.calls).slice(2)).toEqual(['fill cache-node-1', 'begin cache-node-1']);
    const all = await filling(guarded, [cache], (command) =>
      command.includes('echo "$at"') ? '/data\n/berth-nodes/1\n/berth-nodes/2\n' : '',
    );
    expect([steps(all.calls).slice(1), all.copies]).toMatchObject([['look cache-node-0'], [{ already: true }]]);
  });

  test('come to their places where a run was cut off while files of a volume were on their way', async () => {
    new Refilling(site.path, null).place('uploads');
    const way = await filling(alone, [uploads], (command) => (command.includes('echo files') ? 'exchanging\nfiles\n' : ''));
    expect([steps(way.calls).slice(1), way.copies]).toMatchObject([['look agent-files', 'begin agent-files'], [{ already: true }]]);
    const there = await filling(alone, [uploads], (command) => (command.includes('echo files') ? 'files\n' : ''));
    expect([steps(there.calls).slice(1), there.copies]).toMatchObject([['look agent-files'], [{ already: true }]]);
  });

  test('are what a second run began with, by the record that the first left', async () => {
    await filling(alone, [cache, uploads], (command) => {
      if (command.includes('cat >')) throw new Error('the disk is full');
      return '';
    });
    const left = new Refilling(site.path, null);
    expect([left.pointOf('cache'), left.pointOf('uploads'), left.isPlaced('cache')]).toEqual([made.id, made.id, false]);
  });

  test('are not started for a bucket: its store and its agent alone are', async () => {
    const point = { bucket: 'files.notes', point: made };
    const { calls } = await filling(
      guarded,
      [],
      (command) => {
        if (command.includes('up -d')) throw new Error('seen');
        return '';
      },
      [point] as never,
    );
    expect(calls.map((call) => call.replace(/^--file \S+ /, ''))).toEqual(['create --no-recreate', 'up -d --wait files agent-files']);
  });
});
