import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { BackupsConfig, RuntimeConfig } from '../../model/runtime-config.ts';
import { makeAgent } from '../../runtime/agent.ts';
import type { Log } from '../../runtime/agent-log.ts';
import { memoryState } from '../../runtime/schedule/memory-state.ts';
import type { Offsite } from '../../runtime/offsite.ts';
import type { Backups } from '../../runtime/wire.ts';
import { FakeClock } from './schedule/fake-clock.ts';

const job = (name: string, schedule: string) => ({ name, kind: 'configuration', schedule, timeZone: 'UTC', timeout: 600 }) as const;
const config = {
  version: 1,
  site: 'shop',
  target: 'compose',
  timezone: 'UTC',
  roles: ['agent'],
  services: [],
  backups: {
    store: { tier: 0, folder: '/srv/backups', lease: 'file' },
    recipients: 'backup/recipients',
    signer: 'secrets/backup/signer.key',
    signers: 'backup/signers.pem',
    state: '.berth/runtime',
    jobs: [job('site.configuration', '*/5 * * * *')],
    verify: { schedule: '50 * * * *', timeZone: 'UTC' },
    prune: { schedule: '30 * * * *', timeZone: 'UTC' },
  },
} satisfies RuntimeConfig & { readonly backups: BackupsConfig };

function world(take: () => Promise<{ readonly outcome: string }>, changes: object = {}) {
  const clock = new FakeClock('2026-03-29T01:02:00Z');
  const lines: (readonly [string, string, unknown])[] = [];
  const log: Log = (level, event, fields) => void lines.push([level, event, fields]);
  const times: unknown[] = [];
  const manifest = { id: 'ID', durationMs: 5, facts: { files: 3 }, streams: [{ plainBytes: 10 }] };
  const backups = {
    store: { name: 'here' },
    tier: 0,
    jobs: config.backups.jobs,
    databases: [],
    buckets: [],
    volumes: [],
    take: async () => ({ manifest, ...(await take()) }),
    verify: async (_since: Date, broke: (id: string, message: string) => void) => {
      broke('BAD', 'its first byte is another');
      return { level: 1, sound: ['GOOD'], broken: [{ id: 'BAD', message: 'its first byte is another' }] };
    },
    prune: async (_job: unknown, time: unknown) => {
      times.push(time);
      return { plan: { keep: [], remove: [{ point: { id: 'OLD' }, because: '' }] }, swept: [] };
    },
    ...changes,
  } as unknown as Backups;
  const agent = makeAgent({ config, backups, offsite: undefined, state: memoryState(), clock, random: () => 0, log });
  agent.start();
  return { clock, lines, times, agent, pass: async (ms: number) => (await clock.pass(ms), turn()) };
}

describe('the agent', () => {
  test('ships the log of every database but of those elsewhere that are copied without', async () => {
    const shipped: string[] = [];
    const database = (name: string, elsewhere?: object) => ({
      job: { ...job(name, '0 1 * * *'), database: { prove: '0 2 * * *', elsewhere } },
      ship: async () => void shipped.push(name),
    });
    const databases = [database('own'), database('theirs', { log: true }), database('quiet', { log: false })];
    const { agent } = world(async () => ({ outcome: 'made' }), { databases });
    await agent.stop(0);
    expect(shipped).toEqual(['own', 'theirs']);
  });

  test('says how many files it could not have as they were, and nothing of those where there are none', async () => {
    const facts = { files: 3, changed: 2, gone: 0, leftOut: 1, leftOutNames: ['pipe: it is a pipe'] };
    const { lines, pass } = world(async () => ({ outcome: 'made', manifest: { id: 'ID', durationMs: 5, facts, streams: [] } }));
    await pass(20 * 60_000);
    expect(lines[0]?.[2]).toEqual({
      job: 'site.configuration',
      id: 'ID',
      milliseconds: 5,
      tier: 0,
      files: 3,
      bytes: 0,
      changed: 2,
      leftOut: 1,
    });
  });

  test('warns of a backup that holds much less than the one before', async () => {
    const { lines, agent, pass } = world(async () => ({ outcome: 'made', shrunk: '0 tables, and had 40' }));
    await pass(5 * 60_000);
    expect(lines.slice(0, 2)).toEqual([
      ['warn', 'backup holds less', { job: 'site.configuration', id: 'ID', because: '0 tables, and had 40' }],
      ['info', 'backup made', expect.objectContaining({ id: 'ID' })],
    ]);
    await agent.stop(0);
  });

  test('looks at its times, and says only what it did', async () => {
    const outcomes = ['made', 'unchanged'];
    const { lines, agent, pass } = world(async () => ({ outcome: outcomes.shift() ?? 'unchanged' }));
    await pass(20 * 60_000);
    expect(lines).toEqual([
      ['info', 'backup made', { job: 'site.configuration', id: 'ID', milliseconds: 5, tier: 0, files: 3, bytes: 10 }],
    ]);
    expect(await agent.stop(0)).toEqual([]);
  });

  test('says what failed, and tries again before the next tick', async () => {
    let tries = 0;
    const { lines, agent, pass } = world(async () => {
      tries += 1;
      if (tries === 1) throw new Error('the store is full');
      return { outcome: 'made' };
    });
    await pass(3 * 60_000 + 65_000);
    expect(lines.map(([level, event]) => `${level} ${event}`)).toEqual(['error job failed', 'info backup made']);
    expect(lines[0]?.[2]).toMatchObject({ job: 'site.configuration', message: 'the store is full' });
    await agent.stop(0);
  });

  test('compares what lies there, and names what is broken', async () => {
    const { lines, agent, pass } = world(async () => ({ outcome: 'unchanged' }));
    await pass(50 * 60_000);
    expect(lines.filter(([, event]) => event !== 'removed')).toEqual([
      ['error', 'backup broken', { id: 'BAD', store: 'here', because: 'its first byte is another' }],
      ['info', 'backups compared', { store: 'here', sound: 1, broken: 1 }],
    ]);
    await agent.stop(0);
  });

  test('removes what no rule keeps, and says what that was', async () => {
    const { lines, times, agent, pass } = world(async () => ({ outcome: 'unchanged' }));
    await pass(90 * 60_000);
    expect(lines).toContainEqual(['info', 'removed', { job: 'site.configuration', store: 'here', removed: ['OLD'], swept: [] }]);
    expect(times[0]).toEqual({ now: new Date('2026-03-29T01:30:00Z'), expected: new Date('2026-03-29T01:30:00Z') });
    await agent.stop(0);
  });

  test('removes what no rule keeps on a host that sleeps every night; a clock that was set is told from that', async () => {
    const { clock, times, agent, pass } = world(async () => ({ outcome: 'unchanged' }));
    await pass(50 * 60_000);
    clock.suspend(9 * 3_600_000);
    await pass(3_600_000);
    clock.set(clock.now().getTime() + 9 * 3_600_000);
    await pass(60_000);
    const jumps = (times as readonly { readonly now: Date; readonly expected: Date }[]).map(
      ({ now, expected }) => (now.getTime() - expected.getTime()) / 3_600_000,
    );
    expect(jumps).toEqual([0, 0, 0, 9]);
    await agent.stop(0);
  });

  test('locks anew once a day what a store locks, all of it at first and under other terms, also where another place fails', async () => {
    const asked: unknown[] = [];
    const renewLocks = async (since: Date | undefined): Promise<number> => asked.push(since);
    const locked = { terms: '30 days, governance' };
    const changes = { store: { name: 'here', locked }, renewLocks };
    const { lines, agent, pass } = world(async () => ({ outcome: 'unchanged' }), changes);
    await pass(28 * 3_600_000 + 6 * 60_000);
    expect(lines.filter(([, event]) => event === 'locked anew')).toEqual([
      ['info', 'locked anew', { store: 'here', objects: 1 }],
      ['info', 'locked anew', { store: 'here', objects: 2 }],
    ]);
    expect(asked).toEqual([undefined, new Date('2026-03-29T05:07:00Z')]);
    locked.terms = '60 days, governance';
    await pass(24 * 3_600_000);
    expect(asked.at(-1)).toBeUndefined();
    await agent.stop(0);
  });

  test('has nothing to lock where no store does', async () => {
    const { lines, agent, pass } = world(async () => ({ outcome: 'unchanged' }));
    await pass(28 * 3_600_000);
    expect(lines.filter(([, event]) => /lock|job/.test(event))).toEqual([]);
    await agent.stop(0);
  });

  test('tries restores of several databases one after the other, as it has the memory for one server', async () => {
    const clock = new FakeClock('2026-03-29T01:02:00Z');
    const ends: (() => void)[] = [];
    const begun: string[] = [];
    const databases = ['orders', 'books'].map((name) => ({
      job: { name, timeZone: 'UTC', database: { prove: '30 3 * * *' } },
      ship: async () => undefined,
      prove: async () => {
        begun.push(name);
        await new Promise<void>((end) => ends.push(end));
      },
    }));
    const backups = { store: { name: 'here' }, tier: 0, jobs: [], databases, buckets: [], volumes: [] } as unknown as Backups;
    const agent = makeAgent({ config, backups, offsite: undefined, state: memoryState(), clock, random: () => 0, log: () => undefined });
    agent.start();
    await clock.pass(3 * 3_600_000);
    expect(begun).toHaveLength(1);
    ends[0]?.();
    await turn();
    await clock.pass(60_000);
    expect(begun.toSorted()).toEqual(['books', 'orders']);
    ends[1]?.();
    await agent.stop(0);
  });

  test('copies and proves one bucket at a time, as it has the memory for one, and copies anew what turns out to be broken', async () => {
    const clock = new FakeClock('2026-03-29T01:02:00Z');
    const lines: (readonly [string, string])[] = [];
    const ends: (() => void)[] = [];
    const begun: string[] = [];
    const made = { outcome: 'made', manifest: { id: 'NEW', durationMs: 1, facts: {}, streams: [] } };
    const buckets = ['files.notes', 'files.tmp'].map((name) => ({
      job: { name, timeZone: 'UTC', schedule: '7 * * * *', timeout: 3600, bucket: { prove: '37 4 * * *' } },
      backups: {
        take: async () => (begun.push(`${name} again`), made),
        prove: async () => ({ level: 3, result: 'broken', detail: ['an object differs'], backups: ['BAD'] }),
      },
    }));
    const take = async ({ name }: { readonly name: string }) => {
      begun.push(name);
      await new Promise<void>((end) => ends.push(end));
      return made;
    };
    const backups = {
      store: { name: 'here' },
      tier: 1,
      jobs: buckets.map(({ job }) => job),
      databases: [],
      buckets,
      volumes: [],
      take,
    } as unknown as Backups;
    const log: Log = (level, event) => void lines.push([level, event]);
    const own = { ...config, backups: { ...config.backups, jobs: [] } };
    const agent = makeAgent({ config: own, backups, offsite: undefined, state: memoryState(), clock, random: () => 0, log });
    agent.start();
    await clock.pass(10 * 60_000);
    await turn();
    expect(begun).toHaveLength(1);
    ends.shift()?.();
    await turn();
    await clock.pass(60_000);
    await turn();
    expect(begun.toSorted()).toEqual(['files.notes', 'files.tmp']);
    ends.shift()?.();
    await turn();
    for (let hour = 0; hour < 4; hour += 1) {
      await clock.pass(3_600_000);
      for (let each = 0; each < 4; each += 1) {
        await turn();
        ends.splice(0).forEach((end) => end());
        await clock.pass(1000);
      }
    }
    expect(begun).toEqual(expect.arrayContaining(['files.notes again', 'files.tmp again']));
    expect(lines).toContainEqual(['error', 'backup broken']);
    await agent.stop(0);
  });

  test('tries each new copy of a volume at once, and makes another one where it is not what the volume held', async () => {
    const results = ['sound', 'broken', undefined];
    const proveNew = async () => {
      const result = results.shift();
      return result && { level: 3, result, detail: ['2 files'], backups: ['ID'] };
    };
    let takes = 0;
    const volumes = [{ job: { name: 'site.configuration' }, proveNew }];
    const { lines, agent, pass } = world(async () => ({ outcome: (takes += 1) === 3 || takes === 1 ? 'made' : 'unchanged' }), { volumes });
    await pass(16 * 60_000);
    expect(lines.map(([level, event]) => `${level} ${event}`)).toEqual([
      'info backup made',
      'info restore proven',
      'error backup broken',
      'info backup made',
    ]);
    expect(takes).toBe(4);
    await agent.stop(0);
  });

  test('removes beside whatever takes long, and holds back nothing but the next copy to or of the same', async () => {
    const minute = 60_000;
    const clock = new FakeClock('2026-03-29T03:59:00Z');
    const begun: string[] = [];
    const takes = async (what: string, minutes: number, signal: AbortSignal): Promise<void> => {
      begun.push(`${clock.now().toISOString().slice(11, 16)} ${what}`);
      await clock.sleep(minutes * minute, signal);
    };
    const never = '0 12 1 1 *';
    const of = (name: string, schedule: string, more: object) => ({ ...job(name, schedule), timeout: 86_400, ...more });
    const notes = of('files.notes', '0 4-8 * * *', { bucket: { prove: never } });
    const database = of('database', '0 5 * * *', { database: { prove: '5 4 * * *' } });
    const minutes = { [notes.name]: 120, [database.name]: 5 };
    const placeAt = (name: string) => ({
      store: { name },
      tier: 0,
      jobs: [notes, database],
      databases: [],
      buckets: [],
      volumes: [],
      verify: async (since: Date, _broke: unknown, signal: AbortSignal) => (
        await takes(`verify ${name} since ${since.toISOString().slice(11, 16)}`, 300, signal),
        { sound: [], broken: [] }
      ),
      prune: async ({ name: source }: { readonly name: string }, _time: unknown, signal: AbortSignal) => {
        await takes(`prune ${source} ${name}`, 5, signal);
        return { plan: { keep: [], remove: [] }, swept: [] };
      },
    });
    const backups = {
      ...placeAt('here'),
      databases: [{ job: database, ship: async () => undefined, prove: (signal: AbortSignal) => takes('proof', 180, signal) }],
      buckets: [{ job: notes, backups: {} }],
      take: async ({ name }: { readonly name: string }, _wish: unknown, signal: AbortSignal) => {
        await takes(`copy ${name}`, minutes[name] ?? 0, signal);
        return { outcome: 'unchanged', manifest: {} };
      },
    } as unknown as Backups;
    const copy = async (signal: AbortSignal) => (await takes('offsite', 240, signal), { copied: [], broken: [], failures: [] });
    const offsite = { backups: placeAt('there'), copy } as unknown as Offsite;
    const times = {
      offsite: { tier: 2, folder: '/mnt/offsite', lease: 'file', schedule: '*/10 * * * *', timeZone: 'UTC' },
      verify: { schedule: '1 4 * * *', timeZone: 'UTC' },
      prune: { schedule: '10 4 * * *', timeZone: 'UTC' },
    } as const;
    const agent = makeAgent({
      config: { ...config, backups: { ...config.backups, ...times } },
      backups,
      offsite,
      state: memoryState(),
      clock,
      random: () => 0,
      log: () => undefined,
    });
    agent.start();
    await clock.pass(250 * minute);
    expect(begun).toEqual([
      '04:00 copy files.notes',
      '04:00 offsite',
      '04:01 verify here since 04:01',
      '04:10 prune database here',
      '05:00 copy database',
      // There is memory for a proof or for a bucket: the proof was due before the other two.
      '06:00 proof',
      '08:00 prune files.notes there',
      '08:05 prune database there',
    ]);
    await clock.pass(60 * minute);
    expect(begun.slice(8)).toEqual([
      '08:10 offsite',
      '09:00 prune files.notes here',
      '09:01 verify there since 04:01',
      '09:05 copy files.notes',
    ]);
    const stopped = agent.stop(0);
    await clock.pass(1);
    await stopped;
  });

  test('brings what is new to the second place, and looks at, and prunes, both', async () => {
    const clock = new FakeClock('2026-03-29T01:02:00Z');
    const lines: (readonly [string, unknown])[] = [];
    const log: Log = (_level, event, fields) => void lines.push([event, fields]);
    const placeAt = (name: string) => ({
      store: { name },
      tier: 1,
      jobs: [{ name: 'db' }],
      databases: [],
      buckets: [],
      volumes: [],
      verify: async () => ({ sound: ['GOOD'], broken: [] }),
      prune: async () => ({ plan: { keep: [], remove: [{ point: { id: `OLD ${name}` } }] }, swept: [] }),
    });
    const backups = { ...placeAt('here'), jobs: [] } as unknown as Backups;
    const offsite = {
      backups: placeAt('there'),
      copy: async () => ({ copied: [{ id: 'NEW' }], broken: [{ id: 'BAD', message: 'its first byte is another' }], failures: [] }),
    } as unknown as Offsite;
    const second = { tier: 2, folder: '/mnt/offsite', lease: 'file', schedule: '15 * * * *', timeZone: 'UTC' } as const;
    const both = { ...config, backups: { ...config.backups, offsite: second, jobs: [] } };
    const agent = makeAgent({ config: both, backups, offsite, state: memoryState(), clock, random: () => 0, log });
    agent.start();
    await clock.pass(55 * 60_000);
    await turn();
    // The same is not said every time.
    await clock.pass(20 * 60_000);
    await turn();
    expect(lines.filter(([event]) => event === 'backup not copied')).toHaveLength(1);
    expect(lines.slice(0, 5)).toEqual([
      ['backup not copied', { id: 'BAD', store: 'there', because: 'its first byte is another' }],
      ['backups copied', { store: 'there', tier: 1, ids: ['NEW'] }],
      ['removed', { job: 'db', store: 'there', removed: ['OLD there'], swept: [] }],
      ['backups compared', { store: 'here', sound: 1, broken: 0 }],
      ['backups compared', { store: 'there', sound: 1, broken: 0 }],
    ]);
    await agent.stop(0);
  });

  test('goes on with what else a job has to do where one of it fails, and counts the job as failed', async () => {
    const clock = new FakeClock('2026-03-29T01:02:00Z');
    const lines: (readonly [string, unknown])[] = [];
    const log: Log = (_level, event, fields) => void lines.push([event, fields]);
    const broke = (what: string) => Promise.reject(new Error(`EIO of ${what}`));
    const placeAt = (name: string, jobs: readonly string[]) => ({
      store: { name },
      tier: 1,
      jobs: jobs.map((source) => ({ name: source })),
      databases: [],
      buckets: [],
      volumes: [],
      verify: async () => (name === 'here' ? broke(name) : { sound: ['GOOD'], broken: [] }),
      prune: async ({ name: source }: { readonly name: string }) =>
        source === 'one' ? broke(source) : { plan: { keep: [], remove: [{ point: { id: `OLD ${source}` } }] }, swept: [] },
    });
    const offsite = {
      backups: placeAt('there', ['one', 'two']),
      copy: async () => ({ copied: [{ id: 'NEW' }], broken: [], failures: [new Error('EIO of a copy')] }),
    } as unknown as Offsite;
    const second = { tier: 2, folder: '/mnt/offsite', lease: 'file', schedule: '15 * * * *', timeZone: 'UTC' } as const;
    const both = { ...config, backups: { ...config.backups, offsite: second, jobs: [] } };
    const backups = placeAt('here', []) as unknown as Backups;
    const agent = makeAgent({ config: both, backups, offsite, state: memoryState(), clock, random: () => 0, log });
    agent.start();
    await clock.pass(48.5 * 60_000 + 1000);
    expect(lines).toEqual(
      expect.arrayContaining([
        ['backups copied', { store: 'there', tier: 1, ids: ['NEW'] }],
        ['job failed', expect.objectContaining({ job: 'place/offsite', message: 'EIO of a copy' })],
        ['removed', { job: 'two', store: 'there', removed: ['OLD two'], swept: [] }],
        ['job failed', expect.objectContaining({ job: 'place/offsite.prune', message: 'EIO of one' })],
        ['backups compared', { store: 'there', sound: 1, broken: 0 }],
        ['job failed', expect.objectContaining({ job: 'place/verify', message: 'EIO of here' })],
      ]),
    );
    await agent.stop(0);
  });

  test('copies what has changed at its own times, but where a full backup is due, and says when it had to be a full one', async () => {
    const clock = new FakeClock('2026-03-28T12:00:00Z');
    const lines: (readonly [string, string, unknown])[] = [];
    const taken: string[] = [];
    // 2026-03-29 is a Sunday.
    const job = {
      name: 'db',
      schedule: '30 1 * * 0',
      timeZone: 'UTC',
      timeout: 600,
      database: { prove: '0 12 1 1 *', increments: '30 1 * * *' },
    };
    const manifest = { id: 'NEW', kind: 'increment', durationMs: 1, facts: {}, streams: [] };
    const database = {
      job,
      ship: async () => undefined,
      increment: async ({ due }: { readonly due: Date }) => {
        taken.push(`increment of ${due.toISOString()}`);
        return taken.length === 2
          ? { outcome: 'made', manifest }
          : { outcome: 'made', manifest: { ...manifest, kind: 'full' }, fullBecause: 'no summaries' };
      },
    };
    const take = async (_job: unknown, { due }: { readonly due: Date }) => {
      taken.push(`full of ${due.toISOString()}`);
      return { outcome: 'made', manifest: { ...manifest, kind: 'full' } };
    };
    const backups = {
      tier: 0,
      jobs: [job],
      databases: [database],
      buckets: [],
      volumes: [],
      take,
      store: { name: 'here' },
      prune: async () => ({ plan: { keep: [], remove: [] }, swept: [] }),
      verify: async () => ({ sound: [], broken: [] }),
    } as unknown as Backups;
    const log: Log = (level, event, fields) => void lines.push([level, event, fields]);
    const agent = makeAgent({ config, backups, offsite: undefined, state: memoryState(), clock, random: () => 0, log });
    agent.start();
    for (let hour = 0; hour < 72; hour += 1) {
      await clock.pass(3_600_000);
      await turn();
    }
    await agent.stop(0);
    expect(taken).toEqual([
      'full of 2026-03-29T01:30:00.000Z',
      'increment of 2026-03-30T01:30:00.000Z',
      'increment of 2026-03-31T01:30:00.000Z',
    ]);
    const told = lines.filter(([, event]) => /^(backup made|full backup in)/.test(event));
    expect(told).toMatchObject([
      ['info', 'backup made', { job: 'db' }],
      ['info', 'backup made', { job: 'db', kind: 'increment' }],
      ['warn', 'full backup in place of an increment', { job: 'db', because: 'no summaries' }],
      ['info', 'backup made', { job: 'db' }],
    ]);
    expect(told[0]?.[2]).not.toHaveProperty('kind');
  });

  test('makes a new full backup of a database at once when the newest one turns out not to be restorable', async () => {
    const clock = new FakeClock('2026-03-29T01:02:00Z');
    const lines: (readonly [string, string])[] = [];
    const database = {
      job: { name: 'db', timeZone: 'UTC', database: { prove: '30 3 * * *' } },
      ship: async () => undefined,
      prove: async () => ({ level: 3, result: 'broken', detail: ['a table differs'], backups: ['BAD'] }),
      full: async () => ({ outcome: 'made', manifest: { id: 'NEW', durationMs: 1, facts: {}, streams: [] } }),
    };
    const backups = { store: { name: 'here' }, tier: 1, jobs: [], databases: [database], buckets: [], volumes: [] } as unknown as Backups;
    const log: Log = (level, event) => void lines.push([level, event]);
    const agent = makeAgent({ config, backups, offsite: undefined, state: memoryState(), clock, random: () => 0, log });
    agent.start();
    await clock.pass(3 * 3_600_000);
    await turn();
    expect(lines).toEqual(
      expect.arrayContaining([
        ['error', 'backup broken'],
        ['info', 'backup made'],
      ]),
    );
    await agent.stop(0);
  });
});
