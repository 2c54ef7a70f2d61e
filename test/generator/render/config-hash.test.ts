import { describe, expect, test } from 'vitest';
import { configHashes } from '../../../generator/render/config-hash.ts';
import type { Plan } from '../../../model/plan.ts';
import { helloPlan, prepareHello } from './hello.ts';

const plan = helloPlan({ set: { 'services.web.secrets': { SESSION_KEY: {}, TOKEN: { deliver: 'file' } } } });
const contents = (await prepareHello({ set: { 'services.web.secrets': { SESSION_KEY: {}, TOKEN: { deliver: 'file' } } } })).decision.merged;
const once = (): number => 1;
/** They run anew on every start, and read their files then. */
const tasks = new Set(['database-accounts', 'files-buckets']);
const base = configHashes(plan, contents, once);

/** Services whose hash is another one than that of the site as it is. */
const changed = (hashes: ReadonlyMap<string, string>): readonly string[] =>
  [...hashes]
    .filter(([name, hash]) => base.get(name) !== hash)
    .map(([name]) => name)
    .sort();
const withFile = (path: string, text: string) => configHashes(plan, new Map([...contents, [path, text]]), once);
const withVersion = (secret: string) => configHashes(plan, contents, (name) => (name === secret ? 2 : 1));

describe('the hash of what is mounted into a service', () => {
  test('is there for every service of compose.yaml, a slot each, and short enough to read', () => {
    expect([...base.keys()].sort()).toEqual([
      'cache',
      'database',
      'database-accounts',
      'edge',
      'files',
      'files-buckets',
      'web-blue',
      'web-green',
    ]);
    for (const [name, hash] of base) expect(hash).toMatch(tasks.has(name) ? /^read at every start$/ : /^[0-9a-f]{16}$/);
    expect(base.get('database')).not.toBe(base.get('cache'));
  });

  test.each([
    ['config/edge/nginx.conf', ['edge']],
    ['config/database/postgresql.conf', ['database']],
    ['config/database/pg_hba.conf', ['database']],
    ['config/cache/valkey.conf', ['cache']],
  ])('changes with %s for exactly %j', (path, services) => {
    expect(contents.has(path)).toBe(true);
    expect(changed(withFile(path, `${contents.get(path) ?? ''}\n`))).toEqual(services);
  });

  test('changes with the form of a secret file, although the secret is the same', () => {
    const other = plan.secretFiles.map((file) => (file.name === 'cache-acl' ? { ...file, text: [...file.text, 'user more on\n'] } : file));
    expect(changed(configHashes({ ...plan, secretFiles: other }, contents, once))).toEqual(['cache']);
  });

  test('changes with a mounted file that comes or goes', () => {
    expect(changed(withFile('config/cache/more.conf', 'x'))).toEqual(['cache']);
    expect(changed(configHashes(plan, new Map([...contents].filter(([path]) => path !== 'config/cache/valkey.conf')), once))).toEqual([
      'cache',
    ]);
  });

  test.each([
    'config/weights/weights.json',
    'SITE.md',
    'runtime.yaml',
    '.env',
    'compose.yaml',
    'release.yaml',
    'secrets/tls/site.crt',
    'secrets/tls/site-0123456789abcdef.key',
    'secrets/database-admin',
    'config/database-accounts/accounts.sql',
    'config/files-buckets/policy.json',
    'config/databases/x',
    'config/cache',
  ])('does not change with %s', (path) => {
    expect(changed(withFile(path, 'something else'))).toEqual([]);
  });

  test.each([
    ['database-admin', ['database']],
    ['database-app', ['web-blue', 'web-green']],
    ['cache-app', ['cache', 'web-blue', 'web-green']],
    ['files-root', ['files']],
    ['files-app', ['web-blue', 'web-green']],
    ['web-SESSION_KEY', ['web-blue', 'web-green']],
    ['web-TOKEN', ['web-blue', 'web-green']],
  ])('changes with a new version of %s for exactly its users', (secret, services) => {
    expect(plan.secrets.map(({ name }) => name)).toContain(secret);
    expect(changed(withVersion(secret))).toEqual(services);
  });

  test('changes with the shape of a variable that carries a secret, which compose.yaml does not show', () => {
    const moved: Plan = {
      ...plan,
      services: plan.services.map((service) =>
        service.name === 'web'
          ? {
              ...service,
              secretEnv: { ...service.secretEnv, DATABASE_URL: ['postgres://other:', { secret: 'database-app' }, '@database:5432/hello'] },
            }
          : service,
      ),
    };
    expect(changed(configHashes(moved, contents, once))).toEqual(['web-blue', 'web-green']);
  });

  test('is none of the value of a secret: a site drawn anew has the same hashes', () => {
    const others = new Map([...contents].map(([path, text]) => [path, path.startsWith('secrets/') ? `${text}other` : text] as const));
    expect(changed(configHashes(plan, others, once))).toEqual([]);
  });

  test('depends on no order in which files were rendered', () => {
    expect(changed(configHashes(plan, new Map([...contents].toReversed()), once))).toEqual([]);
  });
});
