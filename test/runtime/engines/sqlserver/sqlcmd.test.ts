import { describe, expect, test } from 'vitest';
import { BerthError } from '../../../../model/errors.ts';
import { Secret } from '../../../../model/secret.ts';
import { nameOf, textOf } from '../../../../runtime/engines/sqlserver/access.ts';
import { ask } from '../../../../runtime/engines/sqlserver/sqlcmd.ts';
import { refused, standIn, told, type Recorded } from './server-stand-in.ts';

const access = { host: 'database', port: 1433, user: 'berth_backup', password: new Secret('of-backup'), database: 'shop' };
const never = new AbortController().signal;

async function asking(recorded: Recorded) {
  const { programs, calls } = standIn(() => recorded);
  const answer = await ask(programs, access, "SELECT @answer = N'{}';", never).catch((error: unknown) => error);
  return { answer, call: calls[0] };
}

describe('the client of SQL Server, by a stand-in', () => {
  test('is told what to run by its standard input, and the password by its environment', async () => {
    const { call } = await asking({ output: told({}) });
    expect(call?.argv.slice(0, 5)).toEqual(['/opt/mssql-tools18/bin/sqlcmd', '-S', 'database,1433', '-U', 'berth_backup']);
    expect(call?.argv.join(' ')).not.toContain('of-backup');
    expect(call?.env).toMatchObject({ SQLCMDPASSWORD: 'of-backup' });
    expect(call?.input).toMatch(/^SET NOCOUNT ON;\nUSE \[shop\];\n/);
    expect(call?.input).toMatch(/\nGO\n$/);
    for (const option of ['-b', '-r1', '-x', '-No']) expect(call?.argv).toContain(option);
  });

  test('gives whatever the server says, letters of any script, blanks and lines of any length', async () => {
    const said = { text: `  Größe\n${'Жук '.repeat(9000)} `, none: null };
    expect((await asking({ output: `Changed database context to 'shop'.\n${told(said)}` })).answer).toEqual(said);
    // Broken anywhere, as a screen of another width would.
    expect((await asking({ output: told(said).replaceAll(/([0-9A-F]{61})/g, '$1\n') })).answer).toEqual(said);
  });

  test.each(['', '@berth\n\n@end\n', '@berth\n\n7B00', 'Timeout'])('does not take half an answer for one: %j', async (output) => {
    expect((await asking({ output })).answer).toMatchObject({
      kind: 'unreachable',
      message: '/opt/mssql-tools18/bin/sqlcmd gave no answer',
    });
  });

  test.each([
    [refused(18456, "Login failed for user 'berth_backup'.", 14), 'the password of berth_backup'],
    [refused(262, "BACKUP DATABASE permission denied in database 'shop'."), 'db_backupoperator, db_datareader'],
    [refused(916, 'The server principal "berth_backup" is not able to access the database "shop".', 14), 'start shop-accounts'],
    [
      refused(911, "Database 'shop' does not exist. Make sure that the name is entered correctly."),
      'see that the server has the database shop',
    ],
    [
      refused(3201, "Cannot open backup device '/var/tmp/database/full-1.bak'. Operating system error 5(Access is denied.)."),
      'have the same volume at /var/tmp',
    ],
    [
      refused(3202, 'Write on "/var/tmp/database/full-1.bak" failed: 112(There is not enough space on the disk.)'),
      'make room in the volume',
    ],
    [
      {
        code: 1,
        stderr:
          'Sqlcmd: Error: Microsoft ODBC Driver 18 for SQL Server : Login timeout expired.\nSqlcmd: Error: Microsoft ODBC Driver 18 for SQL Server : TCP Provider: Error code 0x2749.\n',
      },
      'can be reached at database, port 1433',
    ],
    [refused(3023, 'Backup, file manipulation operations and encryption changes on a database must be serialized.'), 'tried again'],
    [refused(50_000, 'something new'), 'see the log of the server'],
  ])('says what helps against what the server says', async (recorded, cure) => {
    const { answer } = await asking(recorded);
    if (!(answer instanceof BerthError)) expect.unreachable('no error');
    expect(answer.kind).toBe('unreachable');
    expect(answer.hint).toContain(cure);
    const cause = /^Msg \d+,[^\n]*\n(.*)/.exec(recorded.stderr ?? '')?.[1] ?? 'TCP Provider';
    expect(answer.message).toContain(cause);
  });

  test('quotes names and texts', () => {
    expect([nameOf('a]b'), textOf("o'brien")]).toEqual(['[a]]b]', "N'o''brien'"]);
  });
});
