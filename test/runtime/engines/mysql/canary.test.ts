import { describe, expect, test } from 'vitest';
import { BerthError } from '../../../../model/errors.ts';
import { writeCanary } from '../../../../runtime/engines/mysql/canary.ts';
import type { Session } from '../../../../runtime/engines/mysql/session.ts';

/** Answers everything but the canary's own statement, which fails with this. */
function server(failure?: Error) {
  const asked: string[] = [];
  const rows = async (statement: string) => {
    asked.push(statement);
    if (failure !== undefined && statement.startsWith('UPDATE')) throw failure;
    return [];
  };
  const session: Session = { rows, row: async () => ({}), [Symbol.asyncDispose]: async () => undefined };
  return { session, asked };
}

describe('the canary of MySQL', () => {
  const held = new BerthError('unreachable', 'Lock wait timeout exceeded', 'it is tried again');

  test.each([
    ['is written', undefined, true],
    ['is left out where a lock is in its way', held, false],
  ])('%s, and what comes behind it waits for locks as long as before', async (_, failure, written) => {
    const { session, asked } = server(failure);
    expect(await writeCanary(session)).toBe(written);
    expect(asked).toEqual([
      'SET SESSION lock_wait_timeout = 2, innodb_lock_wait_timeout = 2',
      expect.stringMatching(/^UPDATE .+ = UTC_TIMESTAMP\(6\)$/),
      'SET SESSION lock_wait_timeout = DEFAULT, innodb_lock_wait_timeout = DEFAULT',
    ]);
  });

  test('passes a defect on, and resets the session all the same', async () => {
    const { session, asked } = server(new TypeError('defect'));
    await expect(writeCanary(session)).rejects.toThrow('defect');
    expect(asked.at(-1)).toContain('= DEFAULT');
  });
});
