import { describe, expect, test } from 'vitest';
import { checkComposeReferences, checkParses } from '../../../generator/render/check.ts';
import type { Artifact } from '../../../model/artifact.ts';
import { readPlainYaml } from '../../../model/plain-yaml.ts';
import { prepareHello } from './hello.ts';

const compose = `services:
  web:
    profiles: [blue]
    depends_on: { cache: { condition: service_healthy } }
    networks: [app]
    secrets: [key]
    volumes:
      - { type: bind, source: ./config/web, target: /etc/web }
      - { type: volume, source: web-data, target: /data }
  cache:
    networks: [app]
networks: { app: {} }
volumes: { web-data: {} }
secrets: { key: { file: ./secrets/key } }
`;
const paths = ['config/web/a.conf', 'secrets/key', 'compose.yaml'];
const check =
  (change: (text: string) => string = (text) => text, files = paths) =>
  () => {
    checkComposeReferences(change(compose), new Set(files));
  };

describe('the references of compose.yaml', () => {
  test('that are whole pass', () => {
    expect(check()).not.toThrow();
  });

  test.each<{ what: string; change?: (text: string) => string; files?: string[]; message: string }>([
    {
      what: 'a dependency on nothing',
      change: (text) => text.replace('{ cache:', '{ cash:'),
      message: 'web depends on cash, which is not there',
    },
    {
      what: 'a dependency on a slot',
      change: (text) => text.replace('  cache:\n', '  cache:\n    depends_on: { web: {} }\n'),
      message: 'cache depends on the slot web',
    },
    {
      what: 'a network that is not declared',
      change: (text) => text.replace('networks: { app', 'networks: { data'),
      message: 'web joins network app, which is not there',
    },
    {
      what: 'no network at all',
      change: (text) => text.replace('networks: { app: {} }\n', ''),
      message: 'web joins network app, which is not there',
    },
    {
      what: 'a volume that is not declared',
      change: (text) => text.replace('{ web-data: {} }', '{}'),
      message: 'web mounts volume web-data, which is not there',
    },
    {
      what: 'a secret that is not declared',
      change: (text) => text.replace('{ key: {', '{ lock: {'),
      message: 'web wants secret key, which nobody writes',
    },
    { what: 'a secret whose file nobody writes', files: ['config/web/a.conf'], message: 'web wants secret key, which nobody writes' },
    {
      what: 'a folder in which nothing is written',
      files: ['secrets/key', 'config/webs/a.conf'],
      message: 'web mounts ./config/web, in which Berth writes nothing',
    },
  ])('with $what are a defect', ({ change, files, message }) => {
    expect(check(change, files)).toThrow(`rendered compose.yaml is wrong: ${message}`);
  });
});

describe('rendered files', () => {
  const artifact = (path: string, content: string): Artifact => ({ path, content, mode: 0o644, policy: 'owned' });

  test.each([
    { what: 'YAML', path: 'runtime.yaml', content: 'a: [1, 2]\nb: "x"\n' },
    { what: 'YAML with the longer ending', path: 'a.yml', content: 'a: 1\n' },
    { what: 'JSON', path: 'config/a.json', content: '{"a":1}' },
    { what: 'anything else', path: 'config/nginx.conf', content: '{ [ "' },
  ])('pass as $what', ({ path, content }) => {
    expect(() => {
      checkParses([artifact(path, content)]);
    }).not.toThrow();
  });

  test.each([
    { what: 'YAML whose value broke out of its quotes', path: 'runtime.yaml', content: 'a: "x" y: "z"\n' },
    { what: 'YAML with a key twice', path: 'a.yml', content: 'a: 1\na: 2\n' },
    { what: 'JSON with a comma too many', path: 'config/a.json', content: '{"a":1,}' },
  ])('are a defect as $what', ({ path, content }) => {
    expect(() => {
      checkParses([artifact(path, content)]);
    }).toThrow();
  });
});

test('what Berth writes for a cluster is read back by the quick reader, document by document', async () => {
  const { decision } = await prepareHello({ target: 'kubernetes', set: { 'services.web.scaling': { max: 4 } } });
  const documents = [...decision.merged]
    .filter(([path]) => /^k8s\/.*\.yaml$/.test(path) && !path.startsWith('k8s/site/'))
    .flatMap(([, text]) => text.split(/^---$/m))
    .filter((text) => /^[^#\n]/m.test(text));
  expect(documents.length).toBeGreaterThan(50);
  expect(documents.filter((text) => readPlainYaml(text) === undefined)).toEqual([]);
});
