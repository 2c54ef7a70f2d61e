import { describe, expect, test } from 'vitest';
import { differences, essence, removals } from '../../../../runtime/orchestrators/kubernetes/compare.ts';

describe('differences', () => {
  test('are named by the deepest path, lists by the names in them', () => {
    const before = { spec: { replicas: 2, containers: [{ name: 'web', image: 'a' }], args: ['x', 'y'] } };
    const after = {
      spec: {
        'replicas': 3,
        'containers': [
          { name: 'init', image: 'i' },
          { name: 'web', image: 'b' },
        ],
        'args': ['x'],
        'odd/key': 1,
      },
    };
    expect(differences(before, after)).toEqual([
      { path: 'spec.replicas', before: 2, after: 3 },
      { path: 'spec.containers[web].image', before: 'a', after: 'b' },
      { path: 'spec.containers[init]', after: { name: 'init', image: 'i' } },
      { path: 'spec.args[1]', before: 'y' },
      { path: 'spec["odd/key"]', after: 1 },
    ]);
  });

  test('are none between equals', () => {
    expect(differences({ a: [1, { b: null }] }, { a: [1, { b: null }] })).toEqual([]);
  });
});

test('what the server writes by itself says nothing about an object', () => {
  const meta = { managedFields: [1], resourceVersion: '1', generation: 3, uid: 'u', creationTimestamp: 't' };
  const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': '{}' };
  expect(essence({ kind: 'A', metadata: { name: 'a', ...meta, annotations }, status: { x: 1 } })).toEqual({
    kind: 'A',
    metadata: { name: 'a' },
  });
  expect(essence({ metadata: { annotations: { ...annotations, mine: '1' } } })).toEqual({ metadata: { annotations: { mine: '1' } } });
});

describe('what an apply takes away', () => {
  test('is what was applied before, is wanted no more and is still there', () => {
    const applied = { spec: { replicas: 2, gone: 1, containers: [{ name: 'web', env: [{ name: 'A' }, { name: 'B' }] }] } };
    const live = { spec: { replicas: 2, containers: [{ name: 'web', env: [{ name: 'A', value: '' }, { name: 'B' }] }], added: true } };
    const wanted = { spec: { containers: [{ name: 'web', env: [{ name: 'B' }] }] } };
    expect(removals(live, applied, wanted)).toEqual([
      { path: 'spec.replicas', before: 2 },
      { path: 'spec.containers[web].env[A]', before: { name: 'A', value: '' } },
    ]);
  });
});
