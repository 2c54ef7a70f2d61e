import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { dialects } from '../../../runtime/engines/mysql/dialect.ts';
import { standingMysql } from '../../../runtime/engines/mysql/standing.ts';
import { standingPostgres } from '../../../runtime/engines/postgres/standing.ts';

describe('a server over restored data that stays', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'berth-standing-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  test('of PostgreSQL is reached by its socket alone, and follows nobody, whatever ALTER SYSTEM wrote', async () => {
    const argv = await standingPostgres(join(folder, 'data'), 512);
    const settings = argv.filter((_, index) => argv[index - 1] === '-c');
    expect(settings).toEqual(
      expect.arrayContaining([
        'listen_addresses=',
        'max_wal_senders=0',
        'max_logical_replication_workers=0',
        'shared_buffers=128MB',
        'shared_preload_libraries=',
      ]),
    );
    const file = (name: string): string => settings.find((one) => one.startsWith(`${name}=`))?.slice(name.length + 1) ?? '';
    expect(readFileSync(file('hba_file'), 'utf8')).toBe('local all all trust\n');
    expect(['config_file', 'ident_file'].map((name) => readFileSync(file(name), 'utf8'))).toEqual(['', '']);
  });

  test.each(['mysql', 'mariadb'] as const)('of %s is reached by its socket alone, and runs no events', async (engine) => {
    const argv = await standingMysql(dialects[engine], join(folder, 'data'), '1', 512);
    expect(argv.slice(0, 2)).toEqual([dialects[engine].programs.server, '--no-defaults']);
    expect(argv).toEqual(
      expect.arrayContaining([
        '--skip-networking',
        '--skip-grant-tables',
        '--event-scheduler=OFF',
        '--lower-case-table-names=1',
        '--innodb-buffer-pool-size=256M',
      ]),
    );
    expect(existsSync(argv.find((one) => one.startsWith('--tmpdir='))?.slice('--tmpdir='.length) ?? '')).toBe(true);
  });
});
