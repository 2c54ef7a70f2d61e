import { Ajv2020 } from 'ajv/dist/2020.js';
import { globSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { specJsonSchema } from '../../../generator/spec/json-schema.ts';
import { hello, problemsOf, web } from './specs.ts';

const schema = JSON.parse(specJsonSchema()) as {
  $schema: string;
  $id: string;
  title: string;
  $defs: Record<string, { properties: Record<string, { description?: string }> }>;
};
const validate = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true, formats: {} }).compile(schema);
const accepts = (text: string) => validate(parse(text));

const full = `apiVersion: berth/v1
name: shop
profile: recommended
target: compose
domain: shop.example.com
host: { cpus: 7.5, memory: 32Gi, disk: 2Ti, fit: false }
network: 10.201.4.0/22
services:
  web:
    kind: web
    image: registry.example:5000/shop/web:1.4.2
    build: ./web
    port: 3000
    runtime: node
    user: 1000:1000
    replicas: 2
    cpu: 500m
    memory: 1.5Gi
    pool: 10
    routes: [{ path: /, rateLimit: { rate: 20/s, burst: 0 }, body: 100Mi, timeout: 5m, stream: true }]
    live: /livez
    ready: /readyz
    stopGrace: 45s
    uses: { database: DATABASE_URL, cache: REDIS_URL, files: S3 }
    env: { GREETING: "hello" }
    secrets: { KEY: {}, CERT: { length: 64, deliver: file } }
    writable: [/data]
    egress: true
  jobs: { kind: worker, follows: web, command: [run, "--all"], healthcheck: [check], replicas: 1 }
  nightly: { kind: cron, image: "registry.example/report:1.0.0", schedule: "30 2 * * mon-fri", timeZone: Europe/Berlin, deadline: 2h }
  api: { kind: api, migrate: { command: [migrate] }, image: "registry.example/api@sha256:${'0a'.repeat(32)}", port: 80, routes: [{ path: /api/ }], uses: [database] }
databases: { database: { engine: postgres, name: shop, cpu: 2, memory: 8Gi } }
caches: { cache: { engine: valkey, use: sessions, cpu: 0.5, memory: 1Gi } }
stores: { files: { engine: minio, buckets: { uploads: { versioning: false } }, cpu: 1, memory: 2Gi } }
edge: { http: 8080, https: 8443, body: 25Mi, timeout: 60s, connections: 50, hsts: true }
`;

describe('the JSON Schema of berth.yaml', () => {
  test('is the one that was reviewed', async () => {
    await expect(specJsonSchema()).toMatchFileSnapshot('golden/berth.schema.json');
  });

  test('says what it is, for editors', () => {
    expect(schema).toMatchObject({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      $id: 'urn:berth:schema:v1',
      title: 'berth.yaml',
    });
    expect(schema.$defs['Service']?.properties['port']?.description).toBe(
      'The port that the application listens on. Required but for worker and cron, which have none.',
    );
  });

  test.each<readonly [string, string]>([
    ['the small one of these tests', hello],
    ['one that has every key', full],
    ...globSync('examples/*/berth.yaml').map((file) => [file, readFileSync(file, 'utf8')] as const),
  ])('accepts a spec that berth accepts: %s', (_, text) => {
    expect(problemsOf(text)).toEqual([]);
    expect([accepts(text), validate.errors]).toEqual([true, null]);
  });

  test.each([
    ['an unknown key', `${hello}extra: 1\n`],
    ['an unknown key of a service', web('imagee: a:1')],
    ['no services', 'apiVersion: berth/v1\nname: a\nprofile: minimum\n'],
    ['another version', hello.replace('berth/v1', 'berth/v2')],
    ['an unknown profile', hello.replace('minimum', 'small')],
    ['an unknown engine', hello.replace('postgres', 'oracle')],
    ['a port in quotes', hello.replace('3000', '"3000"')],
    ['a port out of range', hello.replace('3000', '65536')],
    ['a number as a variable', web('env: { A: 5 }')],
    ['a bad name of a variable', web('env: { 1A: "x" }')],
    ['a name of a service with capitals', hello.replace('  web:', '  Web:')],
    ['a name that Berth takes', hello.replace('  web:', '  edge:')],
    ['an image without a tag', hello.replace('hello:1.0.0', 'hello')],
    ['an image with a registry port and no tag', hello.replace('registry.example/hello:1.0.0', 'registry.example:5000/hello')],
    ['an image with latest', hello.replace(':1.0.0', ':latest')],
    ['a size without a unit that is known', web('memory: 2gb')],
    ['a size as a number', web('memory: 512')],
    ['CPUs in words', web('cpu: two')],
    ['no CPU', web('cpu: 0')],
    ['a duration without a unit', web('stopGrace: "30"')],
    ['a domain with a space', hello.replace('profile:', 'domain: a b\nprofile:')],
    ['a build folder outside', web('build: ./../x')],
    ['a path that leaves', web('routes: [{ path: /../x }]')],
    ['root', web('user: "0:0"')],
    ['an empty list of routes', web('routes: []')],
    ['a text for a switch', web('egress: "yes"')],
    ['a bucket with capitals', hello.replace('uploads', 'Uploads')],
  ])('refuses, as berth does, %s', (_, text) => {
    expect(problemsOf(text)).not.toEqual([]);
    expect(accepts(text)).toBe(false);
  });
});
