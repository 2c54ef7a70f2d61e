import { describe, expect, test } from 'vitest';
import { rotationOf } from '../../../generator/plan/rotation.ts';
import type { Rotation } from '../../../generator/plan/rotation.ts';
import { secretUses } from '../../../generator/plan/secret-uses.ts';
import type { Plan } from '../../../model/plan.ts';
import { bigHost, databaseOf, everyKind, helloPlan, smallHost, toBucket } from '../render/hello.ts';

const set = { 'services.web.secrets': { SESSION_KEY: { length: 64, deliver: 'env' }, TOKEN: { length: 32, deliver: 'file' } } };
const plan = helloPlan({ target: 'compose', profile: 'minimum', host: smallHost, set });
const cluster = helloPlan({ target: 'kubernetes', profile: 'minimum', host: smallHost, set });
const usesOf = (secret: string) => secretUses(plan, secret).map(({ service, by, place, form }) => `${service.name} ${by} ${place} ${form}`);

describe('the users of a secret', () => {
  test('are those who receive it, by variable or by file, in whatever form', () => {
    expect(usesOf('database-app')).toEqual([
      'web variable DATABASE_URL plain',
      'web variable DATABASE_READ_URL plain',
      'database-accounts file /run/secrets/database-verifier scram-sha-256',
      'database-accounts file /run/secrets/database-verifier-second scram-sha-256',
    ]);
    expect(usesOf('cache-app')).toEqual(['web variable REDIS_URL plain', 'cache file /run/secrets/cache-acl sha256']);
    expect(usesOf('web-TOKEN')).toEqual([expect.stringMatching(/^web file \/run\/secrets\/\S+ plain$/)]);
    expect(usesOf('nobody')).toEqual([]);
  });

  test('are found for every secret of a plan', () => {
    for (const { name } of plan.secrets) expect(usesOf(name), name).not.toEqual([]);
  });
});

const possible = (rotation: Rotation) => {
  if (!rotation.possible) throw new Error(rotation.because);
  return rotation;
};

describe('drawing a secret anew', () => {
  test('is refused for what an engine takes on an empty volume only', () => {
    expect(rotationOf(plan, 'database-admin')).toMatchObject({
      possible: false,
      because: expect.stringMatching(/^database takes it while its volume is empty/) as string,
    });
  });

  test('is refused for what nobody uses', () => {
    expect(rotationOf(plan, 'old-app')).toMatchObject({
      possible: false,
      because: expect.stringContaining('nothing of the site uses it') as string,
    });
  });

  test('of who signs backups is brought to agents in a cluster first, which on one host see it by themselves', () => {
    const copied = (target: 'compose' | 'kubernetes') => helloPlan({ target, profile: 'minimum', host: smallHost, set: toBucket.set });
    expect(possible(rotationOf(copied('kubernetes'), 'backup-signer')).short).toEqual([
      'kubectl apply -f k8s/secrets && kubectl apply -k k8s/site',
      'berth backup now',
      'berth kit export --into FOLDER',
    ]);
    expect(possible(rotationOf(copied('compose'), 'backup-signer')).short[0]).toBe('berth backup now');
  });

  test('is refused for a user of whom nothing is known', () => {
    const agent: Plan = {
      ...plan,
      services: plan.services.map((service) => (service.name === 'cache' ? { ...service, role: 'somebody' as never } : service)),
    };
    expect(rotationOf(agent, 'cache-app')).toMatchObject({ possible: false, because: expect.stringMatching(/^cache uses it/) as string });
  });

  test('of an account goes through the empty slot', () => {
    const { gentle, short, lossless, effect } = possible(rotationOf(plan, 'database-app'));
    expect(lossless).toBe(true);
    expect(effect).toBe('database-accounts makes it known to its engine, which lets the old one in as well until it is retired');
    expect(short).toEqual(['berth secrets retire database-app', 'docker compose up -d --wait']);
    expect(gentle?.[0]).toMatch(/^in release\.yaml, fill green of web with `\{ image: \S+, replicas: 1, weight: 0 \}`/);
    // What it depends on goes first: the task that changes the account.
    expect(gentle?.[1]).toBe('docker compose up -d --wait web-green');
    expect(gentle?.[2]).toContain('web the weights blue 0 and green 100');
    expect(gentle?.[3]).toBe('docker compose up -d --wait');
    // The old one goes when nobody has it any more.
    expect(gentle?.slice(5)).toEqual(['berth secrets retire database-app', 'docker compose up -d --wait']);
  });

  test.each([
    ['mysql', true],
    ['mariadb', true],
    ['mongodb', false],
    ['sqlserver', false],
  ] as const)('of an account of %s loses nothing: %s', (engine, lossless) => {
    const other = helloPlan({ host: bigHost, set: databaseOf(engine) });
    const rotation = possible(rotationOf(other, 'database-app'));
    expect(rotation.lossless).toBe(lossless);
    expect(rotation.gentle?.includes('berth secrets retire database-app')).toBe(lossless);
    if (!lossless) expect(rotation.effect).toContain('new ones with the old secret are refused from then on');
  });

  test('of a store says that its engine knows one version only', () => {
    expect(possible(rotationOf(plan, 'files-app'))).toMatchObject({ lossless: false, short: ['docker compose up -d --wait'] });
    expect(possible(rotationOf(plan, 'web-SESSION_KEY')).lossless).toBe(true);
  });

  test('of an application’s own secret says what is lost with the old one', () => {
    const { gentle, effect } = possible(rotationOf(plan, 'web-SESSION_KEY'));
    expect(gentle?.[1]).toBe('docker compose up -d --wait web-green');
    expect(effect).toContain('what was signed or encrypted with the old one is no longer understood');
  });

  test('of an engine that starts anew has no way without a gap, and says so', () => {
    const { gentle, effect } = possible(rotationOf(plan, 'cache-app'));
    expect(gentle).toBeUndefined();
    expect(effect).toMatch(/^cache starts anew with it/);
    expect(possible(rotationOf(plan, 'files-root')).effect).toMatch(/^files starts anew/);
  });

  test('goes through no slot while both have traffic', () => {
    const [[name, [blue]]] = [...plan.release] as unknown as [[string, [object]]];
    const both = {
      ...plan,
      release: new Map([
        [
          name,
          [
            { ...blue, weight: 50 },
            { ...blue, slot: 'green', weight: 50 },
          ],
        ],
      ]),
    } as unknown as Plan;
    expect(possible(rotationOf(both, 'database-app')).gentle).toBeUndefined();
  });

  test('in a cluster is an apply, which replaces the pods one by one', () => {
    const apply = 'kubectl apply -f k8s/secrets && kubectl apply -k k8s/site';
    expect(possible(rotationOf(cluster, 'web-SESSION_KEY')).short).toEqual([apply]);
    const namespace = cluster.kubernetes?.namespace ?? '';
    expect(possible(rotationOf(cluster, 'database-app'))).toMatchObject({
      short: ['berth secrets retire database-app', apply],
      gentle: [apply, `kubectl -n ${namespace} rollout status deployment/web-blue`, 'berth secrets retire database-app', apply],
      lossless: true,
    });
    expect(rotationOf(cluster, 'database-admin').possible).toBe(false);
  });
});

test('a secret that the operator supplies is changed in its file', () => {
  const supplied = helloPlan({ set: { 'services.web.secrets': { API_KEY: { supplied: true } } } });
  expect(rotationOf(supplied, 'web-API_KEY')).toMatchObject({
    possible: false,
    instead: 'write the new one into secrets/supplied/web-API_KEY, then run `berth generate`',
  });
});

test('an application with migrations and workers is rotated through its empty slot all the same', () => {
  const all = helloPlan({ host: bigHost, set: everyKind });
  const gentle = possible(rotationOf(all, 'database-app')).gentle ?? [];
  expect(gentle.join('\n')).toContain('docker compose up -d --wait web-green');
  expect(gentle.join('\n')).not.toContain('jobs');
});
