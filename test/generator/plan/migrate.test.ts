import { describe, expect, test } from 'vitest';
import type { WrittenRelease } from '../../../model/release.ts';
import { app, database, host, plan, service, stack, uses } from './plans.ts';

const migrated = app('web', { uses: [uses.database('database')], migrate: { command: ['npm', 'run', 'migrate'], database: 'database' } });
const spec = stack({ services: [migrated] });
const image = (tag: string, weight: number) => ({ image: `registry.example/web:${tag}`, weight });
const released = (web: WrittenRelease['services'][string]) => plan(spec, { release: { apiVersion: 'berth/v1', services: { web } } });
const tasks = (made: ReturnType<typeof plan>) => made.release.get('web-migrate');

describe('migrations', () => {
  test('run in the image, with the environment and the secrets of their application', () => {
    const made = plan(spec);
    const [task, web] = [service(made, 'web-migrate'), service(made, 'web')];
    expect(task).toMatchObject({
      kind: 'task',
      command: ['npm', 'run', 'migrate'],
      env: web.env,
      secretEnv: web.secretEnv,
      user: web.user,
    });
    expect(task.port).toBeUndefined();
    expect(web.migration).toMatchObject({ task: 'web-migrate', waits: { slot: 'blue' } });
  });

  test('come from the slot that release.yaml names', () => {
    const made = released({ blue: image('1.0.0', 100), green: image('2.0.0', 0), migrations: 'green' });
    expect(tasks(made)).toMatchObject([{ slot: 'green', image: 'registry.example/web:2.0.0', replicas: 1 }]);
    expect(service(made, 'web').migration?.waits?.slot).toBe('green');
  });

  test('do not run while their slot is empty, or when release.yaml says so', () => {
    expect(tasks(released({}))).toEqual([]);
    expect(tasks(released({ blue: image('1.0.0', 100), migrations: 'none' }))).toEqual([]);
    expect(tasks(released({ blue: image('1.0.0', 100), green: { ...image('2.0.0', 0), replicas: 0 }, migrations: 'green' }))).toEqual([]);
    expect(tasks(released({ blue: image('1.0.0', 100) }))).toHaveLength(1);
  });

  test('take the room of the replica that is replaced, and no more of the host', () => {
    const without = plan(stack({ services: [app('web', { uses: [uses.database('database')] })] }));
    expect(plan(spec).budget).toEqual(without.budget);
    expect(service(plan(spec), 'web-migrate').size).toEqual(service(plan(spec), 'web').size);
  });

  test('are waited for by what they wrote down: another image or command is another thing to wait for', () => {
    const gateOf = (made: ReturnType<typeof plan>) => service(made, 'web').migration?.waits?.gate.argv.at(-1) ?? '';
    const first = gateOf(plan(spec));
    expect(first).toBe(`SELECT 1 FROM berth_migrations WHERE version = '["registry.example/web:1.0.0","npm","run","migrate"]'`);
    expect(gateOf(released({ green: image('2.0.0', 100) }))).not.toBe(first);
    expect(service(plan(spec), 'web-migrate').finish?.argv.at(-1)).toContain(
      `VALUES ('["registry.example/web:1.0.0","npm","run","migrate"]')`,
    );
  });

  test('may have quotes in their command', () => {
    const quoted = plan(
      stack({
        services: [{ ...migrated, migrate: { command: ["it's", '$(x)'], database: 'database' } }],
        databases: [database('database')],
      }),
    );
    expect(service(quoted, 'web').migration?.waits?.gate.argv.at(-1)).toBe(
      `SELECT 1 FROM berth_migrations WHERE version = '["registry.example/web:1.0.0","it''s","$(x)"]'`,
    );
  });
});

describe('what follows a service', () => {
  const followed = stack({ services: [app('web'), { ...app('jobs', { kind: 'worker', follows: 'web' }), http: undefined as never }] });
  test('runs the image of its slot with the most weight', () => {
    const jobsOf = (web: WrittenRelease['services'][string]) =>
      service(plan(followed, { release: { apiVersion: 'berth/v1', services: { web } } }), 'jobs').image;
    expect(jobsOf({ blue: image('1.0.0', 95), green: image('2.0.0', 5) })).toBe('registry.example/web:1.0.0');
    expect(jobsOf({ blue: image('1.0.0', 20), green: image('2.0.0', 80) })).toBe('registry.example/web:2.0.0');
    expect(jobsOf({})).toBe('registry.example/jobs:1.0.0');
  });
});

test('a server of files needs little, and more when a runtime is inside', () => {
  const pages = (runtime: 'node' | 'other') => app('pages', { kind: 'static', runtime });
  const memoryOf = (runtime: 'node' | 'other') =>
    service(plan(stack({ services: [app('web'), pages(runtime)], host: host(2, 8, 60) })), 'pages').size.memory;
  expect(memoryOf('other')).toBeGreaterThanOrEqual(128);
  expect(memoryOf('other')).toBeLessThan(256);
  expect(memoryOf('node')).toBeGreaterThanOrEqual(512);
});
