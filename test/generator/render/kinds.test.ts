import { beforeAll, describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import type { PreparedSite } from '../../../cli/site.ts';
import { checkComposeSchema } from '../../../generator/render/check-compose-schema.ts';
import { checkKubernetesSchema } from '../../../generator/render/check-kubernetes-schema.ts';
import { byTheClock, everyKind, prepareHello } from './hello.ts';

type Tree = Readonly<Record<string, unknown>>;
const made = (site: PreparedSite | undefined): PreparedSite => site ?? expect.unreachable('not made');
const at = (node: unknown, ...path: readonly (string | number)[]): unknown =>
  path.reduce<unknown>((inner, key) => (inner as Record<string | number, unknown> | undefined)?.[key], node);

describe('services of every kind, on Compose,', () => {
  let site: PreparedSite | undefined;
  beforeAll(async () => {
    site = await prepareHello({ set: everyKind });
  });
  const text = () => made(site).decision.merged.get('compose.yaml') ?? '';
  const service = (name: string): Tree => (parse(text()) as { services: Record<string, Tree> }).services[name] ?? expect.unreachable(name);

  test('fit the schema', () => {
    expect(checkComposeSchema(text())).toEqual([]);
  });

  test('run the image that release.yaml says, as .env hands it over', () => {
    expect(service('jobs')['image']).toBe('${JOBS_IMAGE}');
    const env = made(site).decision.merged.get('.env') ?? '';
    for (const name of ['JOBS', 'REPORT', 'WEB_MIGRATE_BLUE', 'WEB_BLUE'])
      expect(env).toMatch(new RegExp(`^${name}_IMAGE=berth/hello:0\\.1\\.0$`, 'm'));
    expect(env).toMatch(/^MAIL_VERSION=1\.0\.0$/m);
  });

  test('wait for the migrations of their own slot, of which only one is run', () => {
    for (const slot of ['blue', 'green']) {
      expect(Object.keys(service(`web-${slot}`)['depends_on'] as object)).toContain(`web-migrate-${slot}`);
      expect(service(`web-migrate-${slot}`)).toMatchObject({
        restart: 'no',
        profiles: [slot],
        command: ['node', 'migrate.js', "it's $$HOME"],
      });
    }
    const env = made(site).decision.merged.get('.env') ?? '';
    expect(env).toMatch(/^WEB_MIGRATE_BLUE_REPLICAS=1$/m);
    expect(env).toMatch(/^WEB_MIGRATE_GREEN_REPLICAS=0$/m);
    expect(JSON.stringify(service('edge')['depends_on'])).not.toContain('migrate');
  });

  test('have a name behind the edge when they are served, and none otherwise', () => {
    const nginx = made(site).decision.merged.get('config/edge/nginx.conf') ?? '';
    expect(nginx).toContain('location "/pages/"');
    expect(nginx).not.toMatch(/jobs|mail|report/);
  });

  test('may reach only what they use', () => {
    expect(service('jobs')['networks']).toEqual(['data']);
    expect(service('mail')['networks']).toEqual(['app']);
    expect(service('pages-blue')['networks']).toEqual(['app']);
  });
});

describe('services of every kind, on Kubernetes,', () => {
  let site: PreparedSite | undefined;
  beforeAll(async () => {
    site = await prepareHello({ set: everyKind, target: 'kubernetes' });
  });
  const objects = (name: string): readonly Tree[] =>
    [parseAllDocuments(made(site).decision.merged.get(`k8s/generated/${name}.yaml`) ?? '')]
      .flat()
      .map((document) => document.toJS() as Tree);
  const object = (file: string, kind: string): Tree =>
    objects(file).find((one) => one['kind'] === kind) ?? expect.unreachable(`${kind} in ${file}`);

  test('fit the schema', () => {
    for (const file of ['web', 'web-migrate', 'jobs', 'mail', 'report', 'pages'])
      expect(checkKubernetesSchema(made(site).decision.merged.get(`k8s/generated/${file}.yaml`) ?? '')).toEqual([]);
  });

  test('are a Deployment without a Service when nobody calls them', () => {
    expect(objects('jobs').map(({ kind }) => kind)).toEqual(['ServiceAccount', 'Deployment', 'PodDisruptionBudget', 'NetworkPolicy']);
    expect(at(object('jobs', 'Deployment'), 'spec', 'template', 'spec', 'containers', 0)).toMatchObject({
      args: ['node', 'jobs.js'],
      livenessProbe: { exec: { command: ['node', 'check.js'] } },
    });
  });

  test('run at their times, one at a time, and not for ever', () => {
    expect(object('report', 'CronJob')['spec']).toMatchObject({
      schedule: '30 2 * * mon',
      timeZone: 'Europe/Berlin',
      concurrencyPolicy: 'Forbid',
      jobTemplate: { spec: { activeDeadlineSeconds: 7200, template: { spec: { restartPolicy: 'Never' } } } },
    });
  });

  test('migrate before they start, and write down that they did', () => {
    const pod = at(object('web-migrate', 'Job'), 'spec', 'template', 'spec');
    expect((at(pod, 'initContainers') as readonly Tree[]).map(({ name }) => name)).toEqual([
      'wait-for-database',
      'wait-for-files',
      'web-migrate',
    ]);
    expect((at(pod, 'containers') as readonly Tree[]).map(({ name }) => name)).toEqual(['write-down']);
    const [blue, green] = objects('web').filter(({ kind }) => kind === 'Deployment');
    const waits = (deployment: Tree | undefined) =>
      (at(deployment, 'spec', 'template', 'spec', 'initContainers') as readonly Tree[]).map(({ name }) => name);
    expect(waits(blue)).toContain('wait-for-migrations');
    expect(waits(green)).not.toContain('wait-for-migrations');
  });

  test('are let out only to what they use', () => {
    const policy = (file: string) => JSON.stringify(at(object(file, 'NetworkPolicy'), 'spec', 'egress'));
    expect(at(object('mail', 'NetworkPolicy'), 'spec', 'policyTypes')).toContain('Egress');
    expect(policy('mail')).toBe(undefined);
    expect(policy('jobs')).toContain('"port":5432');
    expect(policy('report')).not.toContain('"port":6379');
    expect(JSON.stringify(object('database', 'NetworkPolicy'))).toContain('web-migrate');
  });
});

describe('replicas that follow the clock', () => {
  let site: PreparedSite | undefined;
  beforeAll(async () => {
    site = await prepareHello({ set: byTheClock, target: 'kubernetes' });
  });
  const objects = (name: string): readonly Tree[] =>
    [parseAllDocuments(made(site).decision.merged.get(`k8s/generated/${name}.yaml`) ?? '')]
      .flat()
      .map((document) => document.toJS() as Tree);

  test('are those of the last time: the manifests of the autoscalers name no fewest', () => {
    const scalers = objects('web').filter(({ kind }) => kind === 'HorizontalPodAutoscaler');
    expect(scalers).toHaveLength(2);
    for (const scaler of scalers) {
      expect(at(scaler, 'spec', 'maxReplicas')).toBe(6);
      expect(scaler['spec']).not.toHaveProperty('minReplicas');
    }
  });

  test('are changed at each time by a job that may do nothing else', () => {
    for (const [index, schedule] of ['0 7 * * 1-5', '0 19 * * 1-5'].entries()) {
      const [account, role, binding, job, policy] = objects(`web-scale-${index + 1}`);
      expect([account, role, binding, job, policy].map((one) => one?.['kind'])).toEqual([
        'ServiceAccount',
        'Role',
        'RoleBinding',
        'CronJob',
        'NetworkPolicy',
      ]);
      expect(role?.['rules']).toEqual([
        {
          apiGroups: ['autoscaling'],
          resources: ['horizontalpodautoscalers'],
          resourceNames: ['web-blue', 'web-green'],
          verbs: ['get', 'patch'],
        },
      ]);
      expect(job?.['spec']).toMatchObject({ schedule, timeZone: 'Europe/Berlin' });
      const pod = at(job, 'spec', 'jobTemplate', 'spec', 'template', 'spec');
      expect(at(pod, 'automountServiceAccountToken')).toBe(true);
      expect(at(pod, 'containers', 0, 'command', 4)).toBe(`{"spec":{"minReplicas":${index === 0 ? 4 : 2}}}`);
      expect(JSON.stringify(at(policy, 'spec', 'egress'))).toMatch(/"port":443\}.*"port":6443\}/);
    }
  });

  test('begin with the number of the spec, which a later apply does not bring back', () => {
    const job = objects('web-scale').find(({ kind }) => kind === 'Job');
    expect(JSON.parse(at(job, 'spec', 'template', 'spec', 'containers', 0, 'command', 4) as string)).toEqual([
      { op: 'test', path: '/spec/minReplicas', value: 1 },
      { op: 'replace', path: '/spec/minReplicas', value: 2 },
    ]);
  });

  test('fit the schema, and mean nothing on one host', async () => {
    for (const file of ['web', 'web-scale', 'web-scale-1'])
      expect(checkKubernetesSchema(made(site).decision.merged.get(`k8s/generated/${file}.yaml`) ?? '')).toEqual([]);
    const { plan } = await prepareHello({ set: byTheClock });
    expect(plan.services.map(({ name }) => name).filter((name) => name.includes('scale'))).toEqual([]);
    expect(plan.notes.join('\n')).toContain('services.web.scaling is not acted on');
  });
});

test('a site whose list is not held is told so each time it is written, and one whose list is, or whose cluster holds it, is not', async () => {
  const of = async (places: readonly string[], target: 'compose' | 'kubernetes') =>
    (await prepareHello({ target, set: { 'services.web.egress': places } })).notices.filter((notice) => notice.includes('way out'));
  expect(await of(['hooks.corp.example:443', '10.4.0.0/16:5432'], 'compose')).toEqual([
    'the way out of web is open as a whole in spite of its list, as 10.4.0.0/16 cannot be led to by a name: write one',
  ]);
  expect(await of(['hooks.corp.example:443'], 'compose')).toEqual([]);
  expect(await of(['10.4.0.0/16:5432'], 'kubernetes')).toEqual([]);
});
