import { beforeAll, describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { lintSite } from '../../../cli/lint-site.ts';
import type { PreparedSite } from '../../../cli/site.ts';
import { fixedDecisions } from '../../../generator/plan/fixed-decisions.ts';
import { prepareHello } from './hello.ts';

const because = 'its framework compiles templates beside its sources';
const bound = "its makers' program binds port 80 as {{what}}";
const set = {
  'services.web.migrate': { command: ['node', 'migrate.js'] },
  'services.web.loosen': { writableRoot: because, NET_BIND_SERVICE: bound },
  'services.jobs': { kind: 'worker', follows: 'web', healthcheck: ['node', 'check.js'], loosen: { writableRoot: because } },
  'services.report': { kind: 'cron', follows: 'web', schedule: '30 2 * * *', loosen: { writableRoot: because } },
};
type Tree = Readonly<Record<string, unknown>>;
const services = (site: PreparedSite): Readonly<Record<string, Tree>> =>
  (parse(site.decision.merged.get('compose.yaml') ?? '') as { services: Record<string, Tree> }).services;
const loosened = ['jobs', 'report', 'web-blue', 'web-green', 'web-migrate-blue', 'web-migrate-green'];

describe('what a spec loosens', () => {
  let compose: PreparedSite;
  let cluster: PreparedSite;
  beforeAll(async () => {
    compose = await prepareHello({ set });
    cluster = await prepareHello({ set, target: 'kubernetes' });
  });

  test('is loosened for that service and its migrations on Compose, and for no other', () => {
    const all = Object.entries(services(compose)).sort(([a], [b]) => (a < b ? -1 : 1));
    expect(all.filter(([, { read_only: root }]) => root !== true).map(([name]) => name)).toEqual(loosened);
    expect(all.filter(([, { cap_add: added }]) => added !== undefined).map(([name, { cap_add: added }]) => [name, added])).toEqual(
      loosened.filter((name) => name.startsWith('web')).map((name) => [name, ['NET_BIND_SERVICE']]),
    );
    for (const [name, one] of all)
      expect(one, name).toMatchObject({
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
        user: expect.stringMatching(/^[1-9]/) as string,
      });
  });

  test('stands with its reason beside it', () => {
    const text = compose.decision.merged.get('compose.yaml') ?? '';
    expect(text).toContain(
      `    # writableRoot is loosened: ${because}\n    # NET_BIND_SERVICE is loosened: ${bound}\n    read_only: false\n`,
    );
  });

  test('is loosened in the container of that service alone in a cluster, where nothing gains rights', () => {
    const found = [...cluster.decision.merged]
      .filter(([path]) => /^k8s\/generated\/[^/]+\.yaml$/.test(path))
      .flatMap(([, text]) => parseAllDocuments(text).map((document) => document.toJS() as Tree))
      .flatMap((object) => containersOf(object));
    const writable = found.filter(({ securityContext }) => securityContext['readOnlyRootFilesystem'] !== true).map(({ name }) => name);
    expect([...new Set(writable)].sort()).toEqual(['jobs', 'report', 'web', 'web-migrate']);
    for (const { name, securityContext } of found)
      expect(securityContext, name).toMatchObject({
        allowPrivilegeEscalation: false,
        capabilities: { drop: ['ALL'], ...(name.startsWith('web') ? { add: ['NET_BIND_SERVICE'] } : {}) },
      });
  });

  test('is said by every plan and every runbook, with its reason', () => {
    for (const { plan, decision } of [compose, cluster]) {
      const notes = plan.notes.filter((note) => note.includes('is loosened'));
      expect(notes).toContain(`the hardening of web is loosened: it can write to its root filesystem, because ${because}`);
      expect(notes).toContain(`the hardening of web is loosened: it has the capability NET_BIND_SERVICE, because ${bound}`);
      expect(notes.map((note) => /hardening of (\S+)/.exec(note)?.[1])).toEqual([
        'web-migrate',
        'web-migrate',
        'web',
        'web',
        'jobs',
        'report',
      ]);
      for (const note of notes) expect(decision.merged.get('SITE.md')?.replaceAll('\\', '')).toContain(note);
    }
  });

  test('is explained by name', () => {
    expect(fixedDecisions(compose.plan).find(({ key }) => key === 'web.loosen.NET_BIND_SERVICE')).toMatchObject({
      value: 'loosened',
      source: `because ${bound}`,
      change: 'services.web.loosen in berth.yaml',
    });
  });

  test('is changed, as all that migrations have, where their application stands: they have no key of their own', () => {
    const ofMigrations = fixedDecisions(compose.plan).filter(({ key }) => key.startsWith('web-migrate.'));
    expect(ofMigrations.find(({ key }) => key.endsWith('.loosen.NET_BIND_SERVICE'))?.change).toBe('services.web.loosen in berth.yaml');
    expect(ofMigrations.find(({ key }) => key.endsWith('.replicas'))?.change).toBe('fixed');
    expect(ofMigrations.map(({ change }) => change).join()).not.toContain('services.web-migrate');
  });

  test('is found by lint and ignored with its reason, and nothing else is open', () => {
    for (const [site, ids] of [
      [compose, ['compose-read-only-root', 'compose-capabilities']],
      [cluster, ['read-only-root', 'capabilities']],
    ] as const) {
      const { findings, ignored } = lintSite(site.plan, site.decision.merged);
      expect(findings).toEqual([]);
      for (const [id, reason] of [
        [ids[0], because],
        [ids[1], bound],
      ])
        expect(ignored).toContainEqual(expect.objectContaining({ id, because: reason }));
    }
  });
});

test('setuid programs gain rights on one host where that is named, and nowhere else', async () => {
  const site = await prepareHello({ set: { 'services.web.loosen': { newPrivileges: 'its printing library calls a setuid program' } } });
  const open = Object.entries(services(site)).filter(([, { security_opt: options }]) => options === undefined);
  expect(open.map(([name]) => name)).toEqual(['web-blue', 'web-green']);
  expect(lintSite(site.plan, site.decision.merged)).toMatchObject({
    findings: [],
    ignored: expect.arrayContaining([expect.objectContaining({ id: 'compose-no-escalation', object: 'service web-blue' })]) as unknown,
  });
});

interface Container {
  readonly name: string;
  readonly securityContext: Readonly<Record<string, unknown>>;
}
/** Every container of an object, however deep it stands. */
function containersOf(node: unknown): readonly Container[] {
  if (typeof node !== 'object' || node === null) return [];
  return Object.entries(node).flatMap(([key, value]) =>
    key === 'containers' || key === 'initContainers' ? (value as Container[]) : containersOf(value),
  );
}
