import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Gate } from '../../../model/planned-service.ts';
import type { WrittenRelease } from '../../../model/release.ts';
import { app, database, host, plan, service, stack, store, uses } from './plans.ts';

const migrated = app('web', { uses: [uses.database('database')], migrate: { command: ['npm', 'run', 'migrate'], database: 'database' } });
const spec = stack({ services: [migrated] });
const image = (tag: string, weight: number) => ({ image: `registry.example/web:${tag}`, weight });
const released = (web: WrittenRelease['services'][string]) => plan(spec, { release: { apiVersion: 'berth/v1', services: { web } } });
/** How often a gate asks a database that answers the 200th time, and how it ends. */
function asked({ argv, env }: Gate): { readonly times: number; readonly said: string } {
  const folder = mkdtempSync(join(tmpdir(), 'gate-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const program = (name: string, lines: string) => writeFileSync(join(folder, name), `#!/bin/sh\n${lines}\n`, { mode: 0o755 });
  program('sleep', ':');
  program('psql', `echo >> ${folder}/times; [ $(wc -l < ${folder}/times) -ge 200 ] || { echo 'no route to host' >&2; exit 1; }`);
  const [shell, ...rest] = argv;
  const said = execFileSync('/bin/sh', ['-c', '"$@" 2>&1', 'sh', shell, ...rest], {
    env: { ...env, PATH: `${folder}:${process.env['PATH'] ?? ''}` },
    encoding: 'utf8',
  });
  return { times: readFileSync(join(folder, 'times'), 'utf8').length, said };
}
const gateOf = (gates: readonly Gate[], name: string): Gate => gates.find((gate) => gate.name === name) ?? expect.unreachable();

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

  test('wait for their database however long its first volume takes, where an application starts without it', () => {
    const made = plan(stack({ ...spec, target: 'kubernetes' }));
    const [task, web] = [service(made, 'web-migrate'), service(made, 'web')];
    const patient = asked(gateOf(task.gates, 'wait-for-database'));
    expect(patient.times).toBe(200);
    expect(patient.said).toContain('waits for database: no route to host');
    const brief = asked(gateOf(web.gates, 'wait-for-database'));
    expect(brief.times).toBe(90);
    expect(brief.said).toContain('the application starts without: no route to host');
  });

  test('and applications are kept waiting by commands that leave nothing in /tmp: the next runs as another user, and shares it', () => {
    const several = { ...migrated, uses: [uses.database('database'), uses.store('files')] };
    const made = plan(stack({ services: [several], databases: [database('database')], stores: [store('files')], target: 'kubernetes' }));
    const [task, web] = [service(made, 'web-migrate'), service(made, 'web')];
    const gates = [...task.gates, ...web.gates, web.migration?.waits?.gate ?? expect.unreachable()];
    expect(new Set(gates.map(({ image }) => image)).size).toBeGreaterThan(1);
    for (const { name, argv } of gates) expect([name, argv.join(' ')]).toEqual([name, expect.not.stringContaining('/tmp/')]);
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
