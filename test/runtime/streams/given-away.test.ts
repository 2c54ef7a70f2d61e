import { describe, expect, test } from 'vitest';
import { giveAway, letGo } from '../../../runtime/streams/given-away.ts';

describe('bytes that were given away', () => {
  test('are freed when they are let go of', () => {
    const bytes = giveAway(new Uint8Array(1000));
    letGo(bytes);
    expect(bytes.length).toBe(0);
    expect(() => letGo(bytes)).not.toThrow();
  });

  test('may leave most of their memory unused, where that is no pool', () => {
    const bytes = giveAway(new Uint8Array(new ArrayBuffer(100_000), 0, 1000));
    letGo(bytes);
    expect(bytes.buffer.byteLength).toBe(0);
  });

  test('stay where somebody cut a piece off, and lets go of that', () => {
    const bytes = giveAway(Buffer.alloc(1000, 'a'));
    letGo(bytes.subarray(0, 10));
    letGo(bytes.subarray(0));
    expect(bytes.length).toBe(1000);
  });

  test('stay where others may lie beside them', () => {
    const [small, behind] = [giveAway(Buffer.from('small')), giveAway(Buffer.alloc(1000).subarray(500))];
    letGo(small);
    letGo(behind);
    expect([small.toString(), behind.length]).toEqual(['small', 500]);
  });

  test('are others than those that nobody gave away', () => {
    const bytes = Buffer.alloc(1000, 'a');
    letGo(bytes);
    expect(bytes.length).toBe(1000);
  });
});
