import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { returnScript } from '../../../cli/restore/cache-exchange.ts';

test('the way back of a cache comes to its end also where a server has begun with nothing in the middle of it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-exchange-'));
  try {
    // Old data wait, what was restored lies aside already, and what a server has made of nothing is in their place.
    for (const [name, holds] of [
      ['appendonlydir.before-1', 'old'],
      ['appendonlydir.undone-1', 'restored'],
      ['appendonlydir', 'nothing'],
    ] as const) {
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, holds), '');
    }
    for (let times = 0; times < 2; times += 1) {
      const { status, stderr } = spawnSync('/bin/sh', ['-c', returnScript([folder], 'appendonlydir.before-1', 'appendonlydir.undone-1')], {
        encoding: 'utf8',
      });
      expect([status, stderr]).toEqual([0, '']);
      const holds = readdirSync(folder)
        .toSorted()
        .map((name) => [name, ...readdirSync(join(folder, name))]);
      expect(holds).toEqual([
        ['appendonlydir', 'old'],
        ['appendonlydir.undone-1', 'restored'],
        ['appendonlydir.undone-1-again', 'nothing'],
      ]);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
