import { describe, expect, test } from 'vitest';
import { ConfigError, readConfig } from '../../../examples/hello/app/config.ts';

const complete = {
  PORT: '8080',
  DATABASE_URL: 'postgres://hello:s3cr3t@database:5432/hello',
  DATABASE_POOL_SIZE: '12',
  REDIS_URL: 'redis://hello:s3cr3t@cache:6379/0',
  S3_ENDPOINT: 'http://storage:9000',
  S3_REGION: 'site-1',
  S3_ACCESS_KEY: 'AK',
  S3_SECRET_KEY: 's3cr3t',
  S3_BUCKET: 'hello',
  APP_VERSION: '1.4.0',
  BERTH_SLOT: 'blue',
  BERTH_DOMAIN: 'hello.example.org',
};

function problemsOf(environment: Record<string, string | undefined>): readonly string[] {
  try {
    readConfig(environment);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

test('a complete environment becomes a configuration', () => {
  expect(readConfig(complete)).toMatchObject({
    port: 8080,
    version: '1.4.0',
    slot: 'blue',
    database: { url: complete.DATABASE_URL, poolSize: 12 },
    s3: { bucket: 'hello', region: 'site-1' },
  });
  expect(readConfig(complete).s3.endpoint.port).toBe('9000');
});

test('only the port has a default', () => {
  expect(readConfig({ ...complete, PORT: undefined }).port).toBe(3000);
});

test.each(Object.keys(complete).filter((name) => name !== 'PORT'))('a missing %s is the one problem, and is named', (name) => {
  expect(problemsOf({ ...complete, [name]: undefined })).toEqual([`${name} is missing`]);
  expect(problemsOf({ ...complete, [name]: '  ' })).toEqual([`${name} is missing`]);
});

test.each([
  ['PORT', '80a', 'must be a whole number from 0 to 65535'],
  ['PORT', '65536', 'must be a whole number from 0 to 65535'],
  ['DATABASE_POOL_SIZE', '0', 'must be a whole number from 1 to 1000'],
  ['DATABASE_POOL_SIZE', '2.5', 'must be a whole number from 1 to 1000'],
  [
    'DATABASE_URL',
    'mongodb://hello:s3cr3t@database/hello',
    'must be a URL that starts with postgres:// or postgresql:// or mysql:// or mariadb://',
  ],
  ['REDIS_URL', 'cache:6379', 'must be a URL that starts with redis:// or rediss://'],
  ['S3_ENDPOINT', 'storage:9000', 'must be a URL that starts with http:// or https://'],
  ['BERTH_SLOT', 'purple', 'must be blue or green'],
])('%s=%s is refused with what it must be', (name, value, must) => {
  expect(problemsOf({ ...complete, [name]: value })).toEqual([`${name} ${must}`]);
});

test('every problem is told at once, and none repeats a value', () => {
  const problems = problemsOf({ DATABASE_URL: 'mongodb://hello:s3cr3t@database/hello', S3_SECRET_KEY: 's3cr3t', PORT: 's3cr3t' });
  expect(problems).toHaveLength(11);
  expect(problems.join()).not.toContain('s3cr3t');
});

describe('a cache of several nodes', () => {
  const nodes = { REDIS_CLUSTER_NODES: 'node-0:6379,node-1.nodes.svc:6380', REDIS_USERNAME: 'app', REDIS_PASSWORD: 's3cr3t' };
  const { REDIS_URL: _, ...others } = complete;

  test('is told by its nodes in place of a URL', () => {
    expect(readConfig({ ...others, ...nodes }).redis).toEqual({
      nodes: [
        { host: 'node-0', port: 6379 },
        { host: 'node-1.nodes.svc', port: 6380 },
      ],
      username: 'app',
      password: 's3cr3t',
      tls: false,
    });
    expect(readConfig({ ...others, ...nodes, REDIS_TLS: 'verify' }).redis).toMatchObject({ tls: true });
  });

  test('needs an account, and a list that can be read', () => {
    expect(problemsOf({ ...others, REDIS_CLUSTER_NODES: 'node-0:6379,node-1' })).toEqual([
      'REDIS_CLUSTER_NODES must be a list of host:port, with commas between them',
      'REDIS_USERNAME is missing',
      'REDIS_PASSWORD is missing',
    ]);
  });
});
