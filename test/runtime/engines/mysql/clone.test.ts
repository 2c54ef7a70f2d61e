import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { cloneServer, readPlace } from '../../../../runtime/engines/mysql/clone.ts';
import { dialects } from '../../../../runtime/engines/mysql/dialect.ts';
import type { Begun } from '../../../../runtime/engines/mysql/full-copy.ts';

const server = '914a4f10-e768-11f1-bdea-0242ac120002';

test('the place of a clone is read as MySQL 9.7 writes it, also with transactions of many servers', () => {
  expect(readPlace(`1795457278121893\n1795457278617616\n./binlog.000002\n125555834\n${server}:1-26\n`)).toEqual({
    place: { file: 'binlog.000002', position: 125_555_834 },
    gtids: `${server}:1-26`,
  });
  expect(readPlace(`1\n2\n/var/lib/mysql/log/binlog.001234\n157\n${server}:1-26,\n3e11fa47-71ca-11e1-9e33-c80aa9429562:1-3:7\n`)).toEqual({
    place: { file: 'binlog.001234', position: 157 },
    gtids: `${server}:1-26,3e11fa47-71ca-11e1-9e33-c80aa9429562:1-3:7`,
  });
});

test.each([
  '',
  '1\n2\n',
  '1\n2\n\n0\n\n',
  `1\n2\n./binlog.000002\n0\n${server}:1-26\n`,
  '1\n2\n./binlog.000002\n157\n',
  '1\n2\nx\nmany\ny\n',
])('what is no place of a clone is none: %j', (text) => expect(readPlace(text)).toBeUndefined());

/** What a server answers that could be cloned, but for `changes`; nothing stands in for cloning it. */
const asked = (changes: { readonly there?: string; readonly grants?: string; readonly bytes?: string; readonly room?: number }) => {
  const { there = '1', grants = 'GRANT BACKUP_ADMIN ON *.* TO `b`@`%`', bytes = '1000000000', room = 1e9 } = changes;
  const row = async (statement: string) => (statement.includes('plugins') ? { there } : { bytes });
  const session = { rows: async () => [{ 'Grants for b@%': 'GRANT SELECT ON *.* TO `b`@`%`' }, { 'Grants for b@%': grants }], row };
  const clones = { folder: join(tmpdir(), 'berth-clone-test'), room: async () => room };
  return { tools: { dialect: dialects.mysql, clones }, session, signal: new AbortController().signal } as unknown as Begun;
};

test.each([
  [{ there: '0' }, 'the server has no plugin clone'],
  [{ grants: 'GRANT BACKUP_ADMINISTRATOR ON *.* TO `b`@`%`' }, 'the account of backups has no BACKUP_ADMIN'],
  [{}, expect.stringMatching(/^it takes 1\.4 GB, and .*berth-clone-test has 1\.0 GB left$/)],
])('a server is not cloned where that cannot be, and it is said why: %o', async (changes, because) => {
  expect(await cloneServer(asked(changes))).toEqual({ because });
});

test('an engine that cannot be cloned is dumped without a word about that', async () => {
  const begun = asked({});
  expect(await cloneServer({ ...begun, tools: { ...begun.tools, dialect: dialects.mariadb } })).toEqual({ because: null });
});
