import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { temporarySite } from '../generator/io/site-fixture.ts';
import { expectExit, host, secretsOf } from './berth.ts';
import { edit, freshSite } from './sites.ts';

const fresh = freshSite(['--set', 'services.web.secrets={ SESSION_KEY: {}, TOKEN: { deliver: file } }']);
const parsed = (stdout: string): unknown => {
  expect(stdout).toMatch(/^[{[][^]*[}\]]\n$/);
  return JSON.parse(stdout) as unknown;
};

describe('--json', () => {
  test.each<{ args: readonly string[]; holds: object }>([
    {
      args: ['plan'],
      holds: { name: 'hello', profile: 'minimum', budget: { host: 32_768 }, release: { web: [{ slot: 'blue', weight: 100 }] } },
    },
    { args: ['explain'], holds: expect.arrayContaining([expect.objectContaining({ key: 'database.shared_buffers' })]) as object },
    {
      args: ['explain', 'database.shared_buffers'],
      holds: [{ key: 'database.shared_buffers', formula: expect.any(String), source: expect.any(String) }],
    },
    { args: ['images'], holds: expect.arrayContaining([expect.objectContaining({ licence: 'AGPL-3.0', status: 'frozen' })]) as object },
    { args: ['generate'], holds: { changes: [], conflicts: [], leftovers: [], drawn: [] } },
    { args: ['generate', '--check'], holds: { stale: false, changes: [] } },
    { args: ['certs', 'show'], holds: { imported: false, inPlace: true, leaf: { issuer: 'hello authority' } } },
    {
      args: ['secrets', 'list'],
      holds: { secrets: expect.arrayContaining([expect.objectContaining({ name: 'web-TOKEN', version: 1 })]) as object },
    },
  ])('of $args is valid and says nothing else', async ({ args, holds }) => {
    using site = fresh();
    const { stdout, stderr } = await expectExit(0, [...args, '--json', '--site', site.path]);
    expect(parsed(stdout)).toMatchObject(holds);
    expect(stderr).toBe('');
    for (const secret of secretsOf(site.path)) expect(stdout).not.toContain(secret);
  });

  test('of init is valid, names what was drawn and holds none of it', async () => {
    using folder = temporarySite();
    const { stdout, stderr } = await expectExit(0, ['init', 'a', '--profile', 'minimum', '--json', ...host], { cwd: folder.path });
    expect(parsed(stdout)).toMatchObject({
      site: join(folder.path, 'a'),
      changes: expect.arrayContaining([{ path: 'secrets/ledger.json', action: 'create' }]),
      drawn: expect.arrayContaining(['database-admin', 'tls']),
    });
    expect(stderr).toBe('');
    for (const secret of secretsOf(join(folder.path, 'a'))) expect(stdout).not.toContain(secret);
  });

  test('of a run that changes something says what, and which containers it recreates', async () => {
    using site = fresh();
    edit(site.path, 'berth.yaml', (text) => text.replace('use: cache', 'use: queue'));
    const { stdout } = await expectExit(0, ['generate', '--json', '--site', site.path]);
    expect(parsed(stdout)).toMatchObject({
      changes: expect.arrayContaining([{ path: 'config/cache/valkey.conf', action: 'update' }]),
      containers: { recreated: [{ service: 'cache', reasons: expect.any(Array) }] },
    });
    for (const secret of secretsOf(site.path)) expect(stdout).not.toContain(secret);
  });

  test.each<{ what: string; args: readonly string[]; code: number; error: object; spoil?: (site: string) => void }>([
    { what: 'usage', args: ['explain', 'nothing'], code: 2, error: { kind: 'usage' } },
    {
      what: 'spec',
      args: ['plan'],
      code: 3,
      error: { kind: 'spec', problems: [{ file: 'berth.yaml', line: 1, column: 1, message: 'the file is empty' }] },
      spoil: (site) => {
        writeFileSync(join(site, 'berth.yaml'), '');
      },
    },
    {
      what: 'capacity',
      args: ['plan'],
      code: 4,
      error: { kind: 'capacity' },
      spoil: (site) => {
        edit(site, 'berth.yaml', (text) => text.replace('32Gi', '1Gi'));
      },
    },
    {
      what: 'conflict',
      args: ['generate'],
      code: 5,
      error: { kind: 'conflict' },
      spoil: (site) => {
        edit(site, 'compose.yaml', (text) => `${text}# mine\n`);
      },
    },
    {
      what: 'io',
      args: ['generate'],
      code: 6,
      error: { kind: 'io' },
      spoil: (site) => {
        writeFileSync(join(site, '.berth/hashes.json'), '{');
      },
    },
    { what: 'unsupported', args: ['secrets', 'rotate', 'database-admin'], code: 8, error: { kind: 'unsupported' } },
    {
      what: 'stale',
      args: ['generate', '--check'],
      code: 9,
      error: { kind: 'stale' },
      spoil: (site) => {
        edit(site, 'berth.yaml', (text) => text.replace('32Gi', '30Gi'));
      },
    },
  ])('of a failure of the kind $what is valid and names its exit code', async ({ args, code, error, spoil }) => {
    using site = fresh();
    const secrets = secretsOf(site.path);
    spoil?.(site.path);
    const { stdout, stderr } = await expectExit(code, [...args, '--json', '--site', site.path]);
    expect(parsed(stdout)).toMatchObject({ error: { ...error, exitCode: code, hint: expect.stringMatching(/./) } });
    expect(stderr).toBe('');
    for (const secret of secrets) expect(stdout).not.toContain(secret);
  });
});

test('a secret stands in its declared place and in no other file of the site', () => {
  using site = fresh();
  const others = readdirSync(site.path, { recursive: true, encoding: 'utf8' }).filter(
    (path) => statSync(join(site.path, path)).isFile() && !path.startsWith('secrets/'),
  );
  const secrets = secretsOf(site.path);
  expect(secrets).toHaveLength(9);
  for (const secret of secrets) {
    expect(readFileSync(join(site.path, 'secrets/ledger.json'), 'utf8')).toContain(secret);
    expect(others.filter((path) => readFileSync(join(site.path, path), 'utf8').includes(secret))).toEqual([]);
  }
});
