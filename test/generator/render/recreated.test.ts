import { describe, expect, test } from 'vitest';
import { compareSites } from '../../../generator/render/recreated.ts';

const env = 'COMPOSE_PROFILES=blue\nWEB_IMAGE=shop/web:1\nPORT=443\nODD=\'a "b" $c\'\n';
const compose = `services:
  web:
    image: "\${WEB_IMAGE}"
    build: { context: "./app" }
    profiles: [blue]
    environment:
      PRICE: "5 $$ \${ODD}"
    depends_on: { task: { condition: service_healthy } }
    deploy: { replicas: 2, resources: { limits: { memory: 512M } } }
    labels: { berth.config: "aaaa" }
  task:
    image: "task:1"
  cache:
    image: "valkey:8"
    command: [valkey-server, a]
    labels: { berth.config: "bbbb" }
`;
const none = new Map<string, readonly string[]>();
const compare = (
  change: (text: string) => string,
  variables: (text: string) => string = (text) => text,
  files: ReadonlyMap<string, readonly string[]> = none,
) => compareSites({ compose, env }, { compose: change(compose), env: variables(env) }, files);
const same = (text: string): string => text;

describe('what the next `docker compose up` does', () => {
  test.each<{ what: string; change: (text: string) => string; variables?: (text: string) => string; recreated: object }>([
    { what: 'nothing changed', change: same, recreated: [] },
    {
      what: 'only comments and order changed',
      change: (text) =>
        `# new\n${text.replace('    image: "valkey:8"\n', '').replace('    command: [valkey-server, a]\n', '    command: [valkey-server, a]\n    image: "valkey:8"\n')}`,
      recreated: [],
    },
    {
      what: 'an image changed',
      change: (text) => text.replace('valkey:8', 'valkey:9'),
      recreated: [{ service: 'cache', reasons: ['image: valkey:8 → valkey:9'] }],
    },
    {
      what: 'a variable of .env changed',
      change: same,
      variables: (text) => text.replace('web:1', 'web:2'),
      recreated: [{ service: 'web', reasons: ['image: shop/web:1 → shop/web:2'] }],
    },
    { what: 'a variable that nobody uses changed', change: same, variables: (text) => text.replace('443', '8443'), recreated: [] },
    {
      what: 'a limit changed',
      change: (text) => text.replace('512M', '1024M'),
      recreated: [{ service: 'web', reasons: ['deploy.resources.limits.memory: 512M → 1024M'] }],
    },
    { what: 'only the number of replicas changed', change: (text) => text.replace('replicas: 2', 'replicas: 3'), recreated: [] },
    { what: 'only profiles changed', change: (text) => text.replace('[blue]', '[blue, green]'), recreated: [] },
    { what: 'only dependencies changed', change: (text) => text.replace('service_healthy', 'service_started'), recreated: [] },
    { what: 'only the build context changed', change: (text) => text.replace('./app', './other'), recreated: [] },
    {
      what: 'a list changed',
      change: (text) => text.replace('valkey-server, a', 'valkey-server, b'),
      recreated: [{ service: 'cache', reasons: ['command: ["valkey-server","a"] → ["valkey-server","b"]'] }],
    },
    {
      what: 'a key came',
      change: (text) => text.replace('image: "valkey:8"', 'image: "valkey:8"\n    init: true'),
      recreated: [{ service: 'cache', reasons: ['init: nothing → true'] }],
    },
    {
      what: 'two things changed',
      change: (text) => text.replace('valkey:8', 'valkey:9').replace('valkey-server, a', 'valkey-server'),
      recreated: [{ service: 'cache', reasons: ['command: ["valkey-server","a"] → ["valkey-server"]', 'image: valkey:8 → valkey:9'] }],
    },
    {
      what: 'the label of mounted files changed',
      change: (text) => text.replace('bbbb', 'cccc'),
      recreated: [{ service: 'cache', reasons: ['its mounted files or secrets changed'] }],
    },
  ])('when $what', ({ change, variables, recreated }) => {
    expect(compare(change, variables)).toMatchObject({ recreated, added: [], removed: [], left: [] });
  });

  test('names the files behind a changed label', () => {
    const files = new Map([
      ['cache', ['config/cache/valkey.conf', 'secrets/cache-acl']],
      ['web', ['config/web/x']],
    ]);
    expect(compare((text) => text.replace('bbbb', 'cccc'), same, files).recreated).toEqual([
      { service: 'cache', reasons: ['config/cache/valkey.conf, secrets/cache-acl changed'] },
    ]);
  });

  test('starts what is new, and leaves behind what is gone', () => {
    expect(compare((text) => text.replace('  cache:\n', '  queue:\n'))).toEqual({
      recreated: [],
      scaled: [],
      left: [],
      networks: [],
      added: ['queue'],
      removed: ['cache'],
    });
  });

  test.each([
    {
      what: 'more replicas',
      change: (text: string) => text.replace('replicas: 2', 'replicas: 3'),
      scaled: [{ service: 'web', from: 2, to: 3 }],
    },
    {
      what: 'no replicas, although the image changed as well',
      change: (text: string) => text.replace('replicas: 2', 'replicas: 0').replace('512M', '1024M'),
      scaled: [{ service: 'web', from: 2, to: 0 }],
    },
  ])('scales a service that is given $what, and recreates nothing for it', ({ change, scaled }) => {
    expect(compare(change)).toMatchObject({ scaled, recreated: [] });
  });

  test('starts a service whose profile becomes active, and leaves one running whose profile no longer is', () => {
    expect(compareSites({ compose, env: env.replace('=blue', '=') }, { compose, env }, none)).toMatchObject({
      scaled: [{ service: 'web', from: 0, to: 2 }],
      recreated: [],
      left: [],
    });
    expect(compare(same, (text) => text.replace('=blue', '='))).toMatchObject({ scaled: [], recreated: [], left: ['web'] });
  });

  test('leaves no task running whose profile is no longer active, as it has come to its end', () => {
    const task = `${compose}  web-migrate:\n    image: "web:1"\n    profiles: [blue]\n    restart: "no"\n`;
    const { left } = compareSites({ compose: task, env }, { compose: task, env: env.replace('=blue', '=') }, none);
    expect(left).toEqual(['web']);
  });

  test('recreates what depends on a recreated service, and what depends on that', () => {
    const chain = `${compose}  page:\n    image: "page:1"\n    depends_on: { web: { condition: service_started } }\n`;
    const { recreated } = compareSites({ compose: chain, env }, { compose: chain.replace('task:1', 'task:2'), env }, none);
    expect(recreated).toEqual([
      { service: 'task', reasons: ['image: task:1 → task:2'] },
      { service: 'web', reasons: ['it depends on task'] },
      { service: 'page', reasons: ['it depends on web'] },
    ]);
  });

  test('names the networks whose addresses change, which Compose would keep', () => {
    const networks = (subnet: string) => `${compose}networks:\n  data: { ipam: { config: [{ subnet: ${subnet} }] } }\n  app: {}\n`;
    expect(compareSites({ compose: networks('10.1.2.0/24'), env }, { compose: networks('10.1.6.0/24'), env }, none)).toMatchObject({
      networks: ['data'],
      recreated: [],
    });
  });

  test('takes a doubled dollar for no variable, and a value with quotes as it is', () => {
    expect(compare((text) => text.replace('$$ ', () => '$$$$ ')).recreated).toMatchObject([
      { service: 'web', reasons: ['environment.PRICE: 5 $$ a "b" $c → 5 $$$$ a "b" $c'] },
    ]);
    expect(compare(same, (text) => text.replace('$c', () => '$d')).recreated).toMatchObject([{ service: 'web' }]);
  });

  test('shortens a long value', () => {
    const [found] = compare((text) => text.replace('valkey:8', `valkey:${'9'.repeat(500)}`)).recreated;
    expect(found?.reasons[0]?.length).toBeLessThan(100);
    expect(found?.reasons[0]).toMatch(/^image: valkey:8 → valkey:9{50}…$/);
  });

  test('finds nothing to compare in an empty file', () => {
    expect(compareSites({ compose: '', env: '' }, { compose, env }, none)).toMatchObject({
      recreated: [],
      added: ['web', 'task', 'cache'],
      removed: [],
    });
  });
});
