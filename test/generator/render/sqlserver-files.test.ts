import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { lintSite } from '../../../cli/lint-site.ts';
import type { PreparedSite } from '../../../cli/site.ts';
import { currentSecret } from '../../../generator/io/ledger.ts';
import { databaseOf, prepareHello } from './hello.ts';

const scripts = ['/start.sh', '/ready.sh', '/dump.sh', '/restore.sh', '-accounts/accounts.sh'];

describe('the files of a SQL Server', () => {
  let [compose, kubernetes]: [PreparedSite | undefined, PreparedSite | undefined] = [undefined, undefined];
  const text = (site: PreparedSite | undefined, path: string) => site?.decision.merged.get(path) ?? expect.unreachable(`no ${path}`);
  const file = (path: string) => text(compose, `config/database${path}`);
  beforeAll(async () => {
    const set = databaseOf('sqlserver');
    [compose, kubernetes] = [await prepareHello({ set }), await prepareHello({ set, target: 'kubernetes' })];
  });

  test.each(scripts)('%s is shell that parses, and hands no password over on a command line', async (path) => {
    await promisify(execFile)('bash', ['-n', '-c', file(path)]);
    expect(file(path)).not.toMatch(/ -P /);
  });

  test('compare before they change: whatever changes something stands behind a question', () => {
    const batches = [...file('-accounts/accounts.sh').matchAll(/<<'?SQL'?\n([^]*?)\nSQL\n/g)].flatMap(([, sql = '']) => sql.split(/^GO$/m));
    const changing = batches.filter((batch) => /\b(?:CREATE|ALTER|REVOKE|sp_configure)\b/.test(batch));
    expect(changing.length).toBeGreaterThan(8);
    for (const batch of changing) {
      const lines = batch.split('\n').map((line) => line.trim());
      for (const [index, line] of lines.entries())
        if (/^(?:CREATE|ALTER|REVOKE|EXEC sp_configure|EXEC \(@statement\))/.test(line))
          expect([line, lines.slice(0, index).some((before) => /^(?:ELSE )?IF\b|^SELECT @statement \+=/.test(before))]).toEqual([
            line,
            true,
          ]);
    }
  });

  test('set what the plan decided, but for what the environment brings', () => {
    const configured = [...file('-accounts/accounts.sh').matchAll(/EXEC sp_configure (N'[^']+'), (\d+);/g)].map(([, name, value]) => [
      name,
      value,
    ]);
    const settings = compose?.plan.databases[0]?.settings.filter(({ name }) => !/^(?:MSSQL_|tempdb)/.test(name)) ?? [];
    expect(configured).toEqual([["N'show advanced options'", '1'], ...settings.map(({ name, value }) => [`N'${name}'`, value])]);
    expect(settings.map(({ name }) => name)).toContain('max server memory (MB)');
  });

  test('hold the hash that the server would make of the password, and a password that its rules let through', () => {
    if (!compose) expect.unreachable('not made');
    const [app, admin] = ['database-app', 'database-admin'].map((name) => currentSecret(compose!.ledger, name).reveal()) as [
      string,
      string,
    ];
    const verifier = text(compose, 'secrets/database-verifier');
    const [, salt = '', digest] = /^0x0200([0-9a-f]{8})([0-9a-f]{128})$/.exec(verifier) ?? [];
    const hashed = createHash('sha512').update(Buffer.from(app, 'utf16le')).update(Buffer.from(salt, 'hex')).digest('hex');
    expect(digest).toBe(hashed);
    expect(text(compose, 'secrets/database-admin')).toBe(`Aa1-${admin}`);
  });

  test('add one capability to one container, named with its reason, and nothing else is open', () => {
    const { services } = parse(text(compose, 'compose.yaml')) as { services: Record<string, { cap_add?: string[]; group_add?: string[] }> };
    expect(Object.entries(services).flatMap(([name, { cap_add }]) => (cap_add ? [[name, cap_add]] : []))).toEqual([
      ['database', ['NET_BIND_SERVICE']],
    ]);
    expect(text(kubernetes, 'k8s/generated/database.yaml')).toMatch(/add:\s+(?:- |\[)"?NET_BIND_SERVICE/);
    for (const site of [compose, kubernetes]) {
      const result = site && lintSite(site.plan, site.decision.merged);
      expect(result?.findings).toEqual([]);
    }
  });
});
