import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { databaseOf, prepareHello } from './hello.ts';

/** Writes down what it was called with, makes the file that it is asked to back up to, and keeps what it is asked to restore. */
const sqlcmd = `#!/bin/bash
folder=$(dirname "$0")
statements=$(if [ -t 0 ]; then :; else cat; fi)
printf '%s\\n--- %s password=%s\\n' "$statements" "$*" "$SQLCMDPASSWORD" >>"$folder/asked"
[ ! -e "$folder/refuse" ] || { echo 'Login failed' >&2; exit 1; }
case $statements in
  *'BACKUP DATABASE'*) printf 'the copy' >"$folder/data/berth-copy.bak" ;;
  *'RESTORE DATABASE'*) cp "$folder/data/berth-copy.bak" "$folder/restored" ;;
esac
`;

describe('the scripts of a SQL Server, with a client that writes down what it is asked', () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-sqlserver-'));
  let files: ReadonlyMap<string, string>;
  beforeAll(async () => {
    files = (await prepareHello({ set: databaseOf('sqlserver') })).decision.merged;
    mkdirSync(join(folder, 'data'));
    writeFileSync(join(folder, 'sqlcmd'), sqlcmd);
    chmodSync(join(folder, 'sqlcmd'), 0o755);
    for (const name of ['database-admin', 'database-verifier']) writeFileSync(join(folder, name), files.get(`secrets/${name}`) ?? '');
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const run = (path: string, input = ''): string => {
    const script = join(folder, 'script.sh');
    const text = files.get(`config/database${path}`) ?? expect.unreachable(`no ${path}`);
    writeFileSync(
      script,
      text
        .replaceAll('/opt/mssql-tools18/bin/sqlcmd', `${folder}/sqlcmd`)
        .replaceAll('/run/secrets/', `${folder}/`)
        .replaceAll('/var/opt/mssql/', `${folder}/data/`)
        .replaceAll('/tmp/why', `${folder}/why`),
    );
    rmSync(join(folder, 'asked'), { force: true });
    return execFileSync('bash', [script], { input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] });
  };
  const asked = () => readFileSync(join(folder, 'asked'), 'utf8');

  test('make the account from the hash, and pass the password of the administrator by the environment', () => {
    run('-accounts/accounts.sh');
    const verifier = files.get('secrets/database-verifier') ?? '?';
    expect(asked()).toContain(`CREATE LOGIN [hello] WITH PASSWORD = ${verifier} HASHED, CHECK_POLICY = OFF, DEFAULT_DATABASE = [hello];`);
    expect(asked()).toContain(`password_hash = ${verifier} AND`);
    // Names of variables of T-SQL have reached it as they are.
    expect(asked()).toContain('SELECT @statement += CONCAT(');
    const calls = [...asked().matchAll(/^--- (.*) password=(.*)$/gm)];
    expect(calls.map(([, , password]) => password)).toEqual(calls.map(() => files.get('secrets/database-admin')));
    for (const [, call = ''] of calls) expect(call).toBe('-S database,1433 -U sa -No -C -l 10 -b -r1 -I -x -h -1 -W');
  });

  test('save no log where nobody ships it, and let nobody in for backups', () => {
    run('-accounts/accounts.sh');
    expect(asked()).toContain('ALTER DATABASE [hello] SET RECOVERY SIMPLE;');
    expect(asked()).toMatch(/ALTER LOGIN \[berth_backup\] DISABLE;[^]*DROP LOGIN \[berth_backup\];/);
    expect(asked()).not.toMatch(/CREATE LOGIN \[berth_backup\]|SET RECOVERY FULL/);
  });

  test('make an account for backups that copies and reads, has no role of the server, and a log that leads everywhere', async () => {
    const set = { ...databaseOf('sqlserver'), 'backups.folder': '/srv/backups', 'backups.buckets': 'none' };
    const plain = files;
    try {
      files = (await prepareHello({ set })).decision.merged;
      for (const name of ['database-verifier', 'database-backup-verifier'])
        writeFileSync(join(folder, name), files.get(`secrets/${name}`) ?? '');
      run('-accounts/accounts.sh');
      const verifier = files.get('secrets/database-backup-verifier') ?? '?';
      expect(verifier).toMatch(/^0x0200[0-9a-f]{136}$/);
      expect(asked()).toContain(
        `CREATE LOGIN [berth_backup] WITH PASSWORD = ${verifier} HASHED, CHECK_POLICY = OFF, DEFAULT_DATABASE = [master];`,
      );
      expect([...asked().matchAll(/ALTER ROLE (\w+) ADD MEMBER \[berth_backup\]/g)].map(([, role]) => role)).toEqual([
        'db_backupoperator',
        'db_datareader',
      ]);
      expect([...asked().matchAll(/^GRANT (.*) TO \[berth_backup\];$/gm)].map(([, right]) => right)).toEqual([
        'VIEW SERVER PERFORMANCE STATE',
        'VIEW DEFINITION',
        'SELECT ON dbo.backupset',
        'SELECT ON dbo.backupmediafamily',
        'EXECUTE ON dbo.sp_delete_backuphistory',
      ]);
      expect(asked()).not.toMatch(/ALTER SERVER ROLE \w+ ADD|SET RECOVERY SIMPLE/);
      expect(asked()).toContain('ALTER DATABASE [hello] SET RECOVERY FULL;');
      expect(asked()).toContain('ALTER DATABASE [hello] SET ALLOW_SNAPSHOT_ISOLATION ON;');
      // The one who copies has the password, and nobody else.
      expect(asked()).not.toContain(files.get('secrets/database-backup') ?? '?');
    } finally {
      files = plain;
      writeFileSync(join(folder, 'database-verifier'), files.get('secrets/database-verifier') ?? '');
    }
  });

  test('have a new database in a folder of its own, which is made before the server starts, and leave one of an earlier version where it is', () => {
    writeFileSync(join(folder, 'sqlservr'), '#!/bin/bash\n');
    chmodSync(join(folder, 'sqlservr'), 0o755);
    const start = files.get('config/database/start.sh') ?? '';
    const begin = (): void => {
      const script = start
        .replaceAll('/opt/mssql/bin/', `${folder}/`)
        .replaceAll('/run/secrets/', `${folder}/`)
        .replaceAll('/var/opt/mssql', `${folder}/volume`);
      execFileSync('bash', ['-c', script]);
    };
    mkdirSync(join(folder, 'volume/data'), { recursive: true });
    writeFileSync(join(folder, 'volume/data/hello.mdf'), 'of an earlier version');
    begin();
    expect(existsSync(join(folder, 'volume/database'))).toBe(false);
    rmSync(join(folder, 'volume/data/hello.mdf'));
    begin();
    expect(existsSync(join(folder, 'volume/database'))).toBe(true);
    run('-accounts/accounts.sh');
    expect(asked()).toContain(
      "ON PRIMARY (NAME = N'hello', FILENAME = N'/var/opt/mssql/database/hello.mdf')".replace('/var/opt/mssql/', `${folder}/data/`),
    );
    expect(asked()).toContain('FOR ATTACH');
  });

  test('give a copy and nothing else, and leave none behind', () => {
    expect(run('/dump.sh')).toBe('the copy');
    expect(existsSync(join(folder, 'data/berth-copy.bak'))).toBe(false);
  });

  test('bring back the copy that they are given, after it was verified, and leave none behind', () => {
    expect(run('/restore.sh', 'another copy')).toBe('');
    expect(readFileSync(join(folder, 'restored'), 'utf8')).toBe('another copy');
    expect(existsSync(join(folder, 'data/berth-copy.bak'))).toBe(false);
    expect(asked().indexOf('VERIFYONLY')).toBeLessThan(asked().indexOf('SINGLE_USER'));
  });

  test('are not ready, and give no copy, while the server refuses', () => {
    writeFileSync(join(folder, 'refuse'), '');
    try {
      for (const path of ['/ready.sh', '/dump.sh', '/restore.sh']) expect(() => run(path)).toThrow('Login failed');
    } finally {
      rmSync(join(folder, 'refuse'));
    }
    expect(run('/ready.sh')).toBe('');
  });
});
