import { beforeAll, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import type { PreparedSite } from '../../../cli/site.ts';
import { lintSite } from '../../../cli/lint-site.ts';
import { listChecks } from '../../../generator/lint/lint.ts';
import { clusterNeedsOf } from '../../../generator/plan/cluster-needs.ts';
import { rotationOf } from '../../../generator/plan/rotation.ts';
import { checkKubernetesObjects, checkKubernetesSchema } from '../../../generator/render/check-kubernetes-schema.ts';
import { drawAgain, retireBefore } from '../../../generator/io/ledger.ts';
import type { Ledger } from '../../../generator/io/ledger.ts';
import { renderSecretManifests } from '../../../generator/io/secret-manifests.ts';
import { prepareHello, seeded } from './hello.ts';

type Tree = { [key: string]: unknown };
const hello = { profile: 'recommended', target: 'kubernetes' } as const;
const operated = { 'databases.database.operator': 'cloudnative-pg', 'databases.database.topology': 'primary-replica' };
let [site, own]: [PreparedSite | undefined, PreparedSite | undefined] = [undefined, undefined];
beforeAll(async () => {
  site = await prepareHello({ ...hello, set: operated });
  own = await prepareHello({ ...hello, set: { 'databases.database.topology': 'primary-replica' } });
});
const made = (): PreparedSite => site ?? expect.unreachable('not made');
const plain = (): PreparedSite => own ?? expect.unreachable('not made');

const documentsOf = (prepared: PreparedSite, path: string): readonly Tree[] =>
  [parseAllDocuments(prepared.decision.merged.get(path) ?? '')].flat().map((document) => document.toJS() as Tree);
const cluster = (prepared = made()): Tree =>
  documentsOf(prepared, 'k8s/generated/database.yaml').find(({ kind }) => kind === 'Cluster') ?? expect.unreachable('no Cluster');
const at = (value: unknown, ...path: readonly (string | number)[]): unknown =>
  path.reduce<unknown>((found, key) => (found as Tree | undefined)?.[key], value);
const secret = (prepared: PreparedSite, name: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries((documentsOf(prepared, `k8s/secrets/${name}.yaml`)[0]?.['data'] ?? {}) as Record<string, string>).map(([key, value]) => [
      key,
      Buffer.from(value, 'base64').toString(),
    ]),
  );

describe('PostgreSQL run by CloudNativePG', () => {
  test('is told the password of its owner alone: what another login has is none of its business', () => {
    const { plan, ledger } = made();
    const app = plan.secrets.find(({ name }) => name === 'database-app') ?? expect.unreachable('it has no such secret');
    const owner = (kept: Ledger) => {
      const [manifest] = renderSecretManifests(plan, kept, {
        path: 'k8s/secrets/0.yaml',
        content: '',
        mode: 0o600,
        policy: 'secret',
      }).filter(({ path }) => path === 'k8s/secrets/database-owner.yaml');
      const { username = '', password = '' } = (
        parseAllDocuments(manifest?.content ?? '')[0] as { toJS: () => { data: Record<string, string> } }
      ).toJS().data;
      const plainText = Buffer.from(password, 'base64').toString();
      const versions = kept.secrets.get('database-app')?.map((version) => version.reveal()) ?? [];
      return [Buffer.from(username, 'base64').toString(), versions.indexOf(plainText) + 1];
    };
    const random = seeded('owner');
    const rotate = (kept: Ledger) => drawAgain(kept, app, random, new Date('2026-12-01'));
    const second = rotate(ledger);
    const retired = retireBefore(second, 'database-app');
    expect([ledger, second, retired, rotate(retired)].map(owner)).toEqual([
      ['hello', 1],
      ['hello', 1],
      ['hello', 1],
      ['hello', 3],
    ]);
  });

  test('has the size, the disk, the place and the settings that it has without', () => {
    const [stateful] = documentsOf(plain(), 'k8s/generated/database.yaml').filter(({ kind }) => kind === 'StatefulSet');
    const spec = at(cluster(), 'spec');
    const limits = at(stateful, 'spec', 'template', 'spec', 'containers', 0, 'resources', 'limits');
    for (const resource of ['cpu', 'memory']) expect(at(spec, 'resources', 'limits', resource)).toBe(at(limits, resource));
    expect(at(spec, 'storage', 'size')).toBe(at(stateful, 'spec', 'volumeClaimTemplates', 0, 'spec', 'resources', 'requests', 'storage'));
    expect(at(spec, 'priorityClassName')).toBe(at(stateful, 'spec', 'template', 'spec', 'priorityClassName'));
    const settings = [
      ...(plain().decision.merged.get('k8s/generated/config/database/postgresql.conf') ?? '').matchAll(/^([a-z_]+) = '(.*)'$/gm),
    ]
      .map(([, name = '', value = '']) => [name, value])
      // These are the operator's own.
      .filter(
        ([name = '']) =>
          !/^(wal_level|hba_file|listen_addresses|port|unix_socket_directories|log_(destination|timezone)|logging_collector|timezone)$/.test(
            name,
          ),
      );
    expect(Object.entries(at(spec, 'postgresql', 'parameters') as object)).toEqual(settings);
    expect(settings.length).toBeGreaterThan(20);
  });

  test('has two servers where the other has a replica, and one where it has none', async () => {
    expect(at(cluster(), 'spec', 'instances')).toBe(2);
    const single = await prepareHello({ ...hello, set: { ...operated, 'databases.database.topology': 'single' } });
    expect(at(cluster(single), 'spec', 'instances')).toBe(1);
    const [web] = documentsOf(single, 'k8s/secrets/web-secrets.yaml');
    expect(Buffer.from(String(at(web, 'data', 'DATABASE_READ_URL')), 'base64').toString()).toContain('@database-rw:5432/');
  });

  test('is written to and read at the Services that the operator makes, by applications, gates and tasks', () => {
    const web = secret(made(), 'web-secrets');
    expect(web['DATABASE_URL']).toMatch(/^postgres:\/\/hello:\w+@database-rw:5432\/hello$/);
    expect(web['DATABASE_READ_URL']).toMatch(/^postgres:\/\/hello:\w+@database-ro:5432\/hello$/);
    const merged = made().decision.merged;
    expect(merged.get('k8s/generated/database-accounts.yaml')).toMatch(/name: PGHOST\n +value: database-rw\n/);
    expect(merged.get('k8s/generated/web.yaml')).toMatch(/name: PGHOST\n +value: database-rw\n/);
    expect([...merged.values()].join('\n')).not.toMatch(/@database:5432|value: database\n/);
  });

  test('is given the passwords of the ledger, in Secrets of its own', () => {
    const [superuser, owner] = [secret(made(), 'database-superuser'), secret(made(), 'database-owner')];
    expect(superuser['username']).toBe('postgres');
    expect(superuser['password']).toBe(secret(made(), 'database-accounts-secrets')['database-admin']);
    expect(owner['username']).toBe('hello');
    expect(secret(made(), 'web-secrets')['DATABASE_URL']).toContain(`:${owner['password'] ?? '?'}@`);
    expect(at(documentsOf(made(), 'k8s/secrets/database-owner.yaml'), 0, 'metadata', 'labels', 'cnpg.io/reload')).toBe('true');
    expect(rotationOf(made().plan, 'database-admin')).toMatchObject({ possible: true });
  });

  test('has nothing beside it of what runs PostgreSQL without an operator', () => {
    expect(documentsOf(made(), 'k8s/generated/database.yaml').map(({ kind }) => kind)).toEqual(['Cluster', 'NetworkPolicy']);
    const paths = [...made().decision.merged.keys()];
    expect(paths.filter((path) => /config\/database(-replica)?\/|database-replica|database-secrets/.test(path))).toEqual([]);
    const others = (prepared: PreparedSite) =>
      [...prepared.decision.merged.keys()].filter((path) => path.startsWith('k8s/generated/') && !path.includes('database')).sort();
    expect(others(made())).toEqual(others(plain()));
  });

  test('fits the types of its operator, and a field that is none does not', () => {
    expect(checkKubernetesSchema(made().decision.merged.get('k8s/generated/database.yaml') ?? '')).toEqual([]);
    const wrong = structuredClone(cluster()) as { spec: Tree };
    wrong.spec['instnaces'] = 3;
    delete wrong.spec['instances'];
    expect(checkKubernetesObjects([wrong])).toEqual([
      'Cluster database: spec.instnaces: there is no such field',
      'Cluster database: spec.instances: missing',
    ]);
  });

  test('asks a cluster for the operator, for two pods and two claims, and for the right to make one', () => {
    const needs = clusterNeedsOf(made().plan);
    expect(needs.apis).toContainEqual({
      group: 'postgresql.cnpg.io',
      version: 'v1',
      kind: 'Cluster',
      why: 'databases with operator: cloudnative-pg',
    });
    expect(needs.workloads.filter(({ name }) => name.startsWith('database'))).toMatchObject([
      { name: 'database', replicas: 2, surge: 0 },
      { name: 'database-accounts' },
    ]);
    expect(needs.volumes.filter(({ name }) => name.startsWith('database'))).toMatchObject([
      { name: 'database-1', uid: 26 },
      { name: 'database-2' },
    ]);
    expect(needs.rights).toContainEqual({ verb: 'create', group: 'postgresql.cnpg.io', resource: 'clusters', namespaced: true });
  });

  test('comes from the registry that the overlay names, as all others do', () => {
    const { plan, decision } = made();
    const overlay = decision.merged.get('k8s/site/kustomization.yaml') ?? '';
    expect(overlay).toContain('configurations:\n  - images.yaml\n');
    const images = '\nimages: [{ name: ghcr.io/cloudnative-pg/postgresql, newName: registry.local/postgresql, newTag: latest }]\n';
    const { findings } = lintSite(plan, new Map([...decision.merged, ['k8s/site/kustomization.yaml', overlay + images]]));
    expect(findings.map(({ id, found }) => `${id} ${found}`)).toEqual(['operated-image registry.local/postgresql:latest']);
  });

  test('has a runbook that finds the server that is written to, and says what was not tried', () => {
    const text = made().decision.merged.get('SITE.md') ?? '';
    expect(text).toContain('cnpg.io/instanceRole=primary -o name) -c postgres -- sh -c ');
    expect(text).toContain('has not been applied to a cluster yet');
    expect(text).not.toContain('scale statefulset/database');
  });
});

/** One fault for each check of an operator. */
const faults: Readonly<Record<string, (text: string) => string>> = {
  'operated-memory': (text) => text.replace(/(limits:\n +cpu: .*\n +memory: ).*/, '$164Gi'),
  'operated-image': (text) => text.replace(/(imageName: [^:]*:).*/, '$1latest'),
  'operated-apart': (text) => text.replace('enablePDB: true', 'enablePDB: false'),
  'operated-flows': (text) =>
    text.replace(/matchLabels:\n {6}cnpg\.io\/cluster: database\n {2}policyTypes/, 'matchLabels:\n      a: b\n  policyTypes'),
  'operated-secrets': (text) => text.replace('name: database-owner', 'name: database-owners'),
};

describe('the checks of an operator', () => {
  test('find nothing in a site as it is written, and have a fault each that shows them work', () => {
    expect(lintSite(made().plan, made().decision.merged)).toMatchObject({ findings: [], ignored: [] });
    expect(Object.keys(faults).sort()).toEqual(
      listChecks()
        .flatMap(({ id }) => (id.startsWith('operated-') ? [id] : []))
        .sort(),
    );
  });

  test.each(Object.entries(faults))('%s is found, and nothing else', (id, spoil) => {
    const { plan, decision } = made();
    const path = 'k8s/generated/database.yaml';
    const before = decision.merged.get(path) ?? '';
    const after = spoil(before);
    expect(after).not.toBe(before);
    expect(lintSite(plan, new Map([...decision.merged, [path, after]])).findings.map((finding) => finding.id)).toEqual([id]);
  });
});
