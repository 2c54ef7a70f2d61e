import { expect, test } from 'vitest';
import { joinRelations } from '../../../../runtime/engines/postgres/relations.ts';
import { seventeen } from './recorded-wal.ts';

test('what was there when a copy began is kept beside what is there at its end, where that is something else', () => {
  const { relations } = seventeen;
  expect(joinRelations(relations, structuredClone(relations))).toEqual({ databases: relations.databases });
  const later = { databases: relations.databases.map((each) => ({ ...each, tables: each.tables.slice(1) })) };
  expect(joinRelations(relations, later)).toEqual({ databases: later.databases, earlier: relations.databases });
});
