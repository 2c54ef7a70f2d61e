import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

interface Answer {
  readonly success: boolean;
  readonly data?: unknown;
  readonly error?: { readonly issues: readonly unknown[] };
}
interface Schemas {
  readonly chains: boolean;
  readonly spec: (value: unknown) => Answer;
  readonly release: (value: unknown) => Answer;
}

async function schemas(): Promise<Schemas> {
  const { writtenSpec } = await import('../../model/written-spec.ts');
  const { writtenRelease } = await import('../../model/release.ts');
  return {
    chains: 'superRefine' in writtenSpec,
    spec: (value) => writtenSpec.safeParse(value),
    release: (value) => writtenRelease.safeParse(value),
  };
}

const good = {
  apiVersion: 'berth/v1',
  name: 'my-site',
  profile: 'recommended',
  target: 'compose',
  domain: 'app.example.com',
  network: '10.201.4.0/22',
  host: { cpus: 16, memory: '64Gi', disk: '1Ti', fit: true },
  services: {
    web: {
      kind: 'web',
      image: 'registry.example/app:1.4.2',
      build: './app',
      port: 3000,
      runtime: 'node',
      user: '10001:10001',
      replicas: 2,
      cpu: '500m',
      memory: '1Gi',
      pool: 10,
      live: '/livez',
      stopGrace: '30s',
      uses: { database: 'DATABASE_URL' },
      env: { A: 'b' },
      secrets: { KEY: { length: 32, deliver: 'file' } },
      writable: ['/data'],
      egress: true,
      routes: [{ path: '/', rateLimit: { rate: '20/s', burst: 5 }, body: '25Mi', timeout: '60s', stream: false }],
    },
  },
  databases: { database: { engine: 'postgres', name: 'app' } },
  caches: { cache: { engine: 'valkey', use: 'cache' } },
  stores: { files: { engine: 'minio', buckets: { notes: { versioning: true } } } },
  edge: { http: 80, https: 443, connections: 100, hsts: false },
};
const release = {
  apiVersion: 'berth/v1',
  services: { web: { blue: { image: 'registry.example/app:1.4.2', weight: 100, replicas: 2 }, green: { image: 'a:1', weight: 0 } } },
};

/** Every place of a value, as the keys that lead there. */
const places = (value: unknown, path: readonly string[] = []): readonly (readonly string[])[] => [
  path,
  ...(typeof value === 'object' && value !== null ? Object.entries(value).flatMap(([key, inner]) => places(inner, [...path, key])) : []),
];

function changed(value: unknown, [key, ...rest]: readonly string[], to: unknown): unknown {
  if (key === undefined) return to;
  const copy = structuredClone(value) as Record<string, unknown>;
  copy[key] = changed(copy[key], rest, to);
  return copy;
}

const odd = fc.oneof(
  fc.constantFrom<unknown>(
    undefined,
    null,
    '',
    'latest',
    'x:latest',
    '0',
    '/',
    '//',
    'a b',
    '../x',
    -1,
    0,
    1.5,
    65_536,
    2 ** 53,
    true,
    [],
    {},
    { strange: 1 },
    ['a'],
    { 'Bad Key': {} },
    '10001:0',
    'edge',
    'postgres',
    '12Gi',
    '5m',
    '999/s',
  ),
  fc.anything({ maxDepth: 2 }),
);

describe('the schemas in the built program', () => {
  let whole: Schemas;
  let slim: Schemas;
  beforeAll(async () => {
    whole = await schemas();
    vi.resetModules();
    vi.doMock('zod', () => import('../../scripts/slim-zod.ts'));
    slim = await schemas();
  });
  afterAll(() => {
    vi.doUnmock('zod');
    vi.resetModules();
  });

  const told = ({ success, data, error }: Answer): unknown =>
    JSON.parse(
      JSON.stringify({ success, data, issues: error?.issues ?? [] }, (_, value: unknown) =>
        typeof value === 'bigint' ? String(value) : value,
      ),
    );

  test('are made by the small edition', () => {
    expect([whole.chains, slim.chains]).toEqual([true, false]);
  });

  test('take what the sources take', () => {
    expect(slim.spec(good)).toMatchObject({ success: true });
    expect(told(slim.spec(good))).toEqual(told(whole.spec(good)));
    expect(told(slim.release(release))).toEqual(told(whole.release(release)));
  });

  test('find what the sources find, in the same words', () => {
    for (const [kind, start] of [
      ['spec', good],
      ['release', release],
    ] as const)
      fc.assert(
        fc.property(fc.constantFrom(...places(start)), odd, (place, value) => {
          const spoilt = changed(start, place, value);
          expect(told(slim[kind](spoilt))).toEqual(told(whole[kind](spoilt)));
        }),
        { numRuns: 1500 },
      );
  });
});
