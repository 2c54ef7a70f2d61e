import { describe, expect, test } from 'vitest';
import { leaveInstructions } from '../../../runtime/jobs/leave-instructions.ts';
import { memoryStore } from '../../../runtime/stores/memory-store.ts';
import { whole } from '../streams/bytes.ts';
import { never } from './backup-world.ts';

describe('the instructions', () => {
  test('are put beside the backups, replaced when they differ, and else left alone', async () => {
    let puts = 0;
    const real = memoryStore();
    const store = { ...real, put: async (...args: Parameters<typeof real.put>) => real.put(...args).finally(() => (puts += 1)) };
    const files = new Map([
      ['RESTORE.md', Buffer.from('# How to restore')],
      ['restore.mjs', Buffer.from('code')],
    ]);
    await leaveInstructions(store, files, never);
    await leaveInstructions(store, files, never);
    expect(puts).toBe(2);
    await real.put('RESTORE.md', Buffer.from('# How to destroy'), never);
    await leaveInstructions(store, files, never);
    expect(puts).toBe(3);
    expect((await whole(store.read('RESTORE.md', never))).toString()).toBe('# How to restore');
  });
});
