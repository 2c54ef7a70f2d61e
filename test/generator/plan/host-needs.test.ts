import { describe, expect, test } from 'vitest';
import { hostNeedsOf } from '../../../generator/plan/host-needs.ts';
import { helloPlan, smallHost } from '../render/hello.ts';

describe('what a plan needs of its host', () => {
  const plan = helloPlan({ target: 'compose', profile: 'minimum', host: smallHost });
  const needs = hostNeedsOf(plan);

  test('is its limits, its disk and its ports', () => {
    expect(needs.site).toBe(plan.name);
    expect(needs.largestCpu.cpu).toBe(Math.max(...plan.services.map(({ size }) => size.cpu)));
    expect(needs.memory).toBe(plan.budget.sum);
    expect(needs.sizedFor?.memory).toBe(plan.host?.memory);
    expect(needs.disk).toBe(plan.disk.reduce((sum, { size }) => sum + size, 0));
    expect(needs.ports).toEqual([80, 443]);
    expect(needs.openFiles.files).toBe(Math.max(...plan.services.map(({ nofile = 0 }) => nofile)));
  });

  test('is the addresses of the networks that it uses, and of no other', () => {
    expect([...needs.subnets.keys()]).toEqual(['edge', 'app', 'data']);
    expect(needs.subnets.get('data')).toBe(plan.network.data);
  });

  test('is every image once, and which of them is made at the site', () => {
    const references = needs.images.map(({ reference }) => reference);
    expect(new Set(references).size).toBe(references.length);
    expect(needs.images.filter(({ builtHere }) => builtHere)).toEqual([{ reference: 'berth/hello:0.1.0', builtHere: true }]);
    expect(references.filter((reference) => reference.includes('postgres:'))).toHaveLength(1);
  });

  test('is memory on credit for a cache that saves, and for no other', () => {
    expect(needs.forking).toEqual([]);
    const saving = helloPlan({ target: 'compose', profile: 'minimum', host: smallHost, set: { 'caches.cache.use': 'queue' } });
    expect(hostNeedsOf(saving).forking).toEqual(['cache']);
  });
});
