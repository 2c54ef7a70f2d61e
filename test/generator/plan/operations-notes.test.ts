import { describe, expect, test } from 'vitest';
import type { Plan } from '../../../model/plan.ts';
import { operationKeys } from '../../../model/operations.ts';
import { operations } from '../../../model/written-operations.ts';
import { helloPlan, smallHost } from '../render/hello.ts';

const planOf = (set: object, target: 'compose' | 'kubernetes' = 'compose'): Plan =>
  helloPlan({ target, profile: 'minimum', host: smallHost, set: { ...set } });
const about = (plan: Plan): readonly string[] => plan.notes.filter((note) => operationKeys.some((key) => note.startsWith(key)));
const all = {
  deploy: { strategy: 'canary', steps: [5, 100], backup: true },
  alerts: { contacts: { team: { email: 'ops@example.com' } } },
  logs: { retention: '90d' },
  errorTracking: { secret: 'sentry-dsn' },
  objectives: { rto: '4h' },
};

test('every key that nothing acts on is known to be one', () => {
  expect(operationKeys).toEqual(Object.keys(operations));
});

describe.each(['compose', 'kubernetes'] as const)('what nothing acts on yet, on %s', (target) => {
  test('is said key by key, with what to do meanwhile', () => {
    const notes = about(planOf(all, target));
    expect(notes.map((note) => note.split(':')[0])).toEqual(
      operationKeys.map((key) => (key === 'objectives' ? key : `${key} is not acted on yet`)),
    );
    const [deploy, alerts, logs, errors, objectives] = notes;
    expect(deploy).toMatch(/release\.yaml.* step by step, .*`berth backup now --label NAME`/);
    expect(alerts).toContain(target === 'compose' ? '`docker compose ps`' : '`kubectl get pods`');
    expect(logs).toMatch(target === 'compose' ? /30 MB .* for 90d$/ : /kubelet .* for 90d$/);
    expect(errors).toContain('supplied: true');
    expect(objectives).toContain('`berth drill`');
  });

  test('is said of what is there alone', () => {
    expect(about(planOf({ logs: { retention: '7d' } }, target))).toHaveLength(1);
    expect(about(planOf({}, target))).toEqual([]);
    expect(about(planOf({ deploy: { strategy: 'rolling' } }, target)).join()).not.toMatch(/step by step|berth backup/);
  });
});

describe('an objective that backups have to reach', () => {
  const rpoOf = (rpo: string, set: object): string => about(planOf({ 'objectives.rpo': rpo, ...set })).join('\n');
  const backups = { folder: '/srv/backups' };

  test('is out of reach without any', () => {
    expect(rpoOf('1d', {})).toContain('objectives.rpo is 1d, and nothing is backed up');
  });

  test('is compared with how far the log may be behind, and with the pauses of schedules', () => {
    expect(rpoOf('1h', { backups })).toContain('objectives: nothing watches the running site by it yet');
    expect(rpoOf('59m', { backups })).toBe(
      'objectives.rpo is 59m, and backups may lose more: files.notes up to 1h (backups.buckets.schedule)',
    );
    expect(rpoOf('59s', { backups })).toContain('database up to 1m (backups.databases.rpo), files.notes up to 1h');
    expect(rpoOf('5m', { backups: { ...backups, databases: { rpo: 600 }, buckets: 'none' } })).toContain('database up to 10m');
  });

  test.each([
    ['*/5 * * * *', '5m'],
    ['0,10,15 * * * *', '45m'],
    ['0 8-18 * * *', '14h'],
    ['30 1 * * *', '1d'],
    ['30 1 * * 1-5', '3d'],
    ['0 6,18 * * 0', '156h'],
    ['0 0 31 * *', '61d'],
  ])('a schedule of %s leaves out %s at most', (schedule, pause) => {
    expect(rpoOf('1m', { backups: { ...backups, buckets: { schedule } } })).toContain(`files.notes up to ${pause} (`);
  });

  test('counts caches that keep their data, and volumes', () => {
    const more = { 'caches.cache.use': 'sessions', 'volumes.shared': {}, 'services.web.volumes': { shared: '/srv/shared' } };
    const note = rpoOf('59m', { backups, ...more });
    expect(note).toContain('cache up to 1h (backups.caches.schedule)');
    expect(note).toContain('shared up to 1d (backups.volumes.schedule)');
  });
});
