import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { expectExit } from './berth.ts';
import { dockerStandIn } from './docker-stand-in.ts';
import { freshSite } from './sites.ts';

const fresh = freshSite();
const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const lockOf = (site: string) => join(site, 'images.lock.yaml');

/** Locks every image that the site fetches, as one thing. */
async function locked(site: string, config: string): Promise<readonly string[]> {
  const images = JSON.parse((await expectExit(0, ['images', '--json', '--site', site])).stdout) as { reference: string; status: string }[];
  const references = images.filter(({ status }) => status !== 'built here').map(({ reference }) => reference);
  const entry = (reference: string) =>
    `  ${reference}: { digest: "${digest('a')}", since: "2026-11-20T10:00:00.000Z", platforms: [{ platform: linux/amd64, manifest: "${digest('b')}", config: "${config}" }] }\n`;
  writeFileSync(lockOf(site), `version: 1\nimages:\n${references.map(entry).join('')}`);
  return references;
}

const engineWith = (id: string) =>
  dockerStandIn({ 'image inspect': JSON.stringify([{ Id: id, RepoDigests: [], Os: 'linux', Architecture: 'amd64' }]) });

describe('images verify, with a stand-in for docker', () => {
  test('says that all are what was locked, without any registry', async () => {
    using site = fresh();
    using docker = engineWith(digest('c'));
    await locked(site.path, digest('c'));
    const { stdout } = await expectExit(0, ['images', 'verify', '--site', site.path], { env: { PATH: docker.path } });
    expect(stdout).toMatch(/docker\.io\/library\/nginx:\S+\n +what it was on 2026-11-20: sha256:cccccccccccc…\n/);
    expect(stdout).toMatch(/\n\d+ ok, 0 warnings, 0 failures\n$/);
  });

  test('ends with a code of its own when the engine has another one, and JSON names it', async () => {
    using site = fresh();
    using docker = engineWith(digest('d'));
    const references = await locked(site.path, digest('c'));
    const { stdout } = await expectExit(11, ['images', 'verify', '--json', '--site', site.path], { env: { PATH: docker.path } });
    const { sound, diagnoses } = JSON.parse(stdout) as { sound: boolean; diagnoses: { id: string; verdict: string }[] };
    expect(sound).toBe(false);
    expect(diagnoses).toContainEqual(expect.objectContaining({ id: `image:${references.at(-1) ?? ''}`, verdict: 'fail' }));
  });

  test('asks for the lock where there is none', async () => {
    using site = fresh();
    const { stderr } = await expectExit(6, ['images', 'verify', '--site', site.path]);
    expect(stderr).toBe(
      'error: images.lock.yaml is not there\n→ run `berth images lock` where the registries can be reached, and carry the file here\n',
    );
  });

  test.each([
    { text: 'version: 1\nimages: [\n', says: /images\.lock\.yaml:\d+:\d+: / },
    { text: 'version: 1\nimages: { app: 1 }\n', says: /images\.lock\.yaml: images\.app is not what a lock has there/ },
    { text: 'a: &a [1]\nb: [*a, *a]\n', says: /images\.lock\.yaml:1:4: a lock has no aliases/ },
  ])('refuses a lock that says $text', async ({ text, says }) => {
    using site = fresh();
    writeFileSync(lockOf(site.path), text);
    expect((await expectExit(3, ['images', 'verify', '--site', site.path])).stderr).toMatch(says);
  });
});

describe('images lock', () => {
  test('that reaches no registry tells so of every image, and writes nothing', async () => {
    using site = fresh();
    // Nobody listens there, so no name is looked up and nothing leaves the machine.
    const env = { HTTPS_PROXY: 'http://127.0.0.1:9' };
    const { stderr } = await expectExit(10, ['images', 'lock', '--site', site.path], { env });
    for (const part of ['docker.io/library/nginx:', 'quay.io/minio/minio:', 'images.lock.yaml is as it was'])
      expect(stderr).toContain(part);
    expect(existsSync(lockOf(site.path))).toBe(false);
    await locked(site.path, digest('c'));
    const before = readFileSync(lockOf(site.path), 'utf8');
    await expectExit(10, ['images', 'lock', '--site', site.path], { env });
    expect(readFileSync(lockOf(site.path), 'utf8')).toBe(before);
  });

  test('takes its own options and not those of its parent', async () => {
    const { stdout } = await expectExit(0, ['images', 'lock', '--help']);
    expect(stdout).toContain('--check');
    await expectExit(2, ['images', '--check']);
  });

  test.each([
    { args: ['images', 'lok'], command: 'berth images' },
    { args: ['images', 'lock', '--chek'], command: 'berth images lock' },
    { args: ['imagse'], command: 'berth' },
  ])('typed as $args is told whose help to read', async ({ args, command }) => {
    expect((await expectExit(2, args)).stderr).toContain(`→ \`${command} --help\` shows how to use it\n`);
  });
});
