import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { lockSite } from '../../generator/io/lock.ts';
import { snapshot } from '../generator/io/site-fixture.ts';
import { berth, expectExit, secretsOf, start } from './berth.ts';
import { edit, freshSite } from './sites.ts';

const own = ['--set', 'services.web.secrets={ SESSION_KEY: {}, TOKEN: { deliver: file } }'];
const fresh = freshSite(own);
const cluster = freshSite([...own, '--target', 'kubernetes']);

interface Written {
  readonly secrets: Readonly<Record<string, readonly string[]>>;
  readonly drawn: Readonly<Record<string, readonly string[]>>;
}
const read = (site: string, path: string) => readFileSync(join(site, path), 'utf8');
const ledgerOf = (site: string) => JSON.parse(read(site, 'secrets/ledger.json')) as Written;
const valueOf = (site: string, name: string) => ledgerOf(site).secrets[name]?.at(-1) ?? '?';
const label = (site: string, service: string) =>
  new RegExp(`\\n  ${service}:\\n[^]*?berth\\.config: "([^"]+)"`).exec(read(site, 'compose.yaml'))?.[1];

describe('secrets list', () => {
  test('names every secret with its users and its date, and holds no value', async () => {
    using site = fresh();
    const { stdout } = await expectExit(0, ['secrets', 'list', '--site', site.path]);
    for (const name of Object.keys(ledgerOf(site.path).secrets)) expect(stdout).toMatch(new RegExp(`^${name}$`, 'm'));
    expect(stdout).toContain(`version  1, drawn on ${new Date().toISOString().slice(0, 10)}`);
    expect(stdout).toContain('web by variable DATABASE_URL');
    for (const secret of secretsOf(site.path)) expect(stdout).not.toContain(secret);
  });

  test('has the same as JSON', async () => {
    using site = fresh();
    const { stdout } = await expectExit(0, ['secrets', 'list', '--json', '--site', site.path]);
    const { secrets } = JSON.parse(stdout) as { secrets: readonly object[] };
    expect(secrets).toContainEqual({
      name: 'database-app',
      version: 1,
      drawn: ledgerOf(site.path).drawn['database-app']?.[0],
      opens: 'account hello of database',
      usedBy: [
        { service: 'web', by: 'variable', place: 'DATABASE_URL', form: 'plain' },
        { service: 'web', by: 'variable', place: 'DATABASE_READ_URL', form: 'plain' },
        { service: 'database-accounts', by: 'file', place: '/run/secrets/database-verifier', form: 'scram-sha-256' },
        { service: 'database-accounts', by: 'file', place: '/run/secrets/database-verifier-second', form: 'scram-sha-256' },
      ],
      before: false,
      login: 'hello',
      rotatable: true,
      runtime: false,
    });
    expect(secrets).toContainEqual(
      expect.objectContaining({ name: 'database-admin', rotatable: false, because: expect.stringMatching(/./) as string }),
    );
    for (const secret of secretsOf(site.path)) expect(stdout).not.toContain(secret);
  });

  test('of a ledger from before dates were kept says so', async () => {
    using site = fresh();
    const { drawn: _, ...before } = ledgerOf(site.path);
    edit(site.path, 'secrets/ledger.json', () => `${JSON.stringify(before, null, 2)}\n`);
    expect((await expectExit(0, ['secrets', 'list', '--site', site.path])).stdout).toContain(
      'version  1, drawn before that was written down',
    );
  });
});

describe('secrets rotate', () => {
  test('adds a version, keeps the old one, and changes exactly the files and labels of its users', async () => {
    using site = fresh();
    const [old, labels] = [ledgerOf(site.path), ['web-blue', 'cache', 'database', 'files'].map((name) => label(site.path, name))];
    const others = snapshot(site.path).filter((line) => !/ledger|web\.env|verifier|compose\.yaml|hashes/.test(line));
    const { stdout } = await expectExit(0, ['secrets', 'rotate', 'database-app', '--site', site.path]);
    const { secrets, drawn } = ledgerOf(site.path);
    expect(secrets['database-app']).toEqual([old.secrets['database-app']?.[0], expect.stringMatching(/^[A-Za-z0-9]{32}$/)]);
    expect(drawn['database-app']).toHaveLength(2);
    expect({ ...secrets, 'database-app': 0 }).toEqual({ ...old.secrets, 'database-app': 0 });
    expect(read(site.path, 'secrets/web.env')).toContain(`DATABASE_URL=postgres://hello_berth:${valueOf(site.path, 'database-app')}@`);
    const now = ['web-blue', 'cache', 'database', 'files'].map((name) => label(site.path, name));
    expect(now.map((one, index) => one !== labels[index])).toEqual([true, false, false, false]);
    expect(snapshot(site.path).filter((line) => !/ledger|web\.env|verifier|compose\.yaml|hashes/.test(line))).toEqual(others);
    expect(stdout).toContain('recreates web-blue');
    expect(stdout).toContain('database-app is at version 2');
    expect(stdout).toMatch(/1\. in release\.yaml, fill green of web[^]*2\. docker compose up -d --wait web-green\n/);
    for (const secret of secretsOf(site.path)) expect(stdout).not.toContain(secret);
    await expectExit(0, ['generate', '--check', '--site', site.path]);
  });

  test('says the same as JSON, without the value', async () => {
    using site = fresh();
    const { stdout } = await expectExit(0, ['secrets', 'rotate', 'web-SESSION_KEY', '--json', '--site', site.path]);
    expect(JSON.parse(stdout)).toMatchObject({
      secret: 'web-SESSION_KEY',
      version: 2,
      drawn: ['web-SESSION_KEY'],
      short: ['docker compose up -d --wait'],
    });
    for (const secret of secretsOf(site.path)) expect(stdout).not.toContain(secret);
  });

  test('refuses what an engine would not take, with the reason, and writes nothing', async () => {
    using site = fresh();
    const before = snapshot(site.path);
    const { stderr } = await expectExit(8, ['secrets', 'rotate', 'database-admin', '--site', site.path]);
    expect(stderr).toContain('takes it while its volume is empty');
    expect(snapshot(site.path)).toEqual(before);
  });

  test('refuses a name that is none, and shows those there are', async () => {
    using site = fresh();
    expect((await expectExit(2, ['secrets', 'rotate', 'nothing', '--site', site.path])).stderr).toContain(
      'cache-app, database-admin, database-app',
    );
  });

  test('does not bring in an edit of the spec by the way', async () => {
    using site = fresh();
    edit(site.path, 'berth.yaml', (text) => text.replace('use: cache', 'use: queue'));
    const before = snapshot(site.path);
    await expectExit(9, ['secrets', 'rotate', 'database-app', '--site', site.path]);
    expect(snapshot(site.path)).toEqual(before);
  });

  test('on Kubernetes writes the Secrets of the users and names the apply', async () => {
    using site = cluster();
    const before = ['web-secrets', 'cache-secrets', 'files-secrets'].map((name) => read(site.path, `k8s/secrets/${name}.yaml`));
    const { stdout } = await expectExit(0, ['secrets', 'rotate', 'cache-app', '--site', site.path]);
    const now = ['web-secrets', 'cache-secrets', 'files-secrets'].map((name) => read(site.path, `k8s/secrets/${name}.yaml`));
    expect(now.map((text, index) => text !== before[index])).toEqual([true, true, false]);
    expect(stdout).toContain('kubectl apply -f k8s/secrets && kubectl apply -k k8s/site');
  });
});

describe('secrets retire', () => {
  const rotate = ['secrets', 'rotate', 'database-app'];
  const retire = ['secrets', 'retire', 'database-app'];

  test('ends a rotation: the version before counts until then, and no container changes by its end', async () => {
    using site = fresh();
    const here = ['--site', site.path];
    const { stdout: rotated } = await expectExit(0, [...rotate, ...here]);
    expect(rotated).toMatch(/so that no request fails:[^]*6\. berth secrets retire database-app\n {2}7\. docker compose up -d --wait\n/);
    expect((await expectExit(0, ['secrets', 'list', ...here])).stdout).toContain(
      'as well  version 1, until `berth secrets retire database-app`',
    );
    expect((await expectExit(0, ['secrets', 'list', ...here])).stdout).toContain('account hello of database, by the login hello_berth');
    const compose = read(site.path, 'compose.yaml');
    const { stdout } = await expectExit(0, [...retire, ...here]);
    expect(stdout).toMatch(/Version 1 of database-app is let in until this has run[^]*\n {2}docker compose up -d --wait\n$/);
    expect(read(site.path, 'compose.yaml')).toBe(compose);
    expect(read(site.path, 'secrets/database-verifier')).toBe('');
    expect((await expectExit(0, ['secrets', 'list', ...here])).stdout).not.toContain('as well');
    await expectExit(0, ['generate', '--check', ...here]);
    for (const secret of secretsOf(site.path)) expect(stdout).not.toContain(secret);
  });

  test('comes before the next rotation: a third version would shut out whoever has the first', async () => {
    using site = fresh();
    const here = ['--site', site.path];
    await expectExit(0, [...rotate, ...here]);
    const before = snapshot(site.path);
    const { stderr } = await expectExit(8, [...rotate, ...here]);
    expect(stderr).toContain('its last rotation has not come to its end');
    expect(stderr).toContain('berth secrets retire database-app');
    expect(snapshot(site.path)).toEqual(before);
    await expectExit(0, [...retire, ...here]);
    await expectExit(0, [...rotate, ...here]);
    expect(read(site.path, 'secrets/web.env')).toContain(`DATABASE_URL=postgres://hello:${valueOf(site.path, 'database-app')}@`);
  });

  test('of what has nothing to retire, or of no secret at all, is refused and changes nothing', async () => {
    using site = fresh();
    const before = snapshot(site.path);
    for (const name of ['database-app', 'cache-app', 'nothing']) await expectExit(2, ['secrets', 'retire', name, '--site', site.path]);
    expect(snapshot(site.path)).toEqual(before);
  });

  test('in a cluster has the task alone run again', async () => {
    using site = cluster();
    const here = ['--site', site.path];
    await expectExit(0, [...rotate, ...here]);
    const manifests = ['web', 'database', 'database-accounts'].map((name) => read(site.path, `k8s/generated/${name}.yaml`));
    const { stdout } = await expectExit(0, [...retire, '--json', ...here]);
    expect(JSON.parse(stdout)).toMatchObject({
      secret: 'database-app',
      retired: 1,
      apply: 'kubectl apply -f k8s/secrets && kubectl apply -k k8s/site',
    });
    expect(
      ['web', 'database', 'database-accounts'].map((name, index) => read(site.path, `k8s/generated/${name}.yaml`) !== manifests[index]),
    ).toEqual([false, false, true]);
  });
});

describe('secrets reveal', () => {
  test('of a folder that is no site says so, and of a site whose ledger was lost what to do', async () => {
    using site = fresh();
    const reveal = (folder: string) => ['secrets', 'reveal', 'database-app', '--force', '--site', folder];
    expect((await expectExit(2, reveal(join(site.path, 'config')))).stderr).toContain('config is not a site: it has no berth.yaml');
    rmSync(join(site.path, 'secrets/ledger.json'));
    for (const args of [reveal(site.path), ['secrets', 'list', '--site', site.path]])
      expect((await expectExit(6, args)).stderr).toMatch(/ledger\.json is not there\n→ restore secrets\/ledger\.json from your last copy/);
  });

  test('refuses where the value would stay: in a pipe, and as JSON', async () => {
    using site = fresh();
    for (const args of [
      ['reveal', 'database-app'],
      ['reveal', 'database-app', '--json'],
    ]) {
      const { stdout } = await expectExit(2, ['secrets', ...args, '--site', site.path]);
      expect(stdout).not.toContain(valueOf(site.path, 'database-app'));
    }
  });

  test('prints exactly the value when it is meant so', async () => {
    using site = fresh();
    await expectExit(0, ['secrets', 'rotate', 'database-app', '--site', site.path]);
    const [first, second] = ledgerOf(site.path).secrets['database-app'] ?? [];
    const reveal = async (...args: string[]) =>
      (await expectExit(0, ['secrets', 'reveal', 'database-app', '--force', ...args, '--site', site.path])).stdout;
    expect(await reveal()).toBe(`${second}\n`);
    expect(await reveal('--ledger-version', '1')).toBe(`${first}\n`);
    expect(JSON.parse(await reveal('--json'))).toEqual({ name: 'database-app', version: 2, value: second });
    expect(
      (await expectExit(2, ['secrets', 'reveal', 'database-app', '--force', '--ledger-version', '3', '--site', site.path])).stderr,
    ).toContain('no version 3');
    await expectExit(2, ['secrets', 'reveal', 'nothing', '--force', '--site', site.path]);
  });
});

describe('a rotation', () => {
  const files = (site: string) =>
    [['secrets/ledger.json'], ['secrets/web.env'], ['secrets/database-verifier', 'secrets/database-verifier-second'], ['compose.yaml']].map(
      (paths) => paths.map((path) => read(site, path)).join('\n'),
    );

  test('that is killed at any moment is done or not, once the next run is through, and no version is lost', async () => {
    using site = fresh();
    const rotate = ['secrets', 'rotate', 'database-app', '--site', site.path];
    for (let wait = 60; wait < 260; wait += 12) {
      const [old, before] = [files(site.path), ledgerOf(site.path).secrets['database-app'] ?? []];
      using running = start(rotate);
      await sleep(wait);
      running.child.kill('SIGKILL');
      await running.ended;
      await expectExit(0, ['generate', '--site', site.path]);
      const now = ledgerOf(site.path).secrets['database-app'] ?? [];
      expect(now.slice(0, before.length)).toEqual(before);
      expect([0, 1]).toContain(now.length - before.length);
      const changed = files(site.path).map((text, index) => text !== old[index]);
      expect(new Set(changed).size, `after ${wait} ms: ${changed.join()}`).toBe(1);
      expect(changed[0]).toBe(now.length > before.length);
      if (changed[0]) await expectExit(0, ['secrets', 'retire', 'database-app', '--site', site.path]);
      expect(read(site.path, 'secrets/web.env')).toContain(`:${now.at(-1)}@database`);
      expect(readdirSync(join(site.path, '.berth')).sort()).toEqual(['base', 'berth.schema.json', 'hashes.json', 'lock']);
    }
  });

  test('waits for nobody: the second is told that the site is locked', async () => {
    using site = fresh();
    using _held = lockSite(site.path);
    await expectExit(7, ['secrets', 'rotate', 'database-app', '--site', site.path]);
  });

  test('started several times at once draws one version for each that ended well', async () => {
    using site = fresh();
    const all = await Promise.all(
      ['database-app', 'cache-app', 'files-app', 'cache-app', 'web-TOKEN'].map((name) =>
        berth(['secrets', 'rotate', name, '--site', site.path]),
      ),
    );
    for (const { code } of all) expect([0, 7]).toContain(code);
    const drawn = Object.values(ledgerOf(site.path).secrets).reduce((sum, versions) => sum + versions.length - 1, 0);
    expect(drawn).toBe(all.filter(({ code }) => code === 0).length);
    await expectExit(0, ['generate', '--check', '--site', site.path]);
  });

  test('of a ledger that cannot be read changes nothing', async () => {
    using site = fresh();
    writeFileSync(join(site.path, 'secrets/ledger.json'), '{');
    const before = snapshot(site.path);
    await expectExit(6, ['secrets', 'rotate', 'database-app', '--site', site.path]);
    expect(snapshot(site.path)).toEqual(before);
  });
});
