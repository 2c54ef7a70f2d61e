import { describe, expect, test } from 'vitest';
import { refusalOf, type MysqlAccess } from '../../../../runtime/engines/mysql/access.ts';
import { dialects } from '../../../../runtime/engines/mysql/dialect.ts';
import { freezeServer } from '../../../../runtime/engines/mysql/facts.ts';
import type { Session } from '../../../../runtime/engines/mysql/session.ts';

const access: MysqlAccess = { host: 'database', port: 3306, user: 'berth_backup', password: null };
const blocked = refusalOf('MySQL')('ERROR 1205 (HY000): Lock wait timeout exceeded; try restarting transaction', access);
const limits = { bytes: 1, attempts: 3, pauseMs: 7 };

/** Gives the lock at the n-th time of asking. */
function server(freeAt: number) {
  const asked: string[] = [];
  const rows = async (statement: string) => {
    asked.push(statement);
    if (statement.startsWith('FLUSH') && asked.filter((each) => each === statement).length < freeAt) throw blocked;
    return [];
  };
  const session: Session = { rows, row: async () => ({ gtids: 'a' }), [Symbol.asyncDispose]: async () => undefined };
  return { session, asked };
}

describe('a moment of MySQL of which the place is known', () => {
  test('is had under a lock that is given back at once', async () => {
    const { session, asked } = server(1);
    expect(await freezeServer(dialects.mysql, limits, async () => undefined)(session)).toBe('a');
    expect(asked.slice(-3)).toEqual(['FLUSH TABLES WITH READ LOCK', 'START TRANSACTION WITH CONSISTENT SNAPSHOT', 'UNLOCK TABLES']);
    expect(asked[0]).toBe('SET SESSION lock_wait_timeout = 5');
  });

  test('is looked for again behind a long statement, with a pause, and given up in the end', async () => {
    const pauses: number[] = [];
    const pause = async (ms: number): Promise<void> => void pauses.push(ms);
    expect(await freezeServer(dialects.mysql, limits, pause)(server(3).session)).toBe('a');
    expect(await freezeServer(dialects.mysql, limits, pause)(server(4).session)).toBeNull();
    expect(pauses).toEqual([7, 7, 7, 7]);
  });
});

describe('a moment of MariaDB of which the place is known', () => {
  test.each([
    ['by what its account may call for that', false],
    ['and is had all the same where there is no such procedure', true],
  ])('is that of a session that does not log, %s', async (_, isMissing) => {
    const asked: string[] = [];
    const rows = async (statement: string) => {
      asked.push(statement);
      if (isMissing && statement.startsWith('CALL')) throw blocked;
      return [];
    };
    const session: Session = { rows, row: async () => ({ gtids: '0-1-2' }), [Symbol.asyncDispose]: async () => undefined };
    expect(await freezeServer(dialects.mariadb, limits, async () => undefined)(session)).toBe('0-1-2');
    expect(asked.slice(0, 2)).toEqual(['CALL `berth_canary`.`unlogged`()', 'START TRANSACTION WITH CONSISTENT SNAPSHOT']);
  });
});

describe('what a server says', () => {
  test.each([
    [
      "Access denied for user 'berth_backup'@'10.0.0.2' (using password: YES)",
      'see that the password of berth_backup is the one that the server knows',
    ],
    [
      'Access denied; you need (at least one of) the REPLICATION SLAVE privilege(s) for this operation',
      /^run GRANT SELECT, RELOAD, .* TO berth_backup as administrator/,
    ],
    ['Lock wait timeout exceeded; try restarting transaction', /takes very long/],
    ['connect ECONNREFUSED 10.0.0.2:3306', 'see that the server runs and can be reached at database, port 3306'],
    [
      "mysqldump: Got error: 2003: Can't connect to MySQL server on 'database:3306' (111)",
      'see that the server runs and can be reached at database, port 3306',
    ],
    ['Lost connection to MySQL server during query', /^it is tried again/],
  ])('%s, gets its cure', (message, hint) => {
    const refusal = refusalOf('MySQL')(message, access);
    expect(refusal).toMatchObject({ kind: 'unreachable', hint: typeof hint === 'string' ? hint : expect.stringMatching(hint) });
  });

  test('that is something else is nothing of this', () => {
    expect(refusalOf('MySQL')("Unknown column 'x' in 'field list'", access)).toBeUndefined();
  });
});
