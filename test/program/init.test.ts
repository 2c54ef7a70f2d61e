import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { realFileSystem } from '../../generator/io/file-system.ts';
import { applyChanges } from '../../generator/io/disk.ts';
import { artifact, decide, snapshot, temporarySite } from '../generator/io/site-fixture.ts';
import { berth, expectExit, host, root, start } from './berth.ts';

const isRoot = process.getuid?.() === 0;
const nobody = 65_534;
if (!isRoot) console.warn('SKIPPED: folders of another user and full disks, since only root can make them');

interface Written {
  readonly name: string;
  readonly profile: string;
  readonly domain: string;
  readonly host: object;
  readonly network: string;
  readonly edge?: object;
  readonly services: Record<string, Record<string, unknown>>;
}
const spec = (site: string): Written => parse(readFileSync(join(site, 'berth.yaml'), 'utf8')) as Written;

describe('init', () => {
  test.each(['minimum', 'recommended', 'high-performance'])(
    '--profile %s makes a whole site that is what its spec says',
    async (profile) => {
      using folder = temporarySite();
      const { stdout } = await expectExit(0, ['init', 'my-site', '--profile', profile, ...host], { cwd: folder.path });
      expect(stdout).toMatch(/^my-site {2}\S+, compose, 4 CPUs, 32 GiB, 200 GiB of free disk\n/);
      expect(stdout).toMatch(/\nNext\n {2}cd my-site\n {2}docker compose up -d --wait\n/);
      const site = join(folder.path, 'my-site');
      expect(readdirSync(site).sort()).toEqual([
        '.berth',
        '.env',
        'SITE.md',
        'app',
        'berth.yaml',
        'compose.yaml',
        'config',
        'release.yaml',
        'runtime.yaml',
        'secrets',
      ]);
      expect(spec(site)).toMatchObject({
        name: 'my-site',
        profile,
        host: { cpus: 4, memory: '32Gi', disk: '200Gi' },
        network: expect.stringMatching(/^10\..*\/22$/),
      });
      expect((statSync(join(site, 'secrets')).mode & 0o777).toString(8)).toBe('700');
      expect((await expectExit(0, ['generate', '--check', '--site', site])).stdout).toContain(
        'compose.yaml fits the Compose specification',
      );
    },
  );

  test('twice in one folder is a conflict that says what to do instead, and changes nothing', async () => {
    using folder = temporarySite();
    await expectExit(0, ['init', 'a b', '--profile', 'minimum', ...host], { cwd: folder.path });
    const before = snapshot(folder.path, { times: true });
    const { stderr } = await expectExit(5, ['init', 'a b', '--profile', 'recommended', '--yes', ...host], { cwd: folder.path });
    expect(stderr).toBe("error: a b is a site already\n→ edit 'a b/berth.yaml' and run `berth generate --site 'a b'`\n");
    expect(snapshot(folder.path, { times: true })).toEqual(before);
  });

  test('by two at once makes one site, and the other is told', async () => {
    using folder = temporarySite();
    const profiles = ['minimum', 'recommended'];
    const all = await Promise.all(profiles.map((profile) => berth(['init', 'one', '--profile', profile, ...host], { cwd: folder.path })));
    expect(all.map(({ code }) => code ?? -1).sort((a, b) => a - b)).toEqual([0, expect.toBeOneOf([5, 7])]);
    expect(spec(join(folder.path, 'one')).profile).toBe(profiles[all.findIndex(({ code }) => code === 0)]);
    await expectExit(0, ['generate', '--check', '--site', 'one'], { cwd: folder.path });
  });

  test('sets what is typed after --set, over everything else', async () => {
    using folder = temporarySite();
    await expectExit(
      0,
      [
        'init',
        '.',
        '--profile',
        'minimum',
        ...host,
        '--set',
        'domain=app.example.com',
        '--set',
        'edge.https=8443',
        '--set',
        'services.web.writable=[/data, /cache]',
        '--set',
        'host.cpus=8',
        '--set',
        'services.web.routes.1.body=1Gi',
      ],
      { cwd: folder.path },
    );
    expect(spec(folder.path)).toMatchObject({
      domain: 'app.example.com',
      edge: { https: 8443 },
      host: { cpus: 8 },
      services: { web: { writable: ['/data', '/cache'] } },
    });
    expect(readFileSync(join(folder.path, '.env'), 'utf8')).toContain('EDGE_HTTPS_PORT=8443\n');
  });

  test('takes the sizes of the profile as they are with --no-fit', async () => {
    using folder = temporarySite();
    const { stdout } = await expectExit(0, ['init', '.', '--profile', 'high-performance', '--no-fit', ...host], { cwd: folder.path });
    expect(stdout).toContain('note: not fitted to a host');
    expect(spec(folder.path).host).toMatchObject({ fit: false });
    expect(stdout).not.toContain('scaled down');
  });

  test('measures this host when nothing is said about one', async () => {
    using folder = temporarySite();
    const { code, stdout, stderr } = await berth(['init', '.', '--profile', 'minimum'], { cwd: folder.path });
    // A small machine is refused, in words; both are right here.
    expect(code === 0 ? stdout : stderr).toMatch(code === 0 ? /\d CPUs, [\d.]+ [GT]iB/ : /^error: the (host|disk) has /);
  });

  test('starts from a file, keeps its comments and its name, and leaves the file alone', async () => {
    using folder = temporarySite();
    const shop =
      '# ours\napiVersion: berth/v1\nname: shop\nprofile: recommended\nservices:\n  web:\n    image: shop/web:1.2.3 # the first\n    port: 8080\n';
    writeFileSync(join(folder.path, 'shop.yaml'), shop);
    await expectExit(0, ['init', 'here', '--from', 'shop.yaml', ...host], { cwd: folder.path });
    const site = join(folder.path, 'here');
    expect(readFileSync(join(site, 'berth.yaml'), 'utf8')).toMatch(/^# ours\n[^]*image: shop\/web:1\.2\.3 # the first\n/);
    expect(spec(site)).toMatchObject({ name: 'shop', profile: 'recommended' });
    expect(existsSync(join(site, 'app'))).toBe(false);
    expect(readFileSync(join(folder.path, 'shop.yaml'), 'utf8')).toBe(shop);
  });

  test('overrules of the host in a file only what a flag names', async () => {
    using folder = temporarySite();
    const shop = readFileSync(join(root, 'examples/hello/berth.yaml'), 'utf8').replace(
      'domain:',
      'host: { cpus: 8, memory: 60Gi, disk: 500Gi }\ndomain:',
    );
    writeFileSync(join(folder.path, 'shop.yaml'), shop);
    const hostOf = (site: string) => (parse(readFileSync(join(folder.path, site, 'berth.yaml'), 'utf8')) as { host: object }).host;
    await expectExit(0, ['init', 'same', '--from', 'shop.yaml'], { cwd: folder.path });
    expect(hostOf('same')).toEqual({ cpus: 8, memory: '60Gi', disk: '500Gi' });
    await expectExit(0, ['init', 'more', '--from', 'shop.yaml', '--host-cpus', '16'], { cwd: folder.path });
    expect(hostOf('more')).toEqual({ cpus: 16, memory: '60Gi', disk: '500Gi' });
    await expectExit(0, ['init', 'free', '--from', 'shop.yaml', '--no-fit'], { cwd: folder.path });
    expect(hostOf('free')).toEqual({ cpus: 8, memory: '60Gi', disk: '500Gi', fit: false });
  });

  test('tells the faults of the file it starts from by their place there, and those of the options apart', async () => {
    using folder = temporarySite();
    writeFileSync(
      join(folder.path, 'shop.yaml'),
      '# ours\napiVersion: berth/v1\nname: shop\nprofile: minimum\nservices:\n  web: { image: shop/web, port: 80 }\n',
    );
    const file = await expectExit(3, ['init', 'a', '--from', 'shop.yaml', ...host], { cwd: folder.path });
    expect(file.stderr).toMatch(/^shop\.yaml:6:17 {2}services\.web\.image\n[^]*→ correct shop\.yaml; nothing was written\n$/);
    const options = await expectExit(
      3,
      ['init', 'a', '--from', 'shop.yaml', ...host, '--set', 'services.web.image=a:1', '--set', 'services.web.prot=1'],
      { cwd: folder.path },
    );
    expect(options.stderr).toMatch(/services\.web\.prot\n[^]*did you mean "port"\?[^]*→ correct the options; nothing was written\n$/);
    expect(readdirSync(folder.path)).toEqual(['shop.yaml']);
  });

  test.each([
    { what: 'an unknown example', args: ['--from', 'example:nope'], code: 2, says: 'there is no example "nope"' },
    { what: 'a spec that is not there', args: ['--from', 'nope.yaml'], code: 6, says: 'there is no such file or folder' },
    { what: 'a spec that is no UTF-8', args: ['--from', 'latin1.yaml'], code: 3, says: 'latin1.yaml:1:10' },
    { what: 'an unknown profile', args: ['--profile', 'huge'], code: 2, says: 'name one of minimum, recommended, high-performance' },
    { what: 'an unknown target', args: ['--target', 'swarm'], code: 2, says: 'name compose or kubernetes' },
    {
      what: 'a cluster that is too small',
      args: ['--target', 'kubernetes', '--host-cpus', '2', '--host-memory', '2Gi', '--host-disk', '80Gi'],
      code: 4,
      says: 'the least this application needs',
    },
    {
      what: 'a version of Kubernetes that is too old',
      args: ['--target', 'kubernetes', '--kubernetes-version', '1.24'],
      code: 3,
      says: 'expected a version from 1.25 on',
    },
    { what: 'no number of CPUs', args: ['--host-cpus', 'many'], code: 2, says: 'expected CPUs such as 2' },
    { what: 'negative CPUs', args: ['--host-cpus=-1'], code: 2, says: '--host-cpus -1: expected' },
    { what: 'no size of memory', args: ['--host-memory', '64 gigs'], code: 2, says: 'expected a size such as' },
    { what: 'absurd memory', args: ['--host-memory', '99999999Pi'], code: 2, says: 'expected a size such as' },
    { what: 'no size of disk', args: ['--host-disk', '0'], code: 2, says: 'expected a size such as' },
    { what: 'a --set without a value', args: ['--set', 'domain'], code: 2, says: 'expected PATH=VALUE' },
    { what: 'a --set without a path', args: ['--set', '=x'], code: 2, says: 'expected PATH=VALUE' },
    { what: 'a --set into a plain value', args: ['--set', 'domain.name=x'], code: 2, says: 'domain is a plain value and has no keys' },
    {
      what: 'a --set beyond a list',
      args: ['--set', 'services.web.routes.9.path=/x'],
      code: 2,
      says: 'is a list: expected a number from 0 to 4',
    },
    { what: 'a --set of an unknown key', args: ['--set', 'domian=x'], code: 3, says: 'did you mean "domain"?' },
    { what: 'a --set of a bad value', args: ['--set', 'domain=not a name'], code: 3, says: 'expected a host name' },
    {
      what: 'a host that is too small',
      args: ['--host-memory', '2Gi'],
      code: 4,
      says: /the least this application needs is [\d.]+ CPUs and \d+ GiB/,
    },
    { what: 'a disk that is too small', args: ['--host-disk', '1Gi'], code: 4, says: 'the least this application needs is' },
    { what: 'an unknown option', args: ['--profil', 'minimum'], code: 2, says: 'Did you mean --profile?' },
    { what: 'an option without its value', args: ['--set'], code: 2, says: 'argument missing' },
    { what: 'two folders', args: ['other'], code: 2, says: 'too many arguments' },
  ])('with $what exits with $code and leaves nothing behind', async ({ args, code, says }) => {
    using folder = temporarySite();
    writeFileSync(join(folder.path, 'latin1.yaml'), Buffer.from('name: caf\xe9\n', 'latin1'));
    const { stderr, stdout } = await expectExit(
      code,
      ['init', 'deep/er/site', ...(args.includes('--profile') ? [] : ['--profile', 'minimum']), ...host, ...args],
      { cwd: folder.path },
    );
    expect(stderr).toMatch(typeof says === 'string' ? new RegExp(says.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')) : says);
    expect(stderr).toContain('→ ');
    expect(stdout).toBe('');
    expect(readdirSync(folder.path)).toEqual(['latin1.yaml']);
  });
});

describe('the folder of a new site', () => {
  test('that holds other files is refused, and taken with --yes without touching them', async () => {
    using folder = temporarySite();
    for (const name of ['a', 'b', 'c', 'd']) writeFileSync(join(folder.path, name), name);
    const { stderr } = await expectExit(5, ['init', '--profile', 'minimum', ...host], { cwd: folder.path });
    expect(stderr).toMatch(/^error: this folder is not empty: it holds a, b, c and 1 more\n→ .*--yes/);
    expect(readdirSync(folder.path)).toEqual(['a', 'b', 'c', 'd']);
    await expectExit(0, ['init', '--profile', 'minimum', '--yes', ...host], { cwd: folder.path });
    expect(['a', 'b', 'c', 'd'].map((name) => readFileSync(join(folder.path, name), 'utf8'))).toEqual(['a', 'b', 'c', 'd']);
  });

  test('that holds a file Berth would write is a conflict also with --yes', async () => {
    using folder = temporarySite();
    writeFileSync(join(folder.path, 'compose.yaml'), 'services: {}\n');
    const { stderr } = await expectExit(5, ['init', '--profile', 'minimum', '--yes', ...host], { cwd: folder.path });
    expect(stderr).toContain('compose.yaml is there already and was not written by Berth');
    expect(snapshot(folder.path).filter((line) => !line.includes('.berth'))).toEqual(['0644 compose.yaml: services: {}\n']);
  });

  test.each([
    { what: 'below a file', path: 'file/site', says: 'a file stands where a folder is needed' },
    { what: 'that is a file', path: 'file', says: 'a file stands where a folder is needed' },
    { what: 'with a name that is too long', path: 'x'.repeat(300), says: 'the name is too long' },
  ])('$what is refused in words', async ({ path, says }) => {
    using folder = temporarySite();
    writeFileSync(join(folder.path, 'file'), '');
    expect((await expectExit(6, ['init', path, '--profile', 'minimum', ...host], { cwd: folder.path })).stderr).toContain(says);
    expect(readdirSync(folder.path)).toEqual(['file']);
  });

  test.each(['with spaces', 'ünïcödé 世界', `it's "quoted" $HOME`, '-dash'])('may be called %j', async (name) => {
    using folder = temporarySite();
    const { stdout } = await expectExit(0, ['init', `./${name}`, '--profile', 'minimum', ...host], { cwd: folder.path });
    expect(spec(join(folder.path, name)).name).toMatch(/^[a-z0-9][a-z0-9-]*$/);
    await expectExit(0, ['generate', '--check', '--site', `./${name}`], { cwd: folder.path });
    // The command it prints leads there.
    const cd = /\n {2}(cd .*)\n/.exec(stdout)?.[1] ?? 'false';
    expect(spawnSync('/bin/sh', ['-c', `${cd} && cat berth.yaml`], { cwd: folder.path, encoding: 'utf8' }).stdout).toContain(
      'apiVersion: berth/v1',
    );
  });

  test.runIf(isRoot)('that may not be written to is refused, by whatever user', async () => {
    using folder = temporarySite();
    chmodSync(folder.path, 0o755);
    expect((await expectExit(6, ['init', 'site', '--profile', 'minimum', ...host], { cwd: folder.path, uid: nobody })).stderr).toContain(
      'permission denied',
    );
    mkdirSync(join(folder.path, 'closed'), { mode: 0o755 });
    expect((await expectExit(6, ['init', 'closed', '--profile', 'minimum', ...host], { cwd: folder.path, uid: nobody })).stderr).toContain(
      'permission denied',
    );
    mkdirSync(join(folder.path, 'hidden'), { mode: 0o700 });
    expect((await expectExit(6, ['init', 'hidden', '--profile', 'minimum', ...host], { cwd: folder.path, uid: nobody })).stderr).toContain(
      'permission denied',
    );
    expect(snapshot(folder.path)).toEqual(['0755 closed/', '0700 hidden/']);
  });

  test.runIf(isRoot)('belongs to the user who made it, root or not', async () => {
    using folder = temporarySite();
    chmodSync(folder.path, 0o777);
    await expectExit(0, ['init', 'site', '--profile', 'minimum', ...host], { cwd: folder.path, uid: nobody });
    await expectExit(0, ['generate', '--check', '--site', 'site'], { cwd: folder.path, uid: nobody });
  });

  test.runIf(isRoot)('on a disk that is full stays as it was, and the run works once there is room', async ({ skip }) => {
    const disk = mkdtempSync(join(tmpdir(), 'berth-full-'));
    try {
      if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk]).status !== 0) {
        console.warn('SKIPPED: a full disk, since nothing can be mounted here');
        skip();
      }
      const { stderr } = await expectExit(6, ['init', join(disk, 'a/site'), '--profile', 'minimum', ...host]);
      expect(stderr).toContain('no space is left on the device');
      expect(readdirSync(disk)).toEqual([]);
      spawnSync('mount', ['-o', 'remount,size=16m', disk]);
      await expectExit(0, ['init', join(disk, 'a/site'), '--profile', 'minimum', ...host]);
    } finally {
      spawnSync('umount', [disk]);
      rmSync(disk, { recursive: true, force: true });
    }
  });

  test('of a run that was killed half-way is finished by the next one, whichever verb it is', async () => {
    for (const verb of [['init', '--profile', 'minimum', ...host], ['generate']]) {
      using folder = temporarySite();
      await expectExit(0, ['init', '.', '--profile', 'minimum', ...host], { cwd: folder.path });
      using half = temporarySite();
      const files = readdirSync(folder.path, { recursive: true, encoding: 'utf8' }).filter(
        (path) => !path.startsWith('.berth') && statSync(join(folder.path, path)).isFile(),
      );
      const artifacts = files.map((path) =>
        artifact(
          path,
          readFileSync(join(folder.path, path), 'utf8'),
          path.startsWith('secrets/') ? 'secret' : path === 'berth.yaml' || path.startsWith('app/') ? 'once' : 'owned',
          (path.endsWith('.env') && path !== '.env') || path.endsWith('ledger.json') ? 0o600 : path.startsWith('secrets/') ? 0o444 : 0o644,
        ),
      );
      let moves = 0;
      const renameSync: typeof realFileSystem.renameSync = (from, to) => {
        moves += 1;
        if (moves > 5) throw new Error('killed');
        realFileSystem.renameSync(from, to);
      };
      expect(() => {
        applyChanges(half.path, decide(half.path, artifacts), { ...realFileSystem, renameSync });
      }).toThrow('killed');
      expect(existsSync(join(half.path, 'compose.yaml'))).toBe(false);
      const { code } = await berth([...verb, ...(verb[0] === 'init' ? [half.path] : ['--site', half.path])]);
      // There is a site now, so `init` stops there; `generate` goes on.
      expect(code).toBe(verb[0] === 'init' ? 5 : 0);
      for (const path of files) expect(existsSync(join(half.path, path))).toBe(true);
      expect(existsSync(join(half.path, '.berth/journal.json'))).toBe(false);
    }
  });
});

test('a working folder that may not be written to is no obstacle to reading', async () => {
  using folder = temporarySite();
  await expectExit(0, ['init', 'site', '--profile', 'minimum', ...host], { cwd: folder.path });
  chmodSync(folder.path, 0o555);
  const before = snapshot(folder.path, { times: true });
  for (const args of [['plan'], ['explain'], ['images'], ['generate', '--check']])
    await expectExit(0, [...args, '--site', 'site'], { cwd: folder.path });
  expect(snapshot(folder.path, { times: true })).toEqual(before);
  chmodSync(folder.path, 0o755);
});

test('a working folder that was removed is named as the trouble', async () => {
  using folder = temporarySite();
  using running = start(['init', 'x', '--profile', 'minimum', ...host], { cwd: folder.path });
  expect((await running.ended).code).toBe(0);
  const { status, stderr } = spawnSync(
    '/bin/sh',
    [
      '-c',
      `mkdir gone && cd gone && rmdir ../gone && exec "$0" "$@"`,
      process.execPath,
      join(import.meta.dirname, '../../cli/berth.js'),
      'plan',
      '--site',
      '../x',
    ],
    { cwd: folder.path, encoding: 'utf8' },
  );
  expect([status, stderr]).toEqual([6, 'error: the folder that you are in was removed\n→ change into one that is there\n']);
});
