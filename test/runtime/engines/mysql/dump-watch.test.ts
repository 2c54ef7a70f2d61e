import { describe, expect, test } from 'vitest';
import { dialects } from '../../../../runtime/engines/mysql/dialect.ts';
import { placeInDump, refuseTooLarge, watchDump } from '../../../../runtime/engines/mysql/dump-watch.ts';
import type { Session } from '../../../../runtime/engines/mysql/session.ts';
import { cut, from, fromAll, whole } from '../../streams/bytes.ts';

const beginning = `-- MySQL dump 10.13\n
/* SET @@GLOBAL.GTID_PURGED='+1212ed38-e5a9-11f1-ad64-0242ac110002:1-5,
2212ed38-e5a9-11f1-ad64-0242ac110002:1-2';*/
-- CHANGE REPLICATION SOURCE TO SOURCE_LOG_FILE='binlog.000002', SOURCE_LOG_POS=198;
`;
const dump = Buffer.from(`${beginning}${'INSERT INTO t VALUES (1);\n'.repeat(100)}\n-- Dump completed on 2026-11-21 12:43:18\n`);

describe('a dump on its way', () => {
  test.each([[[]], [[1, 700, 3]], [[dump.length - 5]]])(
    'is not changed, and shows its beginning and its end, cut at %j',
    async (lengths) => {
      const { bytes, seen } = watchDump(fromAll(cut(dump, lengths)));
      expect((await whole(bytes)).equals(dump)).toBe(true);
      expect(seen()).toMatchObject({ ended: true, bytes: dump.length });
      expect(placeInDump(seen().beginning)).toEqual({ file: 'binlog.000002', position: 198 });
    },
  );

  test('that says in its middle that it is complete is not', async () => {
    const { bytes, seen } = watchDump(from(dump, Buffer.from('INSERT INTO t VALUES (1);\n')));
    await whole(bytes);
    expect(seen().ended).toBe(false);
  });

  test.each([
    ['MySQL', 'VALUES (1,'],
    ['MariaDB', 'VALUES\n(1,'],
  ])('of %s tells its longest line and the statement that it is of, wherever it is cut', async (_, values) => {
    const text = `INSERT INTO \`odd \`\` name\` ${values}1);\nINSERT INTO \`photos\` ${values}0x${'ff'.repeat(5000)});\nlong, but not as long ${'-'.repeat(99)}\nlast`;
    const bytes = Math.max(...text.split('\n').map(({ length }) => length));
    for (const lengths of [[], [1, 1, 1], [30, 1, 2, 4000], [9000], [50, 5000]]) {
      const watched = watchDump(fromAll(cut(Buffer.from(text), lengths)));
      await whole(watched.bytes);
      expect(watched.seen().longest).toEqual({ bytes, statement: expect.stringMatching(/^INSERT INTO `photos` VALUES/) });
    }
  });

  test('with a statement that no server takes is refused, by the name of its table', () => {
    const statement = 'INSERT INTO `odd `` name` VALUES (1,0xff';
    expect(() => refuseTooLarge({ bytes: 2 ** 30 - 1, statement })).not.toThrow();
    expect(() => refuseTooLarge({ bytes: 2 ** 30, statement })).toThrow(
      'no backup holds a row of `odd `` name`: it is a statement of 1073741824 bytes, and no server takes one of 1 GiB',
    );
  });

  test('of MySQL names its transactions, that of MariaDB the place in the log', async () => {
    const place = { file: 'binlog.000002', position: 198 };
    const inMysql = await dialects.mysql.inDump(beginning, place, {} as Session);
    expect(dialects.mysql.parse(inMysql ?? '').toString()).toBe(
      '1212ed38-e5a9-11f1-ad64-0242ac110002:1-5,2212ed38-e5a9-11f1-ad64-0242ac110002:1-2',
    );
    expect(placeInDump("-- CHANGE MASTER TO MASTER_LOG_FILE='binlog.000007', MASTER_LOG_POS=325;")).toEqual({
      file: 'binlog.000007',
      position: 325,
    });
    expect(placeInDump('-- nothing')).toBeUndefined();
  });
});
