import { describe, expect, test } from 'vitest';
import { hello, onlyProblem, specOf } from './specs.ts';

const files = (lines: string, more = ''): string =>
  hello.replace('{ engine: minio, buckets: { uploads: {} } }', `{ engine: minio, ${lines} }`) + more;
const rule = (...rules: readonly string[]): string => files(`buckets: { uploads: { lifecycle: [${rules.join(', ')}] } }`);

describe('what expires in a bucket', () => {
  test('is counted in days, for all objects or for some', () => {
    const spec = specOf(rule('{ prefix: tmp/, expireAfter: 1d }', '{ expireVersionsAfter: 90d, expireAfter: 48h }'));
    expect(spec.stores[0]?.buckets[0]?.lifecycle).toEqual([
      { prefix: 'tmp/', expire: 1 },
      { prefix: '', expire: 2, expireVersions: 90 },
    ]);
  });

  test.each([
    [rule('{ prefix: tmp/ }'), 'lifecycle[0]: nothing expires by this rule'],
    [rule('{ expireAfter: 36h }'), 'lifecycle[0].expireAfter: expected whole days, such as 30d'],
    [rule('{ expireAfter: soon }'), 'lifecycle[0].expireAfter: expected'],
    [rule('{ prefix: "a b", expireAfter: 1d }'), 'lifecycle[0].prefix: expected the beginning of a key'],
    [rule('{ expireAfter: 1d }', '{ expireAfter: 2d }'), 'lifecycle[1]: two rules are for all objects'],
    [files('buckets: { uploads: { versioning: false, lifecycle: [{ expireVersionsAfter: 1d }] } }'), 'this bucket keeps no versions'],
    [
      files('external: { host: s3.example.com, accessKey: a }, buckets: { uploads: { lifecycle: [{ expireAfter: 1d }] } }'),
      'uploads.lifecycle: means nothing for a server that stands elsewhere',
    ],
  ])('is refused as %s', (text, problem) => {
    expect(onlyProblem(text)).toContain(problem);
  });
});

test('SeaweedFS is one node', () => {
  const cluster = 'target: kubernetes\n';
  expect(onlyProblem(files('nodes: 4, buckets: { uploads: {} }', cluster).replace('minio', 'seaweedfs'))).toContain(
    'stores.files.nodes: Berth runs SeaweedFS as one node',
  );
});

describe('the public name of a store', () => {
  test('is handed to applications as an address of its own', () => {
    expect(specOf(files('publicHost: files.example.com, buckets: { uploads: {} }')).stores[0]?.publicHost).toBe('files.example.com');
  });

  const named = (host: string, more = '') => files(`publicHost: ${host}, buckets: { uploads: {} }`, more);
  test.each([
    [named('Files.example.com'), 'publicHost: expected a host name such as files.example.com'],
    [named('localhost'), 'localhost is the name of the host itself already'],
    [named('app.example.com', 'domain: app.example.com\n'), 'app.example.com is the name of domain already'],
    [
      named('files.example.com', 'domain: app.example.com\ntarget: kubernetes\nkubernetes: { expose: ingress, class: nginx }\n'),
      "it is served by Berth's edge, which kubernetes.expose leaves out",
    ],
    [
      files('publicHost: f.example.com, external: { host: s3.example.com, accessKey: a }, buckets: { uploads: {} }'),
      'publicHost: means nothing for a server that stands elsewhere',
    ],
    [
      files('publicHost: f.example.com, buckets: { uploads: {} }').replace(
        'uses: [database, cache, files]',
        'uses: [files]\n    env: { S3_PUBLIC_ENDPOINT: "x" }',
      ),
      'env.S3_PUBLIC_ENDPOINT: Berth sets this variable itself',
    ],
  ])('is refused in %s', (text, problem) => {
    expect(onlyProblem(text)).toContain(problem);
  });
});
