import { readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { snapshot, temporarySite } from '../generator/io/site-fixture.ts';
import { berth, expectExit, secretsOf } from './berth.ts';

const init = ['init', 'my-site', '--profile', 'recommended', '--target', 'kubernetes'];
const read = (site: string, path: string): string => readFileSync(join(site, path), 'utf8');
const edit = (site: string, path: string, change: (text: string) => string): void => {
  const before = read(site, path);
  const after = change(before);
  expect(after).not.toBe(before);
  writeFileSync(join(site, path), after);
};

describe('a site for a cluster', () => {
  test('is whole after init, without asking what this machine has', async () => {
    using folder = temporarySite();
    const site = join(folder.path, 'my-site');
    const { stdout } = await expectExit(0, [...init, '--set', 'domain=app.example.com'], { cwd: folder.path });
    expect(stdout).toMatch(/^my-site {2}recommended, kubernetes, no particular cluster\n/);
    expect(stdout).toContain('kubectl apply -f k8s/secrets && kubectl apply -k k8s/site');
    expect(readdirSync(site).sort()).toEqual(['.berth', 'SITE.md', 'app', 'berth.yaml', 'k8s', 'release.yaml', 'runtime.yaml', 'secrets']);
    expect(parse(read(site, 'berth.yaml'))).not.toHaveProperty('host');
    for (const secret of ['secrets', 'k8s/secrets']) expect((statSync(join(site, secret)).mode & 0o777).toString(8)).toBe('700');
    for (const file of readdirSync(join(site, 'k8s/secrets')))
      expect((statSync(join(site, 'k8s/secrets', file)).mode & 0o777).toString(8)).toBe('600');
    expect((await expectExit(0, ['generate', '--check', '--site', site])).stdout).toContain('fit the types of Kubernetes');
  });

  test('is the same after a second generate, and shows no secret but where secrets belong', async () => {
    using folder = temporarySite();
    const site = join(folder.path, 'my-site');
    const made = await expectExit(0, init, { cwd: folder.path });
    const before = snapshot(site);
    const again = await expectExit(0, ['generate', '--site', site]);
    expect(again.stdout).toContain('Nothing to write');
    expect(snapshot(site)).toEqual(before);
    const secrets = secretsOf(site);
    expect(secrets.length).toBeGreaterThan(6);
    const open = before.filter((entry) => !/^\d{4} (?:k8s\/)?secrets\//.test(entry));
    expect(open.length).toBeGreaterThan(30);
    expect(before.filter((entry) => entry.includes(secrets[0] ?? '?')).length).toBeGreaterThan(0);
    for (const secret of secrets)
      for (const form of [secret, Buffer.from(secret).toString('base64')]) {
        expect(open.filter((entry) => entry.includes(form)).map((entry) => entry.slice(0, 60))).toEqual([]);
        expect(made.stdout + made.stderr + again.stdout).not.toContain(form);
      }
  });

  test('is written to the end by one generate, whatever that adds to its claims or takes from them', async () => {
    using folder = temporarySite();
    const site = join(folder.path, 'my-site');
    const host = ['--host-cpus', '8', '--host-memory', '64Gi', '--host-disk', '900Gi'];
    await expectExit(0, ['init', 'my-site', '--profile', 'minimum', '--target', 'kubernetes', ...host], { cwd: folder.path });
    for (const change of [
      (text: string) => text.replace('profile: minimum', 'profile: recommended'),
      (text: string) => text.replace('  database: {', '  maindb: {').replace('[ database,', '[ maindb,'),
      (text: string) => text.replace('{ engine: postgres }', '{ engine: postgres, operator: cloudnative-pg }'),
    ]) {
      edit(site, 'berth.yaml', change);
      await expectExit(0, ['generate', '--site', site]);
      await expectExit(0, ['generate', '--check', '--site', site]);
    }
    expect(read(site, 'SITE.md')).toContain('delete k8s/generated/00-namespace.yaml');
    expect(read(site, 'k8s/generated/00-namespace.yaml')).toContain('StatefulSet/database 1 x');
    rmSync(join(site, 'k8s/generated/00-namespace.yaml'));
    await expectExit(0, ['generate', '--site', site]);
    expect(read(site, 'k8s/generated/00-namespace.yaml')).not.toContain('left-claims');
  });

  test('keeps what its owner wrote into the overlay, merges config/ and refuses an edit of a manifest', async () => {
    using folder = temporarySite();
    const site = join(folder.path, 'my-site');
    await expectExit(0, init, { cwd: folder.path });
    edit(site, 'k8s/site/kustomization.yaml', (text) => text.replace('# images:', 'images:'));
    edit(site, 'k8s/generated/config/cache-node/valkey.conf', (text) => `${text}# mine\n`);
    edit(site, 'berth.yaml', (text) => text.replace('    port: 3000\n', '    port: 3000\n    pool: 21\n'));
    const overlay = read(site, 'k8s/site/kustomization.yaml');
    const { stdout } = await expectExit(0, ['generate', '--site', site]);
    expect(stdout).toContain('replaces the pods of web-blue');
    expect(stdout).toContain('k8s/generated/config/cache-node/valkey.conf changed');
    expect(read(site, 'k8s/site/kustomization.yaml')).toBe(overlay);
    expect(read(site, 'k8s/generated/config/cache-node/valkey.conf')).toMatch(/# mine\n$/);
    edit(site, 'k8s/generated/web.yaml', (text) => text.replace('replicas: 3', 'replicas: 4'));
    edit(site, 'berth.yaml', (text) => text.replace('pool: 21', 'pool: 22'));
    const refused = await expectExit(5, ['generate', '--site', site]);
    expect(refused.stderr).toContain('put the change into k8s/site as a patch');
    expect(read(site, 'k8s/generated/web.yaml')).toContain('replicas: 4');
  });

  test('warns of what a cluster refuses to change', async () => {
    using folder = temporarySite();
    const site = join(folder.path, 'my-site');
    await expectExit(0, init, { cwd: folder.path });
    edit(site, 'berth.yaml', (text) => text.replace('database: { engine: postgres }', 'database: { engine: postgres, disk: 900Gi }'));
    expect((await expectExit(0, ['generate', '--site', site])).stdout).toContain(
      'is refused for database: the claims of a StatefulSet cannot be changed',
    );
  });

  test('follows release.yaml: the slot, its image, its weight', async () => {
    using folder = temporarySite();
    const site = join(folder.path, 'my-site');
    await expectExit(0, init, { cwd: folder.path });
    edit(site, 'release.yaml', (text) => `${text}    green: { image: "berth/hello:0.2.0", weight: 0 }\n`);
    const { stdout } = await expectExit(0, ['generate', '--site', site]);
    expect(stdout).toContain('scales web-green from 0 to 1');
    expect(read(site, 'k8s/generated/web.yaml')).toContain('image: berth/hello:0.2.0');
    edit(site, 'release.yaml', (text) => text.replace('weight: 100', 'weight: 95').replace('weight: 0', 'weight: 5'));
    const weights = await expectExit(0, ['generate', '--site', site]);
    expect(weights.stdout).toContain('no pod has to be replaced for this');
    expect(weights.stdout).toContain('web blue 95 %, green 5 %');
  });

  test('is checked together with its overlay, whose mistakes are named before a cluster sees them', async () => {
    using folder = temporarySite();
    const site = join(folder.path, 'my-site');
    await expectExit(0, init, { cwd: folder.path });
    expect((await expectExit(0, ['lint', '--site', site])).stdout).toContain('every check holds');
    const overlay = 'k8s/site/kustomization.yaml';
    edit(site, overlay, (text) => `${text}images: [{ name: nginx, newTag: "1" }]\npatches: [{ path: mine.yaml }]\nhelmCharts: []\n`);
    const { stdout } = await expectExit(12, ['lint', '--site', site]);
    expect(stdout).toMatch(
      /overlay-image {2}Kustomization k8s\/site\n +images\[0\]\.name: nginx is no image of the site\n[^→]*→ write the name/,
    );
    expect(stdout).toContain('patches[0].path: there is no k8s/site/mine.yaml');
    expect(stdout).toContain('not looked into: helmCharts of k8s/site/kustomization.yaml');
    expect((await expectExit(12, ['generate', '--check', '--site', site])).stderr).toContain('overlay-path, overlay-image');
    writeFileSync(join(site, 'k8s/site/mine.yaml'), 'kind: Service\nmetadata: { name: none }\n');
    const json = JSON.parse((await expectExit(12, ['lint', '--json', '--site', site])).stdout) as object;
    expect(json).toMatchObject({ findings: [{ id: 'overlay-image' }, { id: 'overlay-target' }], unseen: [expect.any(String)] });
  });

  test('shows the whole plan as JSON, and explains what only a cluster has', async () => {
    using folder = temporarySite();
    const site = join(folder.path, 'my-site');
    await expectExit(0, init, { cwd: folder.path });
    const plan = JSON.parse((await expectExit(0, ['plan', '--json', '--site', site])).stdout) as object;
    expect(plan).toMatchObject({
      release: { web: [{ slot: 'blue', weight: 100 }] },
      kubernetes: { namespace: 'my-site', pods: { web: { preStop: 15, grace: 45 } }, quota: { 'my-site': { claims: 9 } } },
    });
    expect((await expectExit(0, ['explain', 'web.terminationGracePeriodSeconds', '--site', site])).stdout).toMatch(/= 45s\n/);
  });

  test.each([
    { from: 'kubernetes', to: 'compose' },
    { from: 'compose', to: 'kubernetes' },
  ])('does not become one for $to when it was made for $from', async ({ from, to }) => {
    using folder = temporarySite();
    const site = join(folder.path, 'my-site');
    await expectExit(0, ['init', 'my-site', '--profile', 'minimum', '--target', from], { cwd: folder.path });
    edit(site, 'berth.yaml', (text) => text.replace(`target: ${from}`, `target: ${to}`));
    const before = snapshot(site);
    const refused = await expectExit(5, ['generate', '--site', site]);
    expect(refused.stderr).toContain(`the site was made for ${from}`);
    expect(snapshot(site)).toEqual(before);
  });

  test.each([
    { what: 'whose size is known in part', more: ['--host-cpus', '64'], says: '--host-memory and --host-disk missing' },
    { what: 'that is fitted to nothing', more: ['--no-fit'], says: '--no-fit says nothing' },
  ])('$what is refused', async ({ more, says }) => {
    using folder = temporarySite();
    const refused = await expectExit(2, [...init, ...more], { cwd: folder.path });
    expect(refused.stderr).toContain(says);
    expect(readdirSync(folder.path)).toEqual([]);
  });

  test('refuses names that would stand for two things', async () => {
    using folder = temporarySite();
    const refused = await berth([...init, '--set', 'caches.database-nodes={ engine: valkey }'], { cwd: folder.path });
    expect(refused.code).toBe(3);
    expect(refused.stderr).toContain('the name "database-nodes" is already taken by databases.database');
  });

  test('without its ledger draws no other passwords for volumes that know the old ones', async () => {
    using folder = temporarySite();
    const site = join(folder.path, 'my-site');
    await expectExit(0, init, { cwd: folder.path });
    rmSync(join(site, 'secrets/ledger.json'));
    const refused = await expectExit(6, ['generate', '--site', site]);
    expect(refused.stderr).toContain('secrets/ledger.json is gone');
    expect(refused.stderr).toContain('delete all of k8s/secrets/');
  });
});
