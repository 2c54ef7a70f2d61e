import { chmodSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { snapshot } from '../generator/io/site-fixture.ts';
import { berth, expectExit, secretsOf } from './berth.ts';
import { edit, freshSite } from './sites.ts';

const fresh = freshSite();
const generate = (site: string, ...more: readonly string[]) => ['generate', '--site', site, ...more];
const read = (site: string, file: string): string => readFileSync(join(site, file), 'utf8');

describe('generate', () => {
  test('refuses another name, which would start a second site on empty volumes', async () => {
    using site = fresh();
    edit(site.path, 'berth.yaml', (text) => text.replace('name: hello', 'name: other'));
    const before = snapshot(site.path);
    expect((await expectExit(5, generate(site.path))).stderr).toContain('write `name: hello` again');
    expect(snapshot(site.path)).toEqual(before);
  });

  test('takes an edit of the weights for a conflict, and names release.yaml', async () => {
    using site = fresh();
    edit(site.path, 'config/weights/weights.json', () => '{}');
    expect((await expectExit(5, generate(site.path))).stderr).toContain('make the change in release.yaml, from which the weights follow');
  });

  test('--check tells what would happen to the containers, and writes nothing', async () => {
    using site = fresh();
    edit(site.path, 'berth.yaml', (text) => text.replace('runtime: node', 'runtime: node\n    env: { FLAG: "on" }'));
    const before = snapshot(site.path);
    const { stdout } = await expectExit(9, generate(site.path, '--check'));
    expect(stdout).toContain('recreates web-blue: environment.FLAG');
    expect(snapshot(site.path)).toEqual(before);
  });

  test('on a site that is what its spec says writes nothing, not even a date', async () => {
    using site = fresh();
    await expectExit(0, generate(site.path));
    const before = snapshot(site.path, { times: true });
    expect((await expectExit(0, generate(site.path))).stdout).toBe('Nothing to write: the site is what its spec says.\n');
    expect((await expectExit(0, generate(site.path, '--check'))).stdout).toBe(
      'The site is what its spec says, and compose.yaml fits the Compose specification.\n',
    );
    expect(snapshot(site.path, { times: true })).toEqual(before);
  });

  test('says which containers a changed setting recreates and why, and writes what is concerned', async () => {
    using site = fresh();
    edit(site.path, 'berth.yaml', (text) => text.replace('cache: { engine: valkey, use: cache }', 'cache: { engine: valkey, use: queue }'));
    const stale = await expectExit(9, generate(site.path, '--check'));
    expect(stale.stderr).toMatch(
      /^error: the site differs from its spec: .*compose\.yaml.*config\/cache\/valkey\.conf.*\n→ run `berth generate`\n$/,
    );
    const before = new Map(snapshot(site.path).map((line) => [line.slice(5).split(':')[0], line]));
    const { stdout } = await expectExit(0, generate(site.path));
    expect(stdout).toMatch(/^updated {2}SITE\.md\nupdated {2}compose\.yaml\nupdated {2}config\/cache\/valkey\.conf\n/m);
    expect(stdout).toMatch(/beyond what earlier runs announced, `docker compose up -d --wait`\n {2}recreates cache: /);
    expect(stdout).toContain('config/cache/valkey.conf changed');
    expect(stdout).not.toMatch(/recreates (database|edge|web|files)/);
    const changed = snapshot(site.path)
      .filter((line) => before.get(line.slice(5).split(':')[0]) !== line)
      .map((line) => line.slice(5).split(':')[0] ?? '')
      .filter((path) => !path.startsWith('.berth/'));
    expect(changed).toEqual(['SITE.md', 'compose.yaml', 'config/cache/valkey.conf']);
    await expectExit(0, generate(site.path, '--check'));
  });

  test('--environment chooses another environment, remembers it in berth.yaml and keeps its comments', async () => {
    using site = fresh();
    edit(site.path, 'berth.yaml', (text) => `${text}environments:\n  staging: { services: { web: { replicas: 1 } } } # small\n  dev: {}\n`);
    const before = snapshot(site.path);
    const refused = await expectExit(3, generate(site.path, '--environment', 'stagng'));
    expect(refused.stderr).toContain('there is no environment "stagng"');
    const { stderr } = await expectExit(9, generate(site.path, '--environment', 'staging', '--check'));
    expect(stderr).toContain('→ run `berth generate --environment staging`\n');
    expect(snapshot(site.path)).toEqual(before);
    expect((await expectExit(0, generate(site.path, '--environment', 'staging'))).stdout).toContain('updated  berth.yaml');
    expect(read(site.path, 'berth.yaml')).toMatch(/^environment: staging$[^]*# small$/m);
    expect(read(site.path, '.env')).toContain('WEB_BLUE_REPLICAS=1');
    expect((await expectExit(0, generate(site.path, '--environment', 'staging'))).stdout).toContain('Nothing to write');
    await expectExit(0, generate(site.path, '--check'));
  });

  test('keeps every secret, whatever changes around it', async () => {
    using site = fresh();
    const before = secretsOf(site.path);
    edit(site.path, 'berth.yaml', (text) => text.replace('profile: minimum', 'profile: recommended'));
    expect((await expectExit(0, generate(site.path))).stdout).toContain('drawn: database-replication, cache-replication;');
    expect(secretsOf(site.path)).toEqual(expect.arrayContaining([...before]));
    expect(secretsOf(site.path)).toHaveLength(before.length + 2);
    edit(site.path, 'berth.yaml', (text) => text.replace('    port: 3000\n', '    port: 3000\n    secrets: { SESSION_KEY: {} }\n'));
    const { stdout } = await expectExit(0, generate(site.path));
    expect(stdout).toContain('drawn: web-SESSION_KEY; copy secrets/ledger.json to a safe place');
    expect(secretsOf(site.path)).toEqual(expect.arrayContaining([...before]));
    expect(secretsOf(site.path)).toHaveLength(before.length + 3);
  });

  test('draws a new certificate for a new domain, from the same authority', async () => {
    using site = fresh();
    const authority = read(site.path, 'secrets/tls/ca.crt');
    edit(site.path, 'berth.yaml', (text) => text.replace('domain: localhost', 'domain: app.example.com'));
    expect((await expectExit(0, generate(site.path))).stdout).toContain('drawn: tls');
    expect(read(site.path, 'secrets/tls/ca.crt')).toBe(authority);
  });

  test.each([
    'compose.yaml',
    '.env',
    'SITE.md',
    'runtime.yaml',
    'config/edge/nginx.conf',
    'config/weights/weights.json',
    'secrets/database-verifier',
    'secrets/web.env',
    'secrets/tls/site.crt',
    '.berth/berth.schema.json',
  ])('brings back %s when it was deleted', async (file) => {
    using site = fresh();
    const before = read(site.path, file);
    rmSync(join(site.path, file));
    await expectExit(0, generate(site.path));
    expect(read(site.path, file)).toBe(before);
  });

  test('gives a file its mode again', async () => {
    using site = fresh();
    chmodSync(join(site.path, 'secrets/ledger.json'), 0o644);
    expect((await expectExit(0, generate(site.path))).stdout).toContain('mode set  secrets/ledger.json');
    expect(snapshot(site.path).find((line) => line.includes(' secrets/ledger.json'))).toMatch(/^0600 /);
  });
});

describe('an edit of the operator', () => {
  test('in a configuration file is kept, beside what changes elsewhere in it', async () => {
    using site = fresh();
    edit(site.path, 'config/database/postgresql.conf', (text) => `${text}track_io_timing = on   # ours\n`);
    edit(site.path, 'SITE.md', (text) => text.replace('## Every day', 'Call Ada first: 555-0100.\n\n## Every day'));
    expect((await expectExit(0, generate(site.path))).stdout).toContain('compose.yaml');
    edit(site.path, 'berth.yaml', (text) => text.replace('memory: 32Gi', 'memory: 24Gi'));
    const { stdout } = await expectExit(0, generate(site.path));
    expect(stdout).toMatch(/merged {3}SITE\.md\n/);
    expect(stdout).toMatch(/merged {3}config\/database\/postgresql\.conf\n/);
    expect(read(site.path, 'config/database/postgresql.conf')).toMatch(/track_io_timing = on {3}# ours\n$/);
    expect(read(site.path, 'SITE.md')).toContain('Call Ada first: 555-0100.');
    expect(read(site.path, 'SITE.md')).toContain('24 GiB');
    await expectExit(0, generate(site.path, '--check'));
  });

  test('in the very lines that change is a conflict with a diff', async () => {
    using site = fresh();
    edit(site.path, 'config/cache/valkey.conf', (text) => text.replace(/maxmemory "\d+mb"/, 'maxmemory "7mb"'));
    await expectExit(0, generate(site.path));
    edit(site.path, 'berth.yaml', (text) => text.replace('memory: 32Gi', 'memory: 24Gi'));
    const before = snapshot(site.path);
    const { stderr } = await expectExit(5, generate(site.path));
    expect(stderr).toMatch(/config\/cache\/valkey\.conf was edited in line \d+, where the new version differs too/);
    expect(stderr).toMatch(/^\+maxmemory "7mb"$/m);
    expect(snapshot(site.path)).toEqual(before);
  });

  test.each([
    { file: 'compose.yaml', from: 'restart: "unless-stopped"', to: 'restart: always', cure: 'compose.override.yaml' },
    { file: '.env', from: 'EDGE_HTTPS_PORT=443', to: 'EDGE_HTTPS_PORT=444', cure: 'berth.yaml (ports)' },
    { file: 'runtime.yaml', from: 'timezone: "UTC"', to: 'timezone: "CET"', cure: 'make the change in berth.yaml' },
  ])('in $file is a conflict that names the better place, and nothing at all is written', async ({ file, from, to, cure }) => {
    using site = fresh();
    edit(site.path, file, (text) => text.replace(from, to));
    edit(site.path, 'berth.yaml', (text) => text.replace('memory: 32Gi', 'memory: 24Gi'));
    const before = snapshot(site.path, { times: true });
    const { stderr, stdout } = await expectExit(5, generate(site.path));
    expect(stdout).toBe('');
    expect(stderr).toContain(`${file} was edited since Berth wrote it`);
    expect(stderr).toContain(cure);
    expect(stderr).toContain(`+${file === 'compose.yaml' ? '    ' : ''}${to}`);
    expect(snapshot(site.path, { times: true })).toEqual(before);
    expect((await expectExit(5, generate(site.path, '--check'))).stderr).toContain(cure);
  });

  test('in a secret file is a conflict that shows nothing of it', async () => {
    using site = fresh();
    const secrets = secretsOf(site.path);
    rmSync(join(site.path, 'secrets/database-admin'));
    writeFileSync(join(site.path, 'secrets/database-admin'), 'mine-hunter2');
    const { stderr } = await expectExit(5, generate(site.path));
    expect(stderr).toContain('secrets/database-admin was edited');
    for (const secret of ['hunter2', ...secrets]) expect(stderr).not.toContain(secret);
  });

  test('in compose.override.yaml, or any file of their own, is none of Berth’s business', async () => {
    using site = fresh();
    writeFileSync(join(site.path, 'compose.override.yaml'), 'services: { edge: { restart: always } }\n');
    writeFileSync(join(site.path, 'notes.txt'), 'ours');
    edit(site.path, 'app/Dockerfile', (text) => `${text}# ours\n`);
    edit(site.path, 'berth.yaml', (text) => text.replace('memory: 32Gi', 'memory: 24Gi'));
    await expectExit(0, generate(site.path));
    expect([read(site.path, 'compose.override.yaml'), read(site.path, 'notes.txt')]).toEqual([
      'services: { edge: { restart: always } }\n',
      'ours',
    ]);
    expect(read(site.path, 'app/Dockerfile')).toMatch(/# ours\n$/);
  });
});

describe('the ledger', () => {
  test.each<[string, (text: string) => string]>([
    ['cut off', (text) => text.slice(0, text.length / 2)],
    ['empty', () => ''],
    ['of another form', () => '{"version":1,"secrets":[]}'],
    ['without a certificate that can be read', (text) => text.replace('"notAfter"', '"notafter"')],
  ])('that is %s is refused, and nothing is written', async (_, change) => {
    using site = fresh();
    const secrets = secretsOf(site.path);
    edit(site.path, 'secrets/ledger.json', change);
    edit(site.path, 'berth.yaml', (text) => text.replace('memory: 32Gi', 'memory: 24Gi'));
    const before = snapshot(site.path, { times: true });
    const { stderr } = await expectExit(6, generate(site.path));
    expect(stderr).toMatch(/^error: secrets\/ledger\.json cannot be read: .*\n→ restore secrets\/ledger\.json from your last copy/);
    for (const secret of secrets) expect(stderr).not.toContain(secret);
    expect(snapshot(site.path, { times: true })).toEqual(before);
  });

  test('that is an older copy is not to be deleted: the newest one is to be put back', async () => {
    using site = fresh();
    const ledger = join(site.path, 'secrets/ledger.json');
    const older = readFileSync(ledger, 'utf8');
    edit(site.path, 'berth.yaml', (text) => text.replace('    port: 3000\n', '    port: 3000\n    secrets: { SESSION_KEY: {} }\n'));
    await expectExit(0, generate(site.path));
    const newest = readFileSync(ledger, 'utf8');
    edit(site.path, 'secrets/ledger.json', () => older);
    const { stderr } = await expectExit(5, generate(site.path));
    expect(stderr).toMatch(/ledger\.json was edited since Berth wrote it; nothing was written\n→ put your newest copy of it back/);
    edit(site.path, 'secrets/ledger.json', () => newest);
    await expectExit(0, generate(site.path));
    expect(readFileSync(ledger, 'utf8')).toBe(newest);
  });

  test('that is gone is not drawn anew over the passwords that volumes know', async () => {
    using site = fresh();
    rmSync(join(site.path, 'secrets/ledger.json'));
    const before = snapshot(site.path, { times: true });
    expect((await expectExit(6, generate(site.path))).stderr).toMatch(
      /^error: secrets\/ledger\.json is gone, and \d+ files that were made of it are still there\n→ restore /,
    );
    expect(snapshot(site.path, { times: true })).toEqual(before);
    // The way out that the message names.
    rmSync(join(site.path, 'secrets'), { recursive: true });
    expect((await expectExit(0, generate(site.path))).stdout).toContain('drawn: database-admin, ');
  });
});

describe('release.yaml', () => {
  const slot = (green: string) => (text: string) => `${text.trimEnd()}\n    green: ${green}\n`;

  test('with other weights changes what the edge reads while it runs, and recreates nothing', async () => {
    using site = fresh();
    edit(site.path, 'release.yaml', slot('{ image: berth/hello:0.2.0, weight: 0 }'));
    await expectExit(0, generate(site.path));
    edit(site.path, 'release.yaml', (text) => text.replace(/weight: 100 .*/, 'weight: 95').replace('weight: 0 }', 'weight: 5 }'));
    const { stdout } = await expectExit(0, generate(site.path));
    expect(stdout).toMatch(/^updated {2}config\/weights\/weights\.json\n\nno container has to be recreated for this\n/);
    expect(JSON.parse(read(site.path, 'config/weights/weights.json'))).toEqual({ version: 1, services: { web: { blue: 95, green: 5 } } });
  });

  test('with a second slot starts it beside the first, which it leaves alone', async () => {
    using site = fresh();
    edit(site.path, 'release.yaml', slot('{ image: berth/hello:0.2.0, weight: 0 }'));
    const { stdout } = await expectExit(0, generate(site.path));
    expect(stdout).toContain('updated  .env\n');
    expect(stdout).not.toContain('recreates web-blue');
    expect(read(site.path, '.env')).toMatch(
      /COMPOSE_PROFILES=blue,green\n[^]*WEB_GREEN_IMAGE=berth\/hello:0\.2\.0\nWEB_GREEN_VERSION=0\.2\.0\nWEB_GREEN_REPLICAS=1\n/,
    );
    expect((await expectExit(0, ['images', '--site', site.path])).stdout).toMatch(/berth\/hello:0\.2\.0 .* web-green\n/);
  });

  test('without any live slot leaves the maintenance page', async () => {
    using site = fresh();
    writeFileSync(join(site.path, 'release.yaml'), 'apiVersion: berth/v1\nservices: {}\n');
    await expectExit(0, generate(site.path));
    expect(read(site.path, '.env')).toContain('COMPOSE_PROFILES=\n');
    expect(JSON.parse(read(site.path, 'config/weights/weights.json'))).toMatchObject({ services: { web: { blue: 0, green: 0 } } });
  });

  test('says of an application what becomes of its slots, and nothing of its migrations', async () => {
    using site = fresh();
    edit(site.path, 'berth.yaml', (text) =>
      text.replace('    port: 3000\n', '    port: 3000\n    migrate: { command: [node, migrate.js] }\n'),
    );
    await expectExit(0, generate(site.path));
    writeFileSync(join(site.path, 'release.yaml'), 'apiVersion: berth/v1\nservices: {}\n');
    const { stdout } = await expectExit(0, generate(site.path));
    expect(stdout).toMatch(/leaves web-blue running[\s\S]*two seconds: web shows the maintenance page\n/);
    expect(stdout).not.toContain('web-migrate');
  });

  test('is never rewritten, and not guessed when it is gone', async () => {
    using site = fresh();
    edit(site.path, 'release.yaml', (text) => `# mine\n${text}`);
    await expectExit(0, generate(site.path));
    expect(read(site.path, 'release.yaml')).toMatch(/^# mine\n/);
    rmSync(join(site.path, 'release.yaml'));
    const before = snapshot(site.path);
    const { stderr } = await expectExit(6, generate(site.path));
    expect(stderr).toContain('release.yaml is gone, and the site has run with one');
    expect(snapshot(site.path)).toEqual(before);
  });

  test('that gives weight to a slot where nothing runs is written, with a warning', async () => {
    using site = fresh();
    edit(site.path, 'release.yaml', (text) => text.replace('blue:', 'green:'));
    expect((await expectExit(0, generate(site.path))).stdout).toMatch(/note: nothing runs in web-green yet and it has weight already/);
  });

  test('without a slot for a new service is pointed at', async () => {
    using site = fresh();
    edit(site.path, 'berth.yaml', (text) =>
      text.replace(
        '\ndatabases:',
        '  admin: { image: "shop/admin:1", port: 80, routes: [{ path: /admin/ }], memory: 512Mi, replicas: 1 }\n\ndatabases:',
      ),
    );
    const { stdout } = await expectExit(0, generate(site.path));
    expect(stdout).toContain('release.yaml runs nothing for admin');
    expect(stdout).not.toMatch(/starts admin/);
  });

  test('outweighs an image that was changed in berth.yaml, which is said', async () => {
    using site = fresh();
    edit(site.path, 'berth.yaml', (text) => text.replace('berth/hello:0.1.0', 'berth/hello:0.2.0'));
    expect((await expectExit(0, generate(site.path))).stdout.replaceAll(/\s+/g, ' ')).toContain(
      'web runs berth/hello:0.1.0, as release.yaml says; the image in berth.yaml was only the first one',
    );
  });

  test.each([
    {
      what: 'an unknown service',
      text: 'apiVersion: berth/v1\nservices:\n  wep: { blue: { image: "a/b:1", weight: 100 } }\n',
      code: 3,
      says: /^release\.yaml:3:3 {2}services\.wep\n[^]*did you mean "web"\?/,
    },
    {
      what: 'weights that make no whole',
      text: 'apiVersion: berth/v1\nservices:\n  web: { blue: { image: "a/b:1", weight: 60 }, green: { image: "a/b:2", weight: 60 } }\n',
      code: 3,
      says: /^release\.yaml:3:8 {2}services\.web\n[^]*add up to 120/,
    },
    {
      what: 'an image without a tag',
      text: 'apiVersion: berth/v1\nservices:\n  web: { blue: { image: a/b, weight: 100 } }\n',
      code: 3,
      says: /^release\.yaml:3:\d+ {2}services\.web\.blue\.image\n/,
    },
    {
      what: 'more replicas than there is room',
      text: 'apiVersion: berth/v1\nservices:\n  web: { blue: { image: "a/b:1", weight: 100, replicas: 50 } }\n',
      code: 4,
      says: /release\.yaml runs 50 replicas of web at once/,
    },
    { what: 'no YAML', text: 'services: [', code: 3, says: /^release\.yaml:1:\d+\n/ },
  ])('with $what is refused with its place, and nothing is written', async ({ text, code, says }) => {
    using site = fresh();
    writeFileSync(join(site.path, 'release.yaml'), text);
    const before = snapshot(site.path, { times: true });
    expect((await expectExit(code, generate(site.path))).stderr).toMatch(says);
    expect(snapshot(site.path, { times: true })).toEqual(before);
  });
});

test('a folder that is no site is left as it is by every verb', async () => {
  using site = fresh();
  rmSync(join(site.path, 'berth.yaml'));
  rmSync(join(site.path, '.berth'), { recursive: true });
  const before = readdirSync(site.path);
  for (const verb of ['generate', 'plan', 'explain', 'images']) {
    const { code, stderr } = await berth([verb, '--site', site.path]);
    expect([code, stderr]).toEqual([
      2,
      `error: ${site.path} is not a site: it has no berth.yaml\n→ name the folder with --site DIR, or make one with \`berth init DIR\`\n`,
    ]);
  }
  expect(readdirSync(site.path)).toEqual(before);
});
