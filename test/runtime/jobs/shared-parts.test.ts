import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sharedWith } from '../../../runtime/jobs/shared-parts.ts';
import { manifest } from '../format/manifests.ts';
import { fullAt, logAfter } from './chains.ts';

test('a manifest shares with the one before it what is the same, and nothing else', () => {
  const full = fullAt(1, 100, 0, 5);
  const log = logAfter(full, 2, 110, 6);
  const next = structuredClone(logAfter(log, 3, 120, 7));
  const found = sharedWith(log, next);
  expect(found).toEqual(next);
  expect(found.tool).toBe(log.tool);
  expect(found.cipher).toBe(log.cipher);
  expect(found.facts).not.toBe(log.facts);
});

test('whatever two manifests are, the second is told as it was written', () => {
  const facts = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), fc.jsonValue({ maxDepth: 2 }));
  const any = fc.record({
    facts,
    parent: fc.constantFrom(null, manifest().id),
    label: fc.constantFrom(null, 'x'),
    position: fc.record({ from: fc.constantFrom(null, '1', '2'), to: fc.constantFrom('1', '2') }),
  });
  fc.assert(
    fc.property(any, any, (one, other) => {
      const [before, next] = [manifest(one as Parameters<typeof manifest>[0]), manifest(other as Parameters<typeof manifest>[0])];
      expect(JSON.stringify(sharedWith(before, next))).toBe(JSON.stringify(next));
    }),
  );
});
