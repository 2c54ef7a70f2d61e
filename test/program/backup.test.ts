import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  chmodSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { keyFileOf } from '../../generator/io/secret-files.ts';
import { openSqliteState } from '../../runtime/schedule/sqlite-state.ts';
import { berth, expectExit, host, launch, launcher, secretsOf, start } from './berth.ts';
import { farAway } from './far-away.ts';
import { edit } from './sites.ts';

const home = mkdtempSync(join(tmpdir(), 'berth-backup-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));
const at = (...path: readonly string[]): string => join(home, ...path);
const [site, store, usb, kit] = [at('shop'), at('store'), at('usb'), at('kit')];
const here = ['--site', site] as const;

interface Listed {
  readonly backups: readonly { readonly id: string; readonly source: string; readonly level: number; readonly label: string | null }[];
  readonly restorable: readonly { readonly id: string; readonly source: string; readonly tier: number }[];
  readonly kit: { readonly confirmedAt: string | null } | null;
}
const listed = async (): Promise<Listed> => JSON.parse((await expectExit(0, ['backup', 'list', '--json', ...here])).stdout) as Listed;
const newest = async (source: string): Promise<string> => (await listed()).backups.findLast((each) => each.source === source)?.id ?? '';

beforeAll(async () => {
  await expectExit(0, [
    'init',
    site,
    '--profile',
    'minimum',
    '--set',
    'name=shop',
    '--set',
    `backups={ folder: ${store}, databases: none, buckets: none, configuration: { schedule: "${farAway()}" }, secrets: { schedule: "${farAway()}" } }`,
    ...host,
  ]);
});

describe('before it is set up', () => {
  test('a backup says what is missing, one after the other, and a cure for each', async () => {
    expect((await expectExit(6, ['backup', 'now', ...here])).stderr).toContain('a new store is made with `berth backup store create`');
    const { stdout } = await expectExit(0, ['backup', 'store', 'create', ...here]);
    expect(stdout).toContain(`${store} is ready (tier 0: lost with this host)`);
    expect((await expectExit(2, ['backup', 'now', ...here])).stderr).toContain('`berth kit export`');
    expect((await expectExit(0, ['backup', 'list', ...here])).stdout).toContain('nothing yet: run `berth backup now`');
  });

  test.each([
    ['a key in the site', ['backup', 'keys', 'create', '--into', join(site, 'keys')], /lies in the site/],
    ['a recipient with a strange name', ['backup', 'keys', 'create', '--into', usb, '--name', '../x'], /is no name of a recipient/],
    ['the escrow key without a kit', ['backup', 'keys', 'create', '--into', usb, '--name', 'escrow'], /belongs into the recovery kit/],
    ['a kit in the site', ['kit', 'export', '--into', join(site, 'kit')], /lies in the site/],
    ['a source that is not there', ['backup', 'now', 'database'], /write one of: configuration, secrets/],
    ['no time to restore to', ['restore', '--into', at('x')], /--latest, or --at TIME/],
    ['transactions of what has no log', ['backup', 'transactions', '--database', 'configuration'], /copied as a whole each time/],
    ['transactions of no database', ['backup', 'transactions'], /no database of this site is in its backups/],
    ['no number of transactions', ['backup', 'transactions', '--limit', '0'], /write one from 1 to 10000/],
    ['too many transactions', ['backup', 'transactions', '--limit', '10001'], /write one from 1 to 10000/],
    ['transactions of a time without a zone', ['backup', 'transactions', '--since', '2026-03-29 14:00'], /write it with its zone/],
    ['a time without a zone', ['restore', '--at', '2026-03-29 14:30', '--into', at('x')], /write it with its zone/],
  ])('%s is refused', async (_, args, says) => {
    expect((await expectExit(2, [...args, ...here])).stderr).toMatch(says);
    expect(existsSync(at('x'))).toBe(false);
  });

  test.each([
    ['a pair of keys', ['backup', 'keys', 'create', '--into', at('elsewhere'), '--name', 'second']],
    ['a kit', ['kit', 'export', '--into', at('elsewhere')]],
  ])('%s leaves nothing behind where a file among the public keys is none', async (_, args) => {
    const broken = join(site, 'backup/recipients/broken.pem');
    mkdirSync(dirname(broken), { recursive: true });
    writeFileSync(broken, 'no key\n');
    const before = readdirSync(dirname(broken));
    const { code, stderr } = await berth([...args, ...here]);
    expect(code).not.toBe(0);
    expect(stderr).toContain(broken);
    expect(existsSync(at('elsewhere'))).toBe(false);
    expect(readdirSync(dirname(broken))).toEqual(before);
    rmSync(broken);
  });

  test('a site whose database is copied has what its agent runs, and is told what comes before its first start', async () => {
    const copied = at('copied');
    const { stdout } = await expectExit(0, ['init', copied, '--profile', 'minimum', '--set', `backups.folder=${store}`, ...host]);
    expect(stdout).toContain('  berth backup store create\n  docker compose up -d --wait\n');
    const bin = join(copied, '.berth/bin');
    expect(spawnSync(join(bin, 'node'), [join(bin, 'dist/berth.js'), '--version'], { encoding: 'utf8', env: {} })).toMatchObject({
      status: 0,
      stdout: '0.1.0\n',
    });
    const { ino } = statSync(join(bin, 'node'));
    await expectExit(0, ['generate', '--site', copied]);
    expect(statSync(join(bin, 'node')).ino).toBe(ino);
    rmSync(join(bin, 'program.json'));
    await expectExit(0, ['generate', '--site', copied]);
    expect(statSync(join(bin, 'node')).ino).not.toBe(ino);
    await expectExit(10, ['backup', 'now', 'database', '--site', copied]);
    rmSync(copied, { recursive: true });
  });

  test('a site for a cluster has what an image of Berth is built from, over an image that its nodes have anyway', async () => {
    const clustered = at('clustered');
    const bucket = 'backups.bucket={ endpoint: "https://s3.example", name: shop-backups, accessKey: shop }';
    // Its migrations run in the image of the application, which is built once.
    const migrate = 'services.web.migrate={ command: [migrate] }';
    const options = ['--profile', 'minimum', '--target', 'kubernetes', '--set', bucket, '--set', migrate, ...host];
    const { stdout } = await expectExit(0, ['init', clustered, ...options]);
    expect(stdout.match(/docker build -t \S+ \.\/app/g)).toEqual(['docker build -t berth/hello:0.1.0 ./app']);
    expect(stdout).toContain('  docker build -t localhost/berth:0.1.0 .berth/bin   # and push it to a registry that the nodes reach\n');
    const dockerfile = join(clustered, '.berth/bin/Dockerfile');
    const text = readFileSync(dockerfile, 'utf8');
    expect(text.split('\n').slice(1, 4)).toEqual([
      'FROM docker.io/library/nginx:1.30.6',
      'COPY node package.json program.json /opt/berth/',
      'COPY dist /opt/berth/dist',
    ]);
    for (const [, names = ''] of text.matchAll(/^COPY (.+) \S+$/gm))
      for (const name of names.split(' ')) expect(existsSync(join(clustered, '.berth/bin', name)), name).toBe(true);
    writeFileSync(dockerfile, 'of another version\n');
    await expectExit(0, ['generate', '--site', clustered]);
    expect(readFileSync(dockerfile, 'utf8')).toBe(text);
    const images = JSON.parse((await expectExit(0, ['images', '--site', clustered, '--json'])).stdout);
    expect(images).toContainEqual(
      expect.objectContaining({ reference: 'localhost/berth:0.1.0', status: 'built here', usedBy: ['agent-postgres', 'agent-files'] }),
    );
    rmSync(clustered, { recursive: true });
  });

  test('a site without backups is told how to have some', async () => {
    const bare = at('bare');
    await expectExit(0, ['init', bare, '--profile', 'minimum', ...host]);
    expect((await expectExit(2, ['backup', 'list', '--site', bare])).stderr).toContain('add `backups: { folder: /srv/backups }`');
    expect((await expectExit(6, ['backup', 'list', '--site', at('nowhere')])).stderr).toContain('name the folder of a site');
  });

  test('a runtime.yaml that was damaged is refused with every place', async () => {
    const broken = at('broken');
    mkdirSync(broken);
    const text = readFileSync(join(site, 'runtime.yaml'), 'utf8');
    writeFileSync(join(broken, 'runtime.yaml'), text.replace('tier: 0', 'tier: 9').replace('kind: "secrets"', 'kind: "secret"'));
    const { stderr } = await expectExit(3, ['backup', 'list', '--site', broken]);
    expect(stderr.match(/runtime\.yaml:\d+:\d+ {2}backups\.(?:store\.tier|jobs\[1\]\.kind)/g)).toHaveLength(2);
  });
});

describe('a site with backups', () => {
  beforeAll(async () => {
    await expectExit(0, ['backup', 'keys', 'create', '--into', usb, ...here]);
    await expectExit(0, ['kit', 'export', '--into', kit, ...here], { env: { BERTH_KEY_PASSPHRASE: 'open' } });
    await expectExit(0, ['backup', 'now', ...here]);
  });
  const opened = { env: { BERTH_KEY_PASSPHRASE: 'open' } };

  test('has private keys nowhere but where they were asked for, and closed to others', () => {
    const keys = (folder: string) =>
      globSync('**/*', { cwd: folder, withFileTypes: true })
        .filter((entry) => entry.isFile() && readFileSync(join(entry.parentPath, entry.name), 'utf8').includes('PRIVATE KEY'))
        .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
    expect(keys(site).sort()).toEqual([
      'secrets/backup/signer.key',
      'secrets/ledger.json',
      keyFileOf(readFileSync(join(site, 'secrets/tls/site.crt'), 'utf8')),
    ]);
    // An agent of databases is somebody else.
    expect(['', 'operator.pem', 'escrow.pem'].map((name) => statSync(join(site, 'backup/recipients', name)).mode & 0o777)).toEqual([
      0o755, 0o644, 0o644,
    ]);
    expect(keys(usb)).toEqual(['shop-operator.key']);
    expect(keys(kit)).toEqual(['escrow.key']);
    expect([join(usb, 'shop-operator.key'), join(kit, 'escrow.key')].map((file) => statSync(file).mode & 0o777)).toEqual([0o600, 0o600]);
    expect(readFileSync(join(kit, 'escrow.key'), 'utf8')).toContain('ENCRYPTED');
  });

  test('shows no secret of the site in its store, nor in what it prints', async () => {
    const { stdout } = await expectExit(0, ['backup', 'show', await newest('site.secrets'), '--json', ...here]);
    const all = globSync('**/*', { cwd: store, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'));
    for (const secret of secretsOf(site)) for (const text of [stdout, ...all]) expect(text.includes(secret)).toBe(false);
  });

  test('is not copied again while it is the same, and is when it changes', async () => {
    const before = await listed();
    const { stdout } = await expectExit(0, ['backup', 'now', ...here]);
    expect(stdout.match(/nothing to copy/g)).toHaveLength(2);
    expect((await listed()).backups).toHaveLength(before.backups.length);
    writeFileSync(join(site, 'notes.md'), 'mine\n');
    expect((await expectExit(0, ['backup', 'now', 'configuration', ...here])).stdout).toMatch(/configuration .* made in/);
    await expectExit(0, ['backup', 'now', 'secrets', '--label', 'before 2.0', ...here]);
    expect((await expectExit(8, ['backup', 'now', '--increment', ...here])).stderr).toContain(
      'only PostgreSQL and SQL Server have increments',
    );
    const { backups } = await listed();
    expect(backups.slice(before.backups.length).map(({ source, label }) => [source, label])).toEqual([
      ['site.configuration', null],
      ['site.secrets', 'before 2.0'],
    ]);
  });

  test('lists age and level, and ends with up to when each kind can be restored', async () => {
    const { stdout } = await expectExit(0, ['backup', 'list', ...here]);
    expect(stdout).toMatch(/^ {2}what +id +made +age +size +level$/m);
    expect(stdout).toMatch(
      /configuration +restorable to \d{4}-\S+Z \(\d+ s ago\) +tier 0: lost with this host\nsecrets +restorable to \S+ \(\d+ s ago\) +tier 0: lost with this host\n$/,
    );
    expect(stdout).toContain('nobody has shown that the recovery kit opens a backup');
  });

  test('is not changed by what waits for a backup that cannot be made', async () => {
    renameSync(store, at('unmounted'));
    const backupFirst = `"$0" "$1" backup now --site "$2" --label 'before 2.4.1' && touch "$3"`;
    const deploy = (): number | null =>
      spawnSync('sh', ['-c', backupFirst, process.execPath, launcher, site, at('deployed')], { encoding: 'utf8' }).status;
    const without = [deploy(), existsSync(at('deployed'))];
    renameSync(at('unmounted'), store);
    expect(without).toEqual([6, false]);
    expect([deploy(), existsSync(at('deployed'))]).toEqual([0, true]);
    expect((await listed()).backups.slice(-2).map(({ label }) => label)).toEqual(['before 2.4.1', 'before 2.4.1']);
  });

  test('has a kit that is good, and knows it then', async () => {
    const { stderr } = await expectExit(2, ['kit', 'confirm', '--kit', kit, ...here], { env: { BERTH_KEY_PASSPHRASE: 'wrong' } });
    expect(stderr).toContain('cannot be used as a private key');
    expect((await listed()).kit?.confirmedAt).toBeNull();
    await expectExit(0, ['kit', 'confirm', '--kit', kit, ...here], opened);
    expect((await listed()).kit?.confirmedAt).toBeTruthy();
    expect((await expectExit(0, ['backup', 'list', ...here])).stdout).not.toMatch(/nobody has shown|shows it again/);
  });

  test('is asked after its kit again when that was not tried for a month', async () => {
    const record = join(site, 'backup/kit.json');
    const text = readFileSync(record, 'utf8');
    writeFileSync(record, text.replace(/("confirmedAt": ")[^"]+/, `$1${new Date(Date.now() - 45 * 86_400_000).toISOString()}`));
    expect((await expectExit(0, ['backup', 'list', ...here])).stdout).toMatch(/the recovery kit was shown to open backups 45 days ago/);
    writeFileSync(record, text);
  });

  test('gives out its escrow key once', async () => {
    const second = at('second-kit');
    const { stdout } = await expectExit(0, ['kit', 'export', '--into', second, ...here]);
    expect(stdout).toMatch(/The escrow key was given out on[\s\S]*→ put escrow\.key of the kit before into /);
    const { stderr } = await expectExit(2, ['kit', 'confirm', '--kit', second, ...here]);
    expect(stderr).toMatch(/second-kit has no escrow\.key\n→ put the key there that was given out with the first kit, or /);
    expect(readdirSync(second)).not.toContain('escrow.key');
    expect((await expectExit(5, ['kit', 'export', '--into', second, ...here])).stderr).toContain('is not empty');
  });

  test('comes back on an empty host from its kit alone, as it was', async () => {
    await expectExit(0, ['backup', 'now', ...here]);
    const back = at('back');
    const { stdout } = await expectExit(0, ['restore', '--latest', '--into', back, '--site', kit], opened);
    expect(stdout).toMatch(/files are new there, 0 would replace others/);
    await expectExit(0, ['generate', '--check', '--site', back]);
    expect(spawnSync('diff', ['-r', '--exclude=.berth', site, back], { encoding: 'utf8' })).toMatchObject({ status: 0, stdout: '' });
    expect(statSync(join(back, 'secrets')).mode & 0o777).toBe(0o700);
    expect((await expectExit(0, ['restore', '--latest', '--into', back, '--site', kit], opened)).stdout).toContain(
      'Nothing was to be done.',
    );
  });

  test('says what would be restored with its data, and refuses what does not go together', async () => {
    const whole = ['restore', '--latest', '--with-data', '--into', at('whole'), '--site', kit];
    const { stdout } = await expectExit(0, [...whole, '--dry-run'], opened);
    expect(stdout).toContain('no data are in the backups\n  then everything is started');
    expect(existsSync(at('whole'))).toBe(false);
    expect(JSON.parse((await expectExit(0, [...whole, '--dry-run', '--json'], opened)).stdout)).toMatchObject({
      databases: [],
      dryRun: true,
    });
    expect((await expectExit(2, [...whole, '--only', 'secrets'], opened)).stderr).toContain('--with-data is for all of a site');
    expect((await expectExit(2, [...whole, '--from', 'offsite'], opened)).stderr).toContain('has no second place for backups');
  });

  test('says what a drill would do, leaves nothing of that behind, and refuses what does not go together', async () => {
    const key = join(usb, 'shop-operator.key');
    const { stdout } = await expectExit(0, ['drill', '--dry-run', '--key', key, ...here]);
    expect(stdout).toContain(`from ${store}, drilled in ${site}-drill`);
    expect(stdout).toMatch(/runs as shop-drill-[0-9a-f]{8}: no ports, no way out/);
    expect(stdout).toMatch(/takes up to .* of memory/);
    expect(stdout.endsWith('Nothing was started.\n')).toBe(true);
    expect(existsSync(`${site}-drill`)).toBe(false);
    const asJson = JSON.parse(
      (await expectExit(0, ['drill', '--dry-run', '--json', '--site', kit, '--into', at('drill')], opened)).stdout,
    ) as object;
    expect(asJson).toMatchObject({ site: 'shop', drilled: false, from: { databases: [], buckets: [], empty: [] } });
    expect(existsSync(at('drill'))).toBe(false);
    for (const around of [site, store])
      expect((await expectExit(2, ['drill', '--dry-run', '--key', key, '--into', join(around, 'drill'), ...here])).stderr).toContain(
        `lies in ${around}`,
      );
    expect((await expectExit(2, ['drill', '--dry-run', '--site', kit])).stderr).toContain('a kit is no place for a drill');
    expect((await expectExit(2, ['drill', '--dry-run', ...here])).stderr).toContain('name the private key of a recipient with --key FILE');
    expect((await expectExit(2, ['drill', '--latest', '--at', '2026-03-29T14:30Z', '--key', key, ...here])).stderr).toContain(
      'one of them',
    );
    const { stderr } = await expectExit(5, ['drill', '--dry-run', '--key', key, '--into', usb, ...here]);
    expect(stderr).toContain('is not empty, and no drill has left that there');
    expect(stderr).not.toContain('lies in the site');
    const copied = join(site, 'drill.key');
    copyFileSync(key, copied);
    const noted = await expectExit(0, ['drill', '--dry-run', '--key', copied, ...here]);
    expect(noted.stderr.replaceAll(/\s+/g, ' ')).toContain(`${copied} lies in the site: each backup holds the key to itself`);
    expect((await expectExit(0, ['drill', '--dry-run', '--site', kit, '--into', at('drill')], opened)).stderr).not.toContain('lies in');
    rmSync(copied);
    expect((await expectExit(2, ['drill', '--at', '2020-01-01T00:00Z', '--key', key, ...here])).stderr).toContain('no backup');
  });

  test('is not generated with a key for drills that would be copied with it', async () => {
    edit(site, 'berth.yaml', (text) => text.replace(`folder: ${store}`, `folder: ${store}\n  drill: { key: ${site}/drill.key }`));
    const { stderr } = await expectExit(3, ['generate', ...here]);
    expect(stderr).toContain(`${site}/drill.key, the key of the drills, lies in the site`);
    expect(stderr).toContain('correct backups.drill.key in berth.yaml');
    edit(site, 'berth.yaml', (text) => text.replace(`\n  drill: { key: ${site}/drill.key }`, ''));
    await expectExit(0, ['generate', '--check', ...here]);
  });

  test('is not generated with a place for backups in it, which would be copied with it', async () => {
    for (const places of [`folder: ${site}/store`, `folder: ${store}\n  offsite: { folder: ${site}/second }`]) {
      edit(site, 'berth.yaml', (text) => text.replace(`folder: ${store}`, places));
      const { stderr } = await expectExit(3, ['generate', ...here]);
      expect(stderr).toContain(', where backups go, lies in the site, and would be copied into itself');
      edit(site, 'berth.yaml', (text) => text.replace(places, `folder: ${store}`));
    }
    await expectExit(0, ['generate', '--check', ...here]);
  });

  test('takes away what a drill has made though its terminal is gone, which a shell and the kernel both say (docker: stand-in)', async () => {
    const [bin, held, clearing, go] = [at('bin'), at('held'), at('clearing'), at('go')];
    mkdirSync(bin);
    const script = `case "$*" in *"config --format json") : >${held}; exec sleep 600 ;; ps*) : >${clearing}; until [ -e ${go} ]; do sleep 0.1; done ;; esac`;
    writeFileSync(join(bin, 'docker'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    using running = start(['drill', '--yes', '--key', join(usb, 'shop-operator.key'), ...here], {
      env: { PATH: `${bin}:${process.env['PATH'] ?? ''}` },
    });
    const waited = { timeout: 100_000 };
    await expect.poll(() => existsSync(held), waited).toBe(true);
    running.child.kill('SIGHUP');
    await expect.poll(() => existsSync(clearing), waited).toBe(true);
    running.child.kill('SIGHUP');
    writeFileSync(go, '');
    expect(await running.ended).toMatchObject({ code: 130 });
    expect(existsSync(`${site}-drill`)).toBe(false);
  });

  test('is not written over by a restore unless that was meant, and then keeps what was there', async () => {
    const wrecked = at('wrecked');
    await expectExit(0, ['restore', '--latest', '--into', wrecked, '--key', join(usb, 'shop-operator.key'), ...here]);
    writeFileSync(join(wrecked, 'berth.yaml'), 'gone\n');
    rmSync(join(wrecked, 'config'), { recursive: true });
    rmSync(join(wrecked, 'secrets'), { recursive: true });
    const args = ['restore', '--latest', '--into', wrecked, '--key', join(usb, 'shop-operator.key'), ...here];
    const refused = await expectExit(5, args);
    expect(refused.stdout).toContain('replaces berth.yaml');
    expect(existsSync(join(wrecked, 'secrets'))).toBe(false);
    expect((await expectExit(0, [...args, '--dry-run'])).stdout).toContain('1 would replace others');
    expect(existsSync(join(wrecked, 'secrets'))).toBe(false);
    await expectExit(0, [...args, '--yes']);
    await expectExit(0, ['generate', '--check', '--site', wrecked]);
    const [kept = ''] = readdirSync(home).filter((name) => name.startsWith('wrecked.replaced-'));
    expect(readFileSync(at(kept, 'berth.yaml'), 'utf8')).toBe('gone\n');
  });

  test('is restored to a time, one part alone', async () => {
    const [first] = (await listed()).backups.filter(({ source }) => source === 'site.configuration');
    const { stdout } = await expectExit(0, ['backup', 'show', first?.id ?? '', '--json', ...here]);
    const { manifest } = JSON.parse(stdout) as { readonly manifest: { readonly finishedAt: string } };
    const key = ['--key', join(usb, 'shop-operator.key')];
    await expectExit(0, ['restore', '--at', manifest.finishedAt, '--only', 'config', '--into', at('then'), ...key, ...here]);
    expect(existsSync(at('then/notes.md'))).toBe(false);
    expect(existsSync(at('then/secrets'))).toBe(false);
    const early = await expectExit(2, ['restore', '--at', '2020-01-01T00:00Z', '--into', at('never'), ...key, ...here]);
    expect(early.stderr).toContain(`write --at ${manifest.finishedAt} or later`);
    expect(existsSync(at('never'))).toBe(false);
  });

  test('comes back by restore.mjs and tar alone', async () => {
    const out = at('by-hand');
    const from = ['--from', store, '--signer', join(site, 'backup/signers.pem'), '--key', join(usb, 'shop-operator.key'), '--out', out];
    for (const source of ['site.configuration', 'site.secrets']) {
      const { status, stderr } = spawnSync(process.execPath, [join(store, 'restore.mjs'), 'get', await newest(source), ...from], {
        encoding: 'utf8',
      });
      expect([status, stderr]).toEqual([0, expect.stringContaining('.tar: ')]);
    }
    for (const archive of globSync('*/*.tar', { cwd: out }))
      expect(spawnSync('tar', ['-xpf', join(out, archive), '-C', out]).status).toBe(0);
    await expectExit(0, ['generate', '--check', '--site', out]);
  });

  test('is not opened by the key of somebody else, and the answer says whose would do', async () => {
    await expectExit(0, ['backup', 'keys', 'create', '--into', at('late'), '--name', 'late', ...here]);
    const args = ['restore', '--latest', '--into', at('stolen'), '--key', at('late/shop-late.key'), ...here];
    expect((await expectExit(2, args)).stderr).toMatch(/use the private key of one of: (?:operator|escrow) \([0-9a-f]{16}\)/);
    expect(existsSync(at('stolen'))).toBe(false);
  });

  test('says which rule keeps what, and changes nothing by that', async () => {
    const before = await listed();
    const { stdout } = await expectExit(0, ['backup', 'prune', '--dry-run', ...here]);
    expect(stdout).toMatch(/keep .* kept for ever/);
    expect(stdout).toMatch(/last 1\/30/);
    expect((await listed()).backups.map(({ id }) => id)).toEqual(before.backups.map(({ id }) => id));
  });

  test('keeps as many versions as the spec says, and brings back what was removed', async () => {
    const spec = join(site, 'berth.yaml');
    const text = readFileSync(spec, 'utf8');
    writeFileSync(
      spec,
      text.replace(/^ {2}secrets:(?: .*)?\n(?: {4}.*\n)*/m, `  secrets: { schedule: "${farAway()}", keep: { last: 1 } }\n`),
    );
    await expectExit(0, ['generate', ...here]);
    await expectExit(0, ['backup', 'now', 'secrets', '--label', 'one', ...here]);
    const unnamed = (await listed()).backups.find(({ source, label }) => source === 'site.secrets' && label === null)?.id ?? '';
    expect((await expectExit(0, ['backup', 'prune', ...here])).stdout).toMatch(
      new RegExp(`removed +${unnamed} .* no rule of the policy wants it`),
    );
    expect((await listed()).backups.map(({ id }) => id)).not.toContain(unnamed);
    expect((await expectExit(2, ['backup', 'prune', '--undo', 'NONE', ...here])).stderr).toContain(`what can be brought back: ${unnamed}`);
    await expectExit(0, ['backup', 'prune', '--undo', unnamed, ...here]);
    expect((await listed()).backups.map(({ id }) => id)).toContain(unnamed);
  });

  test('takes no harm from agents that are killed at any moment', async () => {
    for (const [index, pause] of [60, 110, 160, 220, 300].entries()) {
      writeFileSync(join(site, 'notes.md'), `version ${index}\n`);
      using running = start(['backup', 'now', ...here]);
      await sleep(pause);
      running.child.kill('SIGKILL');
      await running.ended;
    }
    writeFileSync(join(site, 'notes.md'), 'the last\n');
    await expectExit(0, ['backup', 'now', ...here]);
    expect((await expectExit(0, ['backup', 'verify', '--key', join(usb, 'shop-operator.key'), ...here])).stdout).toContain(
      'opens with this key',
    );
    const { stdout } = await expectExit(0, [
      'restore',
      '--latest',
      '--into',
      at('after'),
      '--key',
      join(usb, 'shop-operator.key'),
      ...here,
    ]);
    expect(stdout).toContain('are back');
    expect(readFileSync(at('after/notes.md'), 'utf8')).toBe('the last\n');
  });

  test('is copied by one of two agents that begin at the same moment', async () => {
    writeFileSync(join(site, 'notes.md'), 'both saw this\n');
    const before = (await listed()).backups.length;
    const both = await Promise.all([berth(['backup', 'now', ...here]), berth(['backup', 'now', ...here])]);
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    expect((await listed()).backups).toHaveLength(before + 1);
  });

  test('is copied by the agent when it is due, which ends when it is told to', async () => {
    writeFileSync(join(site, 'notes.md'), 'for the agent\n');
    mkdirSync(join(site, '.berth/runtime'), { recursive: true });
    {
      using state = openSqliteState(join(site, '.berth/runtime/state.sqlite'), () => undefined);
      state.settle('site.configuration', new Date('2020-01-01T00:00:00Z'));
    }
    const before = (await listed()).backups.length;
    using running = start(['runtime', '--config', join(site, 'runtime.yaml')]);
    while ((await listed()).backups.length === before) await sleep(100);
    running.child.kill('SIGTERM');
    const { code, stdout } = await running.ended;
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { readonly event: string; readonly job?: string });
    expect(code).toBe(0);
    expect(lines.map(({ event }) => event)).toEqual(['started', 'backup made', 'stopped']);
    expect(lines[1]).toMatchObject({ job: 'site.configuration', tier: 0 });
    for (const secret of secretsOf(site)) expect(stdout.includes(secret)).toBe(false);
  });

  test('has an agent that ends in good order though nobody hears any more what it complains of', async () => {
    const [out, err] = [at('heard.out'), at('heard.err')];
    const script = `mkfifo ${err}; "$0" "$@" >${out} 2>${err} & exec 3<${err}; until grep -q '"started"' ${out}; do sleep 0.1; done; exec 3<&-; kill -TERM $!; wait $!`;
    using running = launch('/bin/sh', ['-c', script, process.execPath, launcher, 'runtime', '--config', join(site, 'runtime.yaml')]);
    expect((await running.ended).code).toBe(0);
    expect(readFileSync(out, 'utf8')).toContain('"event":"stopped"');
  });

  test('has an agent that takes up what runtime.yaml has become, and keeps to the old one where that is broken', async () => {
    const file = join(site, 'runtime.yaml');
    const text = readFileSync(file, 'utf8');
    /** Whole, as Berth does it: nobody reads half of it. */
    const replace = (content: string): void => {
      writeFileSync(`${file}.new`, content);
      renameSync(`${file}.new`, file);
    };
    using running = start(['runtime', '--config', file]);
    const said: string[] = [];
    running.child.stdout?.on('data', (chunk: Buffer) => said.push(chunk.toString()));
    const until = async (event: string): Promise<void> => {
      while (!said.join('').includes(event)) await sleep(50);
    };
    await until('"started"');
    replace(text.replace('tier: 0', 'tier: 9'));
    await until('configuration refused');
    await until('backups.store.tier: expected a tier');
    expect(said.join('')).toMatch(/\d+:\d+ backups\.store\.tier: expected a tier/);
    replace(text.replace('schedule: "17 4 * * *"', 'schedule: "18 4 * * *"'));
    await until('configuration changed');
    while (said.join('').split('"started"').length < 3) await sleep(50);
    replace(text);
    running.child.kill('SIGTERM');
    expect((await running.ended).code).toBe(0);
  });

  test('has a byte that was changed found, and the backup named', async () => {
    const id = await newest('site.configuration');
    const [data = ''] = globSync(`v1/shop/site.configuration/data/${id}/*`, { cwd: store });
    const path = join(store, data);
    const bytes = readFileSync(path);
    bytes[100]! ^= 1;
    chmodSync(path, 0o600);
    writeFileSync(path, bytes);
    const { stderr } = await expectExit(13, ['backup', 'verify', ...here]);
    expect(stderr).toContain(`bad  ${id}`);
    expect(JSON.parse((await berth(['backup', 'verify', '--json', ...here])).stdout)).toMatchObject({ bad: [{ id }] });
    const key = ['--key', join(usb, 'shop-operator.key')];
    const restored = await expectExit(0, ['restore', '--latest', '--only', 'config', '--into', at('sound'), ...key, ...here]);
    expect(restored.stderr).toContain(`${id} was found to be broken, and is left out`);
    expect(restored.stdout).not.toContain(id);
    expect((await expectExit(0, ['backup', 'list', ...here])).stdout).toMatch(new RegExp(`${id} .* broken`));
    expect((await listed()).restorable.map((each) => each.id)).not.toContain(id);
    // Nothing has changed since, and yet it is copied again.
    expect((await expectExit(0, ['backup', 'now', 'configuration', ...here])).stdout).toContain('made in');
  });

  test('has a signer that can be drawn anew, and believes what the old one signed', async () => {
    expect((await expectExit(0, ['secrets', 'list', ...here])).stdout).toMatch(/backup-signer\n {2}version +1[^]*?used by +the runtime/);
    await expectExit(0, ['secrets', 'rotate', 'backup-signer', ...here]);
    const before = await listed();
    expect(before.backups.length).toBeGreaterThan(2);
    await expectExit(0, ['backup', 'now', ...here]);
    expect((await listed()).backups.length).toBe(before.backups.length + 2);
    expect((await expectExit(9, ['kit', 'confirm', '--kit', kit, ...here], opened)).stderr).toContain('export a new kit');
  });
});
