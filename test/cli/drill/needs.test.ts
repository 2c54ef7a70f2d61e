import { describe, expect, test } from 'vitest';
import { refuseNeeds } from '../../../cli/drill/needs.ts';
import { mib } from '../../../model/units.ts';

describe('what a drill takes', () => {
  const needs = { memory: mib(4096), freeMemory: mib(8192), disk: mib(1024), freeDisk: mib(2048) };

  test('is refused where what runs on the host would be left short, with both numbers', () => {
    expect(() => refuseNeeds(needs)).not.toThrow();
    expect(() => refuseNeeds({ ...needs, freeMemory: undefined, freeDisk: undefined })).not.toThrow();
    expect(() => refuseNeeds({ ...needs, freeMemory: mib(2048) })).toThrow(
      expect.objectContaining({
        kind: 'capacity',
        message: expect.stringContaining('4 GiB of memory at the most, and 2 GiB are free') as string,
      }),
    );
    expect(() => refuseNeeds({ ...needs, freeDisk: mib(512) })).toThrow(/some 1 GiB of disk, and 512 MiB are free/);
  });
});
