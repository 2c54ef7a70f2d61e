import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { binsOf, podsOf, unplaced } from '../../../generator/doctor/packing.ts';
import { mib, milliCpu } from '../../../model/units.ts';
import { node, room, workload } from './needs-fixture.ts';

const free = (name: string, cpu: number, memory: number) => node(name, { allocatable: room(cpu, memory), requested: room(0, 0, 0) });
const pods = (...memories: readonly number[]) =>
  memories.flatMap((memory, index) => podsOf(workload(`w${index}`, { replicas: 1, memory: mib(memory), cpu: milliCpu(1) })));

test('large pods are placed before small ones take their room', () => {
  expect(unplaced(pods(2, 2, 8, 8), binsOf([free('a', 100, 10), free('b', 100, 10)]))).toEqual([]);
});

test('nodes that take no pods hold none', () => {
  const nodes = [node('a', { ready: false }), node('b', { unschedulable: true }), node('c', { taints: ['dedicated=gpu:NoSchedule'] })];
  expect(binsOf(nodes)).toEqual([]);
  expect(unplaced(pods(1), binsOf(nodes))).toHaveLength(1);
});

test('what others ask for is not free', () => {
  const [bin] = binsOf([node('a', { allocatable: room(1000, 1000, 10), requested: room(400, 300, 4) })]);
  expect(bin?.free).toEqual(room(600, 700, 6));
});

test('whatever is said to fit does: no more than the sum of what is free, and no pod beyond the largest node', () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(sizes, sizes, (memories, nodes) => {
      const bins = binsOf(nodes.map((memory, index) => free(`n${index}`, 100_000, memory)));
      const homeless = unplaced(pods(...memories), bins);
      const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);
      if (homeless.length === 0) {
        expect(sum(memories)).toBeLessThanOrEqual(sum(nodes));
        expect(Math.max(...memories)).toBeLessThanOrEqual(Math.max(...nodes));
      }
      // First fit, largest first, finds a place whenever everything fits on the largest node alone.
      if (sum(memories) <= Math.max(...nodes)) expect(homeless).toEqual([]);
    }),
  );
});
