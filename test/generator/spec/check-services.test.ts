import { describe, expect, test } from 'vitest';
import { onlyProblem, specOf } from './specs.ts';

/** A spec with a web service, and another one of `lines`. */
const beside = (name: string, lines: string): string =>
  `apiVersion: berth/v1\nname: hello\nprofile: minimum\nservices:\n  web: { image: "registry.example/hello:1.0.0", port: 3000, uses: [database] }\n  ${name}: { ${lines} }\ndatabases: { database: { engine: postgres } }\n`;

describe('the kinds of services', () => {
  test.each([
    ['a worker', 'jobs', 'kind: worker, image: "r/jobs:1", uses: [database], healthcheck: [check]'],
    ['a worker that follows', 'jobs', 'kind: worker, follows: web, command: [work]'],
    ['a job', 'nightly', 'kind: cron, follows: web, schedule: "30 2 * * *", timeZone: Europe/Berlin, deadline: 2h'],
    ['an API', 'api', 'kind: api, image: "r/api:1", port: 80, uses: [database], migrate: { command: [migrate, up] }'],
    ['files', 'pages', 'kind: static, image: "r/pages:1", port: 8080, routes: [{ path: /pages/ }]'],
  ])('include %s', (_, name, lines) => {
    expect(specOf(beside(name, lines)).services.map((service) => service.name)).toEqual(['web', name]);
  });

  test('give an API the path /api/, and ask a server of files at its root', () => {
    const [, api] = specOf(beside('api', 'kind: api, image: "r/api:1", port: 80')).services;
    expect(api?.http).toMatchObject({ routes: [{ path: '/api/' }], ready: '/readyz' });
    const [, pages] = specOf(beside('pages', 'kind: static, image: "r/pages:1", port: 80, routes: [{ path: /pages/ }]')).services;
    expect(pages?.http).toMatchObject({ live: '/', ready: '/' });
  });

  test('let a follower run what is followed, also where that is built', () => {
    const text = beside('jobs', 'kind: worker, follows: web').replace('port: 3000', 'port: 3000, build: ./app');
    expect(specOf(text).services[1]).toMatchObject({ follows: 'web', image: 'registry.example/hello:1.0.0', build: './app' });
  });

  test('migrate the first database that is used', () => {
    const [, api] = specOf(beside('api', 'kind: api, image: "r/api:1", port: 80, uses: [database], migrate: { command: [up] }')).services;
    expect(api?.migrate).toEqual({ command: ['up'], database: 'database' });
  });

  test.each([
    ['kind: worker, image: "r/a:1", port: 80', 'services.jobs.port: means nothing for a service of kind worker'],
    ['kind: worker, image: "r/a:1", routes: [{ path: /x }]', 'services.jobs.routes: means nothing for a service of kind worker'],
    ['kind: cron, image: "r/a:1"', 'services.jobs.schedule: missing: expected a schedule'],
    ['kind: cron, image: "r/a:1", schedule: "0 0 * * *", replicas: 2', 'services.jobs.replicas: means nothing for a service of kind cron'],
    ['kind: cron, image: "r/a:1", schedule: "61 0 * * *"', 'services.jobs.schedule: expected a schedule of five fields'],
    ['kind: cron, image: "r/a:1", schedule: "1 0 * * *", timeZone: Moon', 'services.jobs.timeZone: expected a time zone'],
    ['kind: worker', 'services.jobs.image: missing: expected an image reference'],
    ['kind: worker, image: "r/a:1", follows: web', 'services.jobs.image: it has an image, and follows that of another service'],
    ['kind: worker, follows: wbe', 'services.jobs.follows: there is no service "wbe" | did you mean "web"?'],
    ['kind: worker, follows: jobs', 'services.jobs.follows: "jobs" has no slots of its own | with slots: web'],
    ['kind: worker, follows: web, build: ./app', 'services.jobs.build: web is what is built'],
    [
      'kind: api, image: "r/a:1", port: 80, migrate: { command: [up] }',
      'services.jobs.migrate: it uses no database that could be migrated',
    ],
    ['kind: worker, image: "r/a:1", migrate: { command: [up] }', 'services.jobs.migrate: means nothing for a service of kind worker'],
    ['kind: api, image: "r/a:1", port: 80, follows: web', 'services.jobs.follows: means nothing for a service of kind api'],
    ['kind: worker, image: "r/a:1", command: run all', 'services.jobs.command: expected a command, as a list of words'],
    ['kind: worker, image: "r/a:1", command: []', 'services.jobs.command: expected a command, as a list of words'],
    ['kind: worker, image: "r/a:1", command: ["a\\0b"]', 'services.jobs.command[0]: expected a word that a command line can hold'],
    ['kind: workr, image: "r/a:1", schedule: "1 0 * * *"', 'services.jobs.kind: expected web, api, static, worker or cron'],
    ['kind: worker, imag: "r/a:1"', 'services.jobs.imag: unknown key | did you mean "image"?'],
  ])('refuse { %s }', (lines, problem) => {
    expect(onlyProblem(beside('jobs', lines))).toContain(problem);
  });

  test('are refused where none of them is reached', () => {
    expect(
      onlyProblem('apiVersion: berth/v1\nname: a\nprofile: minimum\nservices: { jobs: { kind: worker, image: "r/a:1" } }\n'),
    ).toContain('4:11 services: expected at least one service of kind web, api or static');
  });

  test('keep the name of their migrations free', () => {
    const text = beside('api-migrate', 'kind: worker, follows: web').replace(
      'uses: [database] }',
      'uses: [database] }\n  api: { kind: api, image: "r/a:1", port: 80, uses: [database], migrate: { command: [up] } }',
    );
    expect(onlyProblem(text)).toContain('the name "api-migrate" is already taken by services.api');
  });

  test('know no time zone before Kubernetes 1.27', () => {
    const text = `${beside('nightly', 'kind: cron, follows: web, schedule: "1 0 * * *", timeZone: Europe/Berlin')}target: kubernetes\nkubernetes: { version: "1.26" }\n`;
    expect(onlyProblem(text)).toContain('services.nightly.timeZone: Kubernetes 1.26 knows no time zones');
    expect(specOf(text.replace('1.26', '1.27')).services).toHaveLength(2);
  });
});

describe('replicas by the clock', () => {
  const scaled = (scaling: string) => beside('api', `kind: api, image: "r/a:1", port: 80, scaling: { max: 4, ${scaling} }`);
  test('are read with their zone', () => {
    expect(specOf(scaled('schedule: [{ at: "0 7 * * *", min: 3 }], timeZone: Europe/Berlin')).services[1]?.scaling?.schedule).toEqual({
      timeZone: 'Europe/Berlin',
      times: [{ cron: '0 7 * * *', min: 3 }],
    });
  });
  test.each([
    ['schedule: [{ at: "0 7 * * *", min: 5 }]', 'scaling.schedule[0].min: 5 replicas at least are more than 4 at most'],
    ['schedule: [{ at: "0 25 * * *", min: 3 }]', 'scaling.schedule[0].at: expected a schedule of five fields'],
    ['schedule: []', 'scaling.schedule: expected at least one time'],
    ['schedule: 5', 'scaling.schedule: expected a list of times'],
    ['timeZone: UTC', 'scaling.timeZone: means nothing without a schedule'],
  ])('are refused as %s', (scaling, problem) => {
    expect(onlyProblem(scaled(scaling))).toContain(problem);
  });
});
