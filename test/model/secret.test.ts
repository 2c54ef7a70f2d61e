import { format, inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { Secret } from '../../model/secret.ts';

const secret = new Secret('hunter2');

describe('a secret', () => {
  test.each<[string, () => unknown]>([
    ['a string', () => String(secret)],
    ['a template literal', () => `${String([secret])} ${secret as unknown as string}`],
    ['a joined list', () => [secret, secret].join('')],
    ['JSON', () => JSON.stringify({ secret, list: [secret] })],
    [
      'inspect, hidden properties and getters included',
      () => inspect({ secret, map: new Map([['a', secret]]) }, { showHidden: true, getters: true, depth: 9, customInspect: true }),
    ],
    ['inspect without custom printers', () => inspect(secret, { showHidden: true, getters: true, depth: 9, customInspect: false })],
    ['format', () => format('%s %o %O %j %d', secret, secret, secret, secret, secret)],
    [
      'an error that carries it',
      () => {
        const error = new Error(`wrong: ${String(secret)}`, { cause: secret });
        return `${inspect(error, { showHidden: true, depth: 9 })} ${String(error.stack)}`;
      },
    ],
    [
      'its keys and values',
      () => JSON.stringify([Object.entries(secret), Object.getOwnPropertyNames(secret), Reflect.ownKeys(secret).map(String)]),
    ],
    ['a clone', () => inspect(structuredClone(secret), { showHidden: true, customInspect: false })],
    ['a copy', () => JSON.stringify({ ...secret })],
  ])('does not print itself as %s', (_, print) => {
    expect(String(print())).not.toContain('hunter2');
  });

  test('says that there is one', () => {
    expect([String(secret), JSON.stringify(secret), inspect(secret)]).toEqual(['[secret]', '"[secret]"', '[secret]']);
  });

  test('is told by reveal alone, each its own', () => {
    expect([secret.reveal(), new Secret('other').reveal(), new Secret('').reveal()]).toEqual(['hunter2', 'other', '']);
  });
});
