import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { lifeOf } from '../../../runtime/programs/life.ts';
import { until } from '../../lab/until.ts';

test('a program is seen to work, and to stand still where a child of it was stopped', async () => {
  const child = spawn('sh', [
    '-c',
    `sh -c 'kill -STOP $$' & told=$!
    i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; read -r _; kill -KILL $told`,
  ]);
  const pid = child.pid ?? 0;
  try {
    await until(() => {
      const life = lifeOf(pid);
      return life !== undefined && life.stopped && life.spent > 0;
    }, 'it works, and its child stands still');
  } finally {
    child.stdin.end('\n');
    await once(child, 'exit');
  }
  expect(lifeOf(pid)).toBeUndefined();
});

test('where the kernel tells nothing, nothing is known', () => {
  expect(lifeOf(process.pid, '/nowhere')).toBeUndefined();
});
