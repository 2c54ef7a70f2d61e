import { expect, test } from 'vitest';
import type { BackupJob, RuntimeConfig } from '../../model/runtime-config.ts';
import { mayRunTogether, scheduledJobs, type JobOptions } from '../../runtime/scheduled-jobs.ts';
import { memoryState } from '../../runtime/schedule/memory-state.ts';
import { FakeClock } from './schedule/fake-clock.ts';

test('no job of an agent has the name of another, whatever the databases and buckets of its site are called', () => {
  const times = { schedule: '0 3 * * *', timeZone: 'UTC' };
  const jobs = ['offsite', 'verify', 'lock', 'prune', 'place.offsite', 'place.verify', 'place.lock'].map((name) => ({
    name,
    ...times,
    timeout: 600,
    database: { prove: '0 4 * * *', increments: '0 5 * * *' },
  }));
  const place = { store: { name: 'here', locked: { terms: '' } }, tier: 0, jobs, databases: jobs.map((job) => ({ job })), buckets: [] };
  const names = scheduledJobs({
    config: { backups: { offsite: times, verify: times, prune: times } } as unknown as RuntimeConfig as JobOptions['config'],
    backups: place as unknown as JobOptions['backups'],
    offsite: { backups: place } as unknown as NonNullable<JobOptions['offsite']>,
    state: memoryState(),
    clock: new FakeClock('2026-03-29T01:02:00Z'),
    log: () => undefined,
  }).map(({ name }) => name);
  expect(names).toHaveLength(jobs.length * 4 + 4);
  expect(new Set(names).size).toBe(names.length);
});

test('what takes the memory of a server, or of a bucket, is done alone: restores that are tried, clones of MySQL, listings', () => {
  const jobs = [
    { name: 'orders', kind: 'mysql' },
    { name: 'stock', kind: 'mysql' },
    { name: 'books', kind: 'mariadb' },
    { name: 'database', kind: 'postgres' },
  ] as unknown as BackupJob[];
  const uploads = { name: 'uploads', kind: 'bucket' } as unknown as BackupJob;
  const together = mayRunTogether({ jobs: [...jobs, uploads], buckets: [{ job: uploads }] as unknown as JobOptions['backups']['buckets'] });
  const large = ['orders', 'stock', 'uploads', 'database.prove'];
  for (const one of large) for (const other of large) expect([one, other, together(one, other)]).toEqual([one, other, false]);
  for (const one of large) for (const other of ['books', 'database']) expect(together(one, other)).toBe(one !== other);
  expect(together('books', 'database')).toBe(true);
});
