import * as z from 'zod';
import { describe, expect, test } from 'vitest';
import { knownKeys } from '../../../generator/spec/known-keys.ts';

describe('the keys that a schema knows', () => {
  const size = z.strictObject({ width: z.number(), height: z.number().optional() });
  const keysAt = knownKeys(
    z.strictObject({
      name: z.string(),
      box: size.default({ width: 1 }),
      boxes: z.array(size),
      named: z.record(z.string(), size).optional(),
      either: z.union([z.strictObject({ left: size }), z.strictObject({ right: z.string() })]),
    }),
  );

  test.each([
    [[], ['name', 'box', 'boxes', 'named', 'either']],
    [['box'], ['width', 'height']],
    [
      ['boxes', 3],
      ['width', 'height'],
    ],
    [
      ['named', 'any'],
      ['width', 'height'],
    ],
    [['either'], ['left', 'right']],
    [
      ['either', 'left'],
      ['width', 'height'],
    ],
    [['name'], []],
    [['name', 'below'], []],
    [['toString'], []],
  ])('at %j are %j', (path, keys) => {
    expect(keysAt(path)).toEqual(keys);
  });
});
