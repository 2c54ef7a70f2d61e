import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { ContentTable } from '../../../../runtime/jobs/bucket/content-table.ts';

const hashOf = (text: string): Buffer => createHash('sha256').update(text).digest();

test('a table of contents finds each of many, and no other', () => {
  const table = new ContentTable();
  const many = 50_000;
  for (let index = 0; index < many; index += 1) table.add(hashOf(`in ${index}`), { batch: 1 + (index % 7), entry: index });
  for (let index = 0; index < many; index += 1) {
    expect(table.find(hashOf(`in ${index}`))).toEqual({ batch: 1 + (index % 7), entry: index });
    if (table.find(hashOf(`out ${index}`)) !== undefined) throw new Error('found what was never added');
  }
});

test('the newest place of a content counts', () => {
  const table = new ContentTable();
  table.add(hashOf('a'), { batch: 1, entry: 1 });
  table.add(hashOf('a'), { batch: 2, entry: 9 });
  expect(table.find(hashOf('a'))).toEqual({ batch: 2, entry: 9 });
});
