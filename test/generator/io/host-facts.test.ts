import fc from 'fast-check';
import { availableParallelism, totalmem } from 'node:os';
import { describe, expect, test } from 'vitest';
import { chooseNetwork, readHostFacts, readRoutes } from '../../../generator/io/host-facts.ts';

const address = (text: string): number => text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
const range = (first: string, last: string) => ({ first: address(first), last: address(last) });

describe('the routes of a host', () => {
  test('of this machine can be read', () => {
    for (const { first, last } of readRoutes()) expect(last).toBeGreaterThanOrEqual(first);
  });
});

describe('the network of a site', () => {
  const span = (network: string) => {
    const first = address(network.replace('/22', ''));
    return { first, last: first + 1023 };
  };

  test('is a /22 in 10.16.0.0 to 10.255.255.255, the same for the same name', () => {
    fc.assert(
      fc.property(fc.string(), (name) => {
        const network = chooseNetwork(name, []);
        expect(network).toMatch(/^10\.(1[6-9]|[2-9]\d|1\d\d|2[0-4]\d|25[0-5])\.\d+\.0\/22$/);
        expect(span(network).first % 1024).toBe(0);
        expect(chooseNetwork(name, [])).toBe(network);
      }),
    );
    expect(new Set(Array.from({ length: 100 }, (_, index) => chooseNetwork(`site-${index}`, []))).size).toBeGreaterThan(90);
  });

  test('meets none that is taken, as long as one is left', () => {
    const part = fc
      .tuple(fc.nat(2 ** 24 - 1), fc.nat(2 ** 22))
      .map(([from, length]) => ({ first: address('10.0.0.0') + from, last: address('10.0.0.0') + from + length }));
    fc.assert(
      fc.property(fc.string(), fc.array(part, { maxLength: 3 }), (name, taken) => {
        const { first, last } = span(chooseNetwork(name, taken));
        expect(taken.filter((one) => one.first <= last && one.last >= first)).toEqual([]);
      }),
    );
  });

  test('moves on from the one its name gives when that one is taken', () => {
    const free = chooseNetwork('shop', []);
    expect(chooseNetwork('shop', [span(free)])).not.toBe(free);
    expect(chooseNetwork('shop', [{ first: span(free).last, last: span(free).last }])).not.toBe(free);
    expect(
      chooseNetwork('shop', [
        { first: span(free).last + 1, last: span(free).last + 9 },
        { first: span(free).first - 9, last: span(free).first - 1 },
      ]),
    ).toBe(free);
  });

  test('is an ordinary one where the host has routes to all of them', () => {
    expect(chooseNetwork('shop', [range('10.0.0.0', '10.255.255.255')])).toBe('10.201.0.0/22');
  });
});

describe('this host', () => {
  test('is measured, also for a folder that is not there yet', () => {
    const facts = readHostFacts('/tmp/not/there/yet');
    expect([facts.cpus, facts.memory]).toEqual([availableParallelism() * 1000, Math.floor(totalmem() / 2 ** 20)]);
    expect(facts.disk).toBeGreaterThanOrEqual(0);
    expect(facts.disk % 1024).toBe(0);
  });
});
