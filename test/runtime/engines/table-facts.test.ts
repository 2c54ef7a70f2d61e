import { describe, expect, test } from 'vitest';
import { compareFacts, type ServerFacts, type TableFacts } from '../../../runtime/engines/table-facts.ts';

const of = (...tables: readonly TableFacts[]): ServerFacts => ({ position: '0/1', databases: [{ name: 'shop', tables }] });
const orders = { name: 'public.orders', rows: '7', hash: '42' };

describe('what a restored server holds', () => {
  test.each<[string, ServerFacts, readonly string[]]>([
    ['the same', of(orders), []],
    ['more beside', of(orders, { name: 'public.new', rows: '1', hash: '1' }), []],
    ['other rows', of({ ...orders, rows: '6' }), ['shop: public.orders has 6 rows, and had 7']],
    ['other content', of({ ...orders, hash: '43' }), ['shop: public.orders has other content']],
    ['no such table', of(), ['shop: public.orders is not there']],
    ['no such database', { position: null, databases: [] }, ['database shop is not there']],
    ['what it could not read', of({ ...orders, rows: null, hash: null }), []],
  ])('is held against the original: %s', (_, found, differences) => {
    expect(compareFacts(of(orders), found)).toEqual(differences);
  });

  test('is held against the original in its views, routines, triggers and events as well, where both sides know them', () => {
    const holding = (...objects: readonly { readonly name: string; readonly hash: string | null }[]): ServerFacts => ({
      position: '0/1',
      databases: [{ name: 'shop', tables: [], objects }],
    });
    const expected = holding({ name: 'view seen', hash: 'a' }, { name: 'trigger noted', hash: 'b' }, { name: 'event tick', hash: null });
    const found = holding({ name: 'view seen', hash: 'c' }, { name: 'event tick', hash: 'd' });
    expect(compareFacts(expected, found)).toEqual(['shop: view seen has other content', 'shop: trigger noted is not there']);
    expect(compareFacts(expected, of())).toEqual([]);
    expect(compareFacts(of(), found)).toEqual([]);
  });

  test('is not held against a canary, which facts of an older Berth name', () => {
    const canary: TableFacts = { name: 'berth.canary', rows: '1', hash: '9' };
    const old: ServerFacts = { position: '0/1', databases: [...of(orders, canary).databases, { name: 'berth_canary', tables: [canary] }] };
    expect(compareFacts(old, of(orders))).toEqual([]);
    expect(compareFacts(old, of())).toEqual(['shop: public.orders is not there']);
  });

  test('is not compared where the original did not know', () => {
    expect(compareFacts(of({ ...orders, rows: null, hash: null }), of(orders))).toEqual([]);
  });
});
