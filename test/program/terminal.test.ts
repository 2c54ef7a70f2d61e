import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { exitMeaning } from '../../model/errors.ts';
import { temporarySite } from '../generator/io/site-fixture.ts';
import { expectExit, host, launch, launcher, root } from './berth.ts';
import type { Running } from './berth.ts';
import { freshSite } from './sites.ts';

const fresh = freshSite();
const verbs = ['init', 'generate', 'plan', 'explain', 'images'];
const esc = '\u001b';

const canFakeTerminal = spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout?.includes('util-linux') ?? false;
if (!canFakeTerminal) console.warn('SKIPPED: prompts and colours, since the program `script` is not on this machine');

const quote = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

/** Runs Berth on a terminal of its own: what is typed goes in by `type`, all that is shown comes out. */
function onTerminal(
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): Running & { readonly type: (keys: string) => void; readonly shows: (text: string) => Promise<void> } {
  const running = launch('script', ['-qec', [process.execPath, launcher, ...args].map(quote).join(' '), '/dev/null'], {
    cwd,
    env: { TERM: 'xterm', SHELL: '/bin/sh', ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let seen = '';
  running.child.stdout?.on('data', (chunk: Buffer) => {
    seen += chunk.toString();
  });
  return {
    ...running,
    type: (keys) => {
      running.child.stdin?.write(keys);
    },
    shows: (text) => expect.poll(() => seen, { timeout: 100_000 }).toContain(text),
    [Symbol.dispose]: () => {
      running[Symbol.dispose]();
    },
  };
}

describe.runIf(canFakeTerminal)('on a terminal', () => {
  test('a secret is shown to whoever asks for it by name', async () => {
    using site = fresh();
    const { secrets } = JSON.parse(readFileSync(join(site.path, 'secrets/ledger.json'), 'utf8')) as { secrets: Record<string, string[]> };
    using terminal = onTerminal(['secrets', 'reveal', 'cache-app', '--site', site.path], site.path);
    const { code, stdout } = await terminal.ended;
    expect([code, stdout.trim()]).toEqual([0, secrets['cache-app']?.[0]]);
  });

  test('init asks for what was not said, and takes the answers', async () => {
    using folder = temporarySite();
    using terminal = onTerminal(['init', 'site', ...host], folder.path);
    await terminal.shows('How large is this site?');
    terminal.type('\r');
    await terminal.shows('Which name do users type?');
    terminal.type('app.example.com\r');
    await terminal.shows('Write the site?');
    terminal.type('\r');
    expect((await terminal.ended).code).toBe(0);
    expect(readFileSync(join(folder.path, 'site/berth.yaml'), 'utf8')).toMatch(/^profile: recommended\n/m);
    expect(readFileSync(join(folder.path, 'site/berth.yaml'), 'utf8')).toMatch(/^domain: app\.example\.com /m);
  });

  test.each([
    { what: 'Ctrl-C at a question', keys: '\u0003', says: 'nothing was written' },
    { what: 'a no at the last one', keys: '\r\rn\r', says: 'nothing was written' },
  ])('$what ends init with 130 and leaves no folder', async ({ keys, says }) => {
    using folder = temporarySite();
    using terminal = onTerminal(['init', 'site', ...host], folder.path);
    for (const [index, key] of [...keys].entries()) {
      await terminal.shows(['How large', 'Which name', 'Write the site?', 'Write the site?'][index] ?? '');
      terminal.type(key);
    }
    const { code, stdout } = await terminal.ended;
    expect([code, stdout]).toEqual([130, expect.stringContaining(says)]);
    expect(stdout).not.toMatch(/^ {4}at /m);
    expect(existsSync(join(folder.path, 'site'))).toBe(false);
  });

  test.each([
    { what: 'with --yes', args: ['--yes'], env: {} },
    { what: 'with --json', args: ['--json'], env: {} },
    { what: 'in a pipeline', args: [], env: { CI: 'true' } },
  ])('nothing is asked $what', async ({ args, env }) => {
    using folder = temporarySite();
    using terminal = onTerminal(['init', 'site', '--profile', 'minimum', ...host, ...args], folder.path, env);
    const { code, stdout } = await terminal.ended;
    expect(code).toBe(0);
    expect(stdout).not.toContain('?');
  });

  test('colour helps the reader, and stays away when it is not wanted', async () => {
    using site = fresh();
    const plan = async (env: Readonly<Record<string, string>>) => {
      using terminal = onTerminal(['plan', '--site', site.path], site.path, env);
      return (await terminal.ended).stdout;
    };
    expect(await plan({})).toContain(`${esc}[1m`);
    expect(await plan({ NO_COLOR: '1' })).not.toContain(esc);
    expect(await plan({ TERM: 'dumb' })).not.toContain(esc);
  });

  test('colour stays out of errors that go into a file', async () => {
    using site = fresh();
    using terminal = launch(
      'script',
      ['-qec', `${quote(process.execPath)} ${quote(launcher)} explain nothing --site . 2> errors`, '/dev/null'],
      { cwd: site.path, env: { TERM: 'xterm', SHELL: '/bin/sh' } },
    );
    expect((await terminal.ended).code).toBe(2);
    expect(readFileSync(join(site.path, 'errors'), 'utf8')).toMatch(/^error: nothing was decided under/);
  });
});

describe('without a terminal', () => {
  test('nothing is asked: what is missing is taken from the example', async () => {
    using folder = temporarySite();
    const { stdout, stderr } = await expectExit(0, ['init', 'site', ...host], { cwd: folder.path });
    expect(`${stdout}${stderr}`).not.toContain('?');
    expect(readFileSync(join(folder.path, 'site/berth.yaml'), 'utf8')).toMatch(/^profile: recommended\n/m);
  });

  test.each<Record<string, string | undefined>>([
    {},
    { FORCE_COLOR: '1' },
    { TERM: 'dumb' },
    { HOME: undefined },
    { LANG: 'C', LC_ALL: 'C' },
    { TZ: 'Pacific/Auckland' },
    { COLUMNS: '20' },
  ])('no escape code is printed, and every verb works, with %j', async (env) => {
    using site = fresh();
    for (const args of [['plan'], ['explain', 'database'], ['images']]) {
      const { stdout, stderr } = await expectExit(0, [...args, '--site', site.path], { env });
      expect(stdout.length).toBeGreaterThan(100);
      expect(`${stdout}${stderr}`).not.toContain(esc);
    }
    expect((await expectExit(2, ['explain', 'nothing', '--site', site.path], { env })).stderr).not.toContain(esc);
  });

  test('output is UTF-8 whatever the locale', async () => {
    using site = fresh();
    expect(
      (await expectExit(0, ['explain', 'database.max_connections', '--site', site.path], { env: { LANG: 'C', LC_ALL: 'C' } })).stdout,
    ).toContain('Σ (replicas + 1 surge) × pool');
  });
});

describe('a pipe', () => {
  const shell = (command: string, cwd: string) =>
    spawnSync('bash', ['-c', `set -o pipefail; ${command.replaceAll('berth ', `${quote(process.execPath)} ${quote(launcher)} `)}`], {
      cwd,
      encoding: 'utf8',
    });

  test.each(['berth explain | head -n 1', 'berth explain --json | head -c 10', 'berth plan | true'])(
    'that is closed early is no failure: %s',
    (command) => {
      using site = fresh();
      const { status, stderr } = shell(command, site.path);
      expect([status, stderr]).toEqual([0, '']);
    },
  );

  test.runIf(existsSync('/dev/full'))('that cannot be written to is a failure in words', () => {
    using site = fresh();
    const { status, stderr } = shell('berth plan > /dev/full', site.path);
    expect([status, stderr]).toEqual([6, expect.stringMatching(/^error: cannot print the answer: ENOSPC[^\n]*\n→ [^\n]+\n$/)]);
  });

  test('for errors that is closed changes no exit code', () => {
    using site = fresh();
    expect(shell('berth explain nothing 2>&- ', site.path).status).toBe(2);
  });
});

describe('help', () => {
  test('of the program lists every verb and every exit code', async () => {
    const { stdout } = await expectExit(0, ['--help']);
    for (const verb of verbs) expect(stdout).toMatch(new RegExp(`^  ${verb} `, 'm'));
    for (const meaning of Object.values(exitMeaning)) expect(stdout).toContain(meaning);
    expect((await expectExit(2, [])).stderr).toContain('Usage: berth');
  });

  test.each(verbs)('of %s has examples, and they run', async (verb) => {
    const { stdout } = await expectExit(0, [verb, '--help']);
    const examples = [...(/Examples:\n([^]*)$/.exec(stdout)?.[1]?.matchAll(/^ {2}berth (.*)$/gm) ?? [])].map(([, line = '']) => line);
    expect(examples.length).toBeGreaterThan(0);
    for (const example of examples) {
      using folder = verb === 'init' ? temporarySite() : fresh();
      writeFileSync(
        join(folder.path, 'shop.yaml'),
        'apiVersion: berth/v1\nname: shop\nprofile: minimum\nservices: { web: { image: "shop/web:1", port: 3000 } }\n',
      );
      // Programs it is piped into are not ours; a machine of tests may be smaller than the profile needs.
      const [command = ''] = example.split(/ \||\s{3,}/);
      await expectExit(0, [...command.trim().split(' '), ...(verb === 'init' && !command.includes('--host-') ? host : [])], {
        cwd: folder.path,
      });
    }
  });

  test('examples that are piped into jq ask it for what is there', async () => {
    using site = fresh();
    const plan = JSON.parse((await expectExit(0, ['plan', '--json'], { cwd: site.path })).stdout) as { budget: object };
    expect(plan.budget).toMatchObject({ rows: expect.any(Array) });
    const images = JSON.parse((await expectExit(0, ['images', '--json'], { cwd: site.path })).stdout) as { reference: string }[];
    expect(images.map(({ reference }) => reference)).toContain('berth/hello:0.1.0');
  });

  test.each([
    { args: ['bogus'], says: "unknown command 'bogus'" },
    { args: ['--bogus'], says: "unknown option '--bogus'" },
    { args: ['plan', '--sit', '.'], says: 'Did you mean --site?' },
    { args: ['plan', 'extra'], says: 'too many arguments' },
    { args: ['generate', '--site'], says: 'argument missing' },
    { args: ['help'], says: "unknown command 'help'" },
  ])('is pointed to when $args is typed', async ({ args, says }) => {
    const { stderr, stdout } = await expectExit(2, args);
    expect(stdout).toBe('');
    expect(stderr).toContain(says);
    expect(stderr).toContain('--help');
  });

  test('knows the version of the package', async () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    expect((await expectExit(0, ['--version'])).stdout).toBe(`${version}\n`);
  });
});

describe('explain', () => {
  test('prints one number in full, all of a service, or every key', async () => {
    using site = fresh();
    const explain = async (...args: string[]) => (await expectExit(0, ['explain', ...args, '--site', site.path])).stdout;
    expect(await explain('database.shared_buffers')).toMatch(
      /^database\.shared_buffers = \d+MB\n {2}formula +L ≥ 1 GiB[^]*\n {2}source +PostgreSQL 17 manual[^]*\n {2}change it +databases\.database\.memory/,
    );
    expect((await explain('cache')).match(/^cache\.\S+ = /gm)?.length).toBeGreaterThan(4);
    const keys = (await explain())
      .trimEnd()
      .split('\n')
      .map((line) => line.split(/\s+/)[0] ?? '');
    expect(keys.length).toBeGreaterThan(30);
    expect(new Set(keys).size).toBe(keys.length);
    // Those of a route have its path.
    for (const key of keys) expect(key).toMatch(/^[a-z0-9-]+\.(?:[A-Za-z_-]+|[a-z0-9-]+\/[\w./-]*)$/);
  });

  test('suggests the key that was meant', async () => {
    using site = fresh();
    expect((await expectExit(2, ['explain', 'database.shared_bufers', '--site', site.path])).stderr).toContain(
      'did you mean `berth explain database.shared_buffers`?',
    );
  });
});

/** Programs called node on the PATH that are older than the one Berth is made for. */
const olderNodes = [...new Set((process.env['PATH'] ?? '').split(':'))]
  .map((folder) => join(folder, 'node'))
  .filter((file) => {
    try {
      accessSync(file, constants.X_OK);
    } catch {
      return false;
    }
    return Number(/^v(\d+)/.exec(spawnSync(file, ['--version'], { encoding: 'utf8' }).stdout)?.[1] ?? 99) < 24;
  });
if (olderNodes.length === 0) console.warn('SKIPPED: starting from an older Node, since none is on the PATH');

describe.runIf(olderNodes.length > 0)('an older Node on the PATH', () => {
  const [node] = olderNodes;
  const options = node === undefined ? {} : { node };

  test('hands over to the one that belongs to Berth, arguments and exit code included', async () => {
    using site = fresh();
    expect((await expectExit(0, ['explain', 'database.shared_buffers', '--site', site.path], options)).stdout).toContain('formula');
    expect((await expectExit(2, ['explain', 'nothing here', '--site', site.path], options)).stderr).toContain('"nothing here"');
  });

  test('without it says what is missing', () => {
    using folder = temporarySite();
    mkdirSync(join(folder.path, 'cli'));
    writeFileSync(join(folder.path, 'package.json'), '{"type":"module"}');
    writeFileSync(join(folder.path, 'cli/berth.js'), readFileSync(launcher));
    const { status, stderr } = spawnSync(node ?? '', [join(folder.path, 'cli/berth.js'), 'plan'], { encoding: 'utf8' });
    expect([status, stderr]).toEqual([1, expect.stringMatching(/^berth needs Node 24 or newer; this is \d+[^\n]*\n→ run `npm ci`/)]);
  });
});

test('the launcher works through a link, as npm makes one', async () => {
  using folder = temporarySite();
  symlinkSync(launcher, join(folder.path, 'berth'));
  using running = launch(process.execPath, [join(folder.path, 'berth'), '--version']);
  expect((await running.ended).code).toBe(0);
});
