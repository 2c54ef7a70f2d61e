import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { run } from '../lab/process.ts';
import { until } from '../lab/until.ts';
import { ClusterSite } from './cluster-site.ts';

interface Template {
  readonly metadata: { readonly labels: Record<string, string> };
  readonly spec: Record<string, unknown> & {
    readonly containers: readonly (Record<string, unknown> & { readonly securityContext: object; readonly resources: object })[];
  };
}
/** The pods of a Deployment that Berth wrote, with one thing of them changed. */
interface Row {
  readonly what: string;
  readonly change: (spec: Template['spec']) => Template['spec'];
  readonly said: RegExp;
}
const container = (spec: Template['spec'], more: object): Template['spec'] => ({
  ...spec,
  containers: spec.containers.map((one) => ({ ...one, ...more })),
});
const secured = (spec: Template['spec'], more: object): Template['spec'] => ({
  ...spec,
  containers: spec.containers.map((one) => ({ ...one, securityContext: { ...one.securityContext, ...more } })),
});

const rows: readonly Row[] = [
  { what: 'as root', change: (spec) => secured(spec, { runAsUser: 0 }), said: /running with the root UID is forbidden/ },
  {
    what: 'with privileges',
    change: (spec) => secured(spec, { privileged: true, allowPrivilegeEscalation: true }),
    said: /Privileged containers are not allowed/,
  },
  {
    what: 'that may gain privileges',
    change: (spec) => secured(spec, { allowPrivilegeEscalation: true }),
    said: /Allowing privilege escalation/,
  },
  {
    what: 'with a capability',
    change: (spec) => secured(spec, { capabilities: { drop: ['ALL'], add: ['SYS_ADMIN'] } }),
    said: /capability may not be added/,
  },
  { what: 'in the network of its node', change: (spec) => ({ ...spec, hostNetwork: true }), said: /Host network is not allowed/ },
  {
    what: 'with a port of its node',
    change: (spec) => container(spec, { ports: [{ containerPort: 8080, hostPort: 80 }] }),
    said: /Host port 80 is not allowed/,
  },
  {
    what: 'with a folder of its node',
    change: (spec) => ({
      ...spec,
      volumes: [...((spec['volumes'] ?? []) as readonly object[]), { name: 'node', hostPath: { path: '/' } }],
    }),
    said: /hostPath volumes are not allowed/,
  },
  {
    what: 'without a seccomp profile',
    change: ({ securityContext, ...spec }) => ({
      ...spec,
      securityContext: { ...(securityContext as object), seccompProfile: { type: 'Unconfined' } },
    }),
    said: /unconfined is not an allowed seccomp profile/,
  },
  {
    what: 'larger than any of the site',
    change: (spec) => container(spec, { resources: { requests: { cpu: '10m', memory: '900Gi' }, limits: { cpu: '1', memory: '900Gi' } } }),
    said: /maximum memory usage per Container is/,
  },
  {
    what: 'with an account that is not there',
    change: (spec) => ({ ...spec, serviceAccountName: 'nobody' }),
    said: /serviceaccount "nobody" not found/,
  },
  {
    what: 'of a priority that is not there',
    change: (spec) => ({ ...spec, priorityClassName: 'urgent' }),
    said: /no PriorityClass with name urgent/,
  },
];

describe('the server of these tests, which is older than Pod Security admission, refuses by policies of its own', () => {
  let site: ClusterSite;
  let template: Template;
  const refusalOf = (name: string): Promise<string> =>
    until(
      async () => (await site.all('events')).find((one) => one.reason === 'FailedCreate' && one.message?.includes(name))?.message,
      `a refusal of ${name}`,
      { seconds: 60, everyMs: 500 },
    );
  const deploy = (name: string, spec: Template['spec'], replicas = 1): Promise<string> => {
    const labels = { app: name };
    const deployment = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name, namespace: 'refused' },
      spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
    };
    return run(['kubectl', '--kubeconfig', inject('cluster').admin, 'apply', '--validate=false', '-f', '-'], {
      input: JSON.stringify(deployment),
    });
  };

  beforeAll(async () => {
    site = await ClusterSite.create(inject('cluster'), 'refused', '--profile', 'minimum');
    await site.applied();
    await site.untilPodsAreMade();
    const app = (await site.all('deployments')).find(({ metadata }) => metadata.name === 'web-blue');
    template = app?.spec?.['template'] as Template;
  });
  afterAll(() => site?.[Symbol.asyncDispose]());

  test.each(rows.map((row, index) => ({ ...row, name: `row-${index}` })))('a pod $what', async ({ name, change, said }) => {
    await deploy(name, change(template.spec));
    expect(await refusalOf(`"${name}-`).catch(() => refusalOf(name))).toMatch(said);
  });

  test('pods beyond the quota', async () => {
    const { length } = await site.all('pods');
    await deploy('too-many', template.spec, 60);
    expect(await refusalOf('too-many')).toMatch(/exceeded quota: site/);
    expect((await site.all('pods')).length).toBeGreaterThan(length);
  });
});
