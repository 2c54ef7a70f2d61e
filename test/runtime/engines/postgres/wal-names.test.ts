import { describe, expect, test } from 'vitest';
import type { Relations } from '../../../../runtime/engines/postgres/relations.ts';
import { WalNames, type Definitions } from '../../../../runtime/engines/postgres/wal-names.ts';

const relations: Relations = {
  databases: [
    {
      oid: 5,
      name: 'postgres',
      schemas: [{ oid: 16390, name: 'berth' }],
      tables: [{ oid: 16391, file: 16391, schema: 16390, name: 'canary' }],
      toast: [],
      catalogs: [],
      own: { classes: 1259, schemas: 2615, statistics: 2619 },
    },
    {
      oid: 7,
      name: 'shop',
      schemas: [{ oid: 2200, name: 'public' }],
      tables: [
        { oid: 20000, file: 20000, schema: 2200, name: 'orders' },
        { oid: 20005, file: 20007, schema: 2200, name: 'rooms' },
      ],
      toast: [20002],
      catalogs: [20050],
      others: [20003],
      own: { classes: 20050, schemas: 2615, statistics: 2619 },
    },
  ],
};
const file = (number: number, database = 7, tablespace = 1663) => ({ tablespace, database, file: number });
const nothing: Definitions = {
  schemas: [],
  classes: [],
  parts: [],
  unread: 0,
  created: [],
  dropped: [],
  emptied: [],
  forgotten: 0,
  changed: 9,
  isPartial: false,
};
const row = (oid: number, name: string, changes: Partial<Definitions['classes'][number]> = {}) => ({
  database: 7,
  oid,
  name,
  schema: 2200,
  file: oid,
  kind: 'r',
  isTemporary: false,
  ...changes,
});
const nameOf = (names: WalNames, number: number): string => {
  const subject = names.subjectOf(file(number));
  return 'name' in subject ? subject.name : subject.kind;
};

describe('names of files in the log', () => {
  test('are those that the backup knows; what lies beside them, the canary and what is known of values are nobody’s', () => {
    const names = new WalNames(relations);
    expect([20000, 20007, 20002, 1249, 20050, 2619, 20005].map((each) => nameOf(names, each))).toEqual([
      'shop.public.orders',
      'shop.public.rooms',
      'aside',
      'catalog',
      'catalog',
      'aside',
      'relation 20005 of database shop',
    ]);
    expect([names.subjectOf(file(16391, 5)).kind, names.subjectOf(file(1262, 0)).kind]).toEqual(['aside', 'catalog']);
    expect([names.isClasses(file(20050)), names.isClasses(file(1259)), names.isClasses(file(1259, 5))]).toEqual([true, false, true]);
  });

  test('come with those of all that a table is a part of, by the backup and by the log, also in a circle that no server makes', () => {
    const [first, last] = relations.databases;
    const names = new WalNames({
      databases: [first!, { ...last!, wholes: [{ oid: 20100, schema: 2200, name: 'all' }], parts: [{ oid: 20000, whole: 20100 }] }],
    });
    const partOf = (number: number) => {
      const subject = names.subjectOf(file(number));
      return subject.kind === 'table' ? [...subject.partOf] : subject.kind;
    };
    expect([partOf(20000), partOf(20007)]).toEqual([['shop.public.all'], []]);
    const followed = names.follow({
      ...nothing,
      classes: [row(20200, 'part'), row(20201, 'index', { kind: 'i' })],
      parts: [
        { database: 7, oid: 20200, whole: 20000 },
        { database: 7, oid: 20100, whole: 20200 },
      ],
    });
    expect(partOf(20200)).toEqual(['shop.public.orders', 'shop.public.all', 'shop.public.part']);
    expect([...followed.partOf]).toEqual(partOf(20200));
  });

  test('go with a table that is emptied, and what lies beside it', () => {
    const names = new WalNames(relations);
    const said = names.follow({
      ...nothing,
      created: [file(30000), file(30001), file(30002)],
      dropped: [file(20007), file(20002), file(20000)],
    });
    expect(said.statements).toEqual(['TRUNCATE shop.public.orders', 'TRUNCATE shop.public.rooms']);
    expect([30000, 30001, 30002].map((each) => nameOf(names, each))).toEqual(['shop.public.orders', 'aside', 'shop.public.rooms']);
    names.follow({ ...nothing, created: [file(40000)], dropped: [file(30000)] });
    expect(nameOf(names, 40000)).toBe('shop.public.orders');
  });

  test('go with a table that is written anew, whose rows are then no new ones', () => {
    const names = new WalNames(relations);
    const said = names.follow({ ...nothing, classes: [row(31000, 'pg_temp_20005')], created: [file(31000)], dropped: [file(20007)] });
    expect([said.statements, [...said.copies]]).toEqual([['REWRITE TABLE shop.public.rooms'], [31000]]);
    expect(nameOf(names, 31000)).toBe('shop.public.rooms');
    expect(names.follow({ ...nothing, dropped: [file(31000)] }).statements).toEqual(['DROP TABLE shop.public.rooms']);
  });

  test('are learnt from what is made, with the schema that was made before it', () => {
    const names = new WalNames(relations);
    const made = names.follow({
      ...nothing,
      schemas: [{ database: 7, oid: 32000, name: 'later' }],
      classes: [
        row(32001, 'things', { schema: 32000 }),
        row(32002, 'things_pkey', { kind: 'i', schema: 32000 }),
        row(32003, 'pg_toast_32001', { kind: 't', schema: 99 }),
      ],
      created: [file(32001), file(32002), file(32003)],
    });
    expect(made.statements).toEqual(['CREATE SCHEMA shop.later', 'CREATE TABLE shop.later.things']);
    expect([32001, 32003].map((each) => nameOf(names, each))).toEqual(['shop.later.things', 'aside']);
  });

  test('of what was made and dropped at once, and of what only one session sees, are not told', () => {
    const names = new WalNames(relations);
    expect(names.follow({ ...nothing, classes: [row(33000, 'short')], created: [file(33000)], dropped: [file(33000)] }).statements).toEqual(
      [],
    );
    expect(names.follow({ ...nothing, classes: [row(33001, 'mine', { isTemporary: true })] }).statements).toEqual([]);
  });

  test('are not guessed where what was made could not be read', () => {
    const names = new WalNames(relations);
    const said = names.follow({ ...nothing, unread: 1, created: [file(34000)], dropped: [file(20000)] });
    expect(said.statements).toEqual(['DROP/TRUNCATE shop.public.orders', 'CREATE']);
    expect(nameOf(names, 34000)).toBe('relation 34000 of database shop');
  });

  test('are those of the numbers of a database that nobody has told of', () => {
    const names = new WalNames(undefined);
    expect([nameOf(names, 20000), nameOf(names, 1249)]).toEqual(['relation 20000 of database 7', 'catalog']);
    expect(names.follow({ ...nothing, classes: [row(35000, 'fresh')], created: [file(35000)] }).statements).toEqual([
      'CREATE TABLE 7.public.fresh',
    ]);
    expect(nameOf(names, 35000)).toBe('7.public.fresh');
  });

  test('of what a transaction gave up without a name pass every filter, and leave open which transaction it was', () => {
    const names = new WalNames(relations);
    const told = (definitions: Partial<Definitions>) => {
      const { statements, isOpaque, isUnnamed } = names.follow({ ...nothing, ...definitions });
      return [...statements, isOpaque, isUnnamed];
    };
    expect(told({ dropped: [file(36000)] })).toEqual(['DROP relation 36000 of database shop', true, true]);
    expect(told({ created: [file(36002)], dropped: [file(36001)] })).toEqual([
      'TRUNCATE/REINDEX relation 36001 of database shop',
      true,
      true,
    ]);
    expect(told({ created: [file(36005)], dropped: [file(36003), file(36004)] })).toEqual([
      'DROP/TRUNCATE relation 36004 of database shop',
      'DROP/TRUNCATE relation 36003 of database shop',
      true,
      true,
    ]);
    // Of an index, of what lies beside a table, of the server's own.
    expect(told({ dropped: [file(20003), file(20002), file(20050), file(2663), file(16400, 0)] })).toEqual([false, false]);
  });

  test('are not taken from the copy where what is written anew has none; a drop beside it is told', () => {
    const names = new WalNames(relations);
    const copy = row(37000, 'pg_temp_36000');
    const anew = { classes: [copy], created: [file(37000)], dropped: [file(36000)], forgotten: 1 };
    const { statements, copies, isUnnamed, isOpaque } = names.follow({ ...nothing, ...anew });
    expect(statements).toEqual(['REWRITE relation 37000 of database shop']);
    expect([[...copies], isUnnamed, isOpaque, nameOf(names, 37000)]).toEqual([[37000], true, false, 'relation 37000 of database shop']);
    const dropping = names.follow({ ...nothing, ...anew, dropped: [file(36000), file(36001)], forgotten: 2 });
    expect([dropping.statements, dropping.isOpaque]).toEqual([
      ['DROP relation 36001 of database shop', 'DROP relation 36000 of database shop', 'REWRITE relation 37000 of database shop'],
      true,
    ]);
  });

  test('of a table that is new beside a drop pay for no row of what was dropped', () => {
    const names = new WalNames(relations);
    const fresh = [row(38000, 'n1'), row(38003, 'pg_toast_38000', { kind: 't', schema: 99 }), row(38006, 'mine', { isTemporary: true })];
    const { statements, isOpaque } = names.follow({
      ...nothing,
      classes: [...fresh, row(38010, 'pg_temp_36000')],
      created: [file(38000), file(38003), file(38010)],
      dropped: [file(36001), file(36000)],
      // The copy, and what was dropped.
      forgotten: 2,
    });
    expect([statements.filter((each) => each.startsWith('DROP')).length, isOpaque]).toEqual([2, true]);
  });

  test('leave open whether a table was emptied or written anew where nobody sees the rows of what there is', () => {
    const names = new WalNames(relations);
    const { statements, isOpaque } = names.follow({ ...nothing, created: [file(39000)], dropped: [file(20000)], changed: 0 });
    expect([statements, isOpaque]).toEqual([['DROP/TRUNCATE shop.public.orders'], true]);
  });

  test('of a table that is emptied in a file of the same transaction are told, but of one that it has made itself', () => {
    const names = new WalNames(relations);
    const copy = { classes: [row(39100, 'pg_temp_20000')], created: [file(39100)], dropped: [file(20000)], forgotten: 1 };
    expect(names.follow({ ...nothing, ...copy, emptied: [file(39100)] }).statements).toEqual([
      'TRUNCATE shop.public.orders',
      'REWRITE TABLE shop.public.orders',
    ]);
    const made = { classes: [row(39200, 'inside')], created: [file(39200)], emptied: [file(39200)] };
    expect(names.follow({ ...nothing, ...made }).statements).toEqual(['CREATE TABLE shop.public.inside']);
    expect(names.follow({ ...nothing, emptied: [file(20002)] }).statements).toEqual([]);
    expect(names.follow({ ...nothing, emptied: [file(39300)] })).toMatchObject({
      statements: ['TRUNCATE relation 39300 of database shop'],
      isOpaque: true,
    });
  });

  test('of the backup stay where the log tells again how a table or a schema was made', () => {
    const names = new WalNames(relations);
    const again = { schemas: [{ database: 7, oid: 2200, name: 'before' }], classes: [row(20000, 'orders_new')], created: [file(20000)] };
    names.follow({ ...nothing, ...again });
    expect(nameOf(names, 20000)).toBe('shop.public.orders');
  });

  test('of large objects are their own', () => {
    expect(nameOf(new WalNames(relations), 2613)).toBe('shop.pg_catalog.pg_largeobject');
  });

  test('that are not in UTF-8 are not known to the end', () => {
    const names = new WalNames(relations);
    expect(names.follow({ ...nothing, classes: [row(39400, 'stra\u{fffd}e')] })).toMatchObject({ isUnnamed: true });
  });

  test('hold for the files of before the copy and of its end', () => {
    const [, shop] = relations.databases;
    const later = {
      ...shop!,
      tables: [{ oid: 20000, file: 40000, schema: 2200, name: 'orders' }],
      toast: [40002],
      own: { classes: 40050, schemas: 2615, statistics: 2619 },
    };
    const names = new WalNames({ databases: [later], earlier: relations.databases });
    expect([20000, 40000, 20007, 20002, 40002, 20050, 40050].map((each) => nameOf(names, each))).toEqual([
      'shop.public.orders',
      'shop.public.orders',
      'shop.public.rooms',
      'aside',
      'aside',
      'catalog',
      'catalog',
    ]);
    expect([20050, 40050, 1259].map((each) => names.isClasses(file(each)))).toEqual([true, true, false]);
    expect(names.follow({ ...nothing, dropped: [file(20007)] }).statements).toEqual(['DROP TABLE shop.public.rooms']);
    // Read again from before it.
    const emptied = names.follow({ ...nothing, created: [file(40000)], dropped: [file(20000)] });
    expect(emptied.statements).toEqual(['TRUNCATE shop.public.orders']);
    expect(names.follow({ ...nothing, dropped: [file(40000)] }).statements).toEqual(['DROP TABLE shop.public.orders']);
  });

  test('stay with a table that is moved, which is not emptied', () => {
    const names = new WalNames(relations);
    const moved = names.follow({
      ...nothing,
      created: [file(38000, 7, 16500), file(38001, 7, 16500)],
      dropped: [file(36000), file(20000)],
    });
    expect([moved.statements, moved.isOpaque]).toEqual([['MOVE TABLE shop.public.orders', 'MOVE relation 36000 of database shop'], false]);
    expect(nameOf(names, 38000)).toBe('shop.public.orders');
  });

  test('of what the server keeps itself follow it when it is written anew', () => {
    const names = new WalNames(relations);
    for (const [number, own] of [
      [39000, 1259],
      [39001, 2615],
      [39002, 2619],
      [39003, 2605],
    ] as const)
      names.follow({ ...nothing, classes: [row(number, `pg_temp_${own}`, number === 39000 ? { file: 0 } : {})], created: [file(number)] });
    expect([39000, 39001, 39002, 39003].map((each) => nameOf(names, each))).toEqual(['catalog', 'catalog', 'aside', 'catalog']);
    expect([names.isClasses(file(39000)), names.isSchemas(file(39001))]).toEqual([true, true]);
  });

  test('of indexes follow them when they are made anew, beside a table that is written anew as well', () => {
    const names = new WalNames(relations);
    names.follow({ ...nothing, created: [file(41003)], dropped: [file(20003)] });
    const anew = { classes: [row(41000, 'pg_temp_20005')], created: [file(41000), file(41001)], dropped: [file(20007), file(41003)] };
    expect(names.follow({ ...nothing, ...anew, forgotten: 1 }).statements).toEqual(['REWRITE TABLE shop.public.rooms']);
    expect(names.follow({ ...nothing, dropped: [file(41000), file(41001)] })).toMatchObject({
      statements: ['DROP TABLE shop.public.rooms'],
      isOpaque: false,
    });
  });
});
