import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { temporarySite } from '../generator/io/site-fixture.ts';
import { expectExit } from './berth.ts';

test('the guide shows what `explain` prints for the host it names', async () => {
  const guide = readFileSync('docs/guide.md', 'utf8');
  expect(guide).toContain('On a host of 8 CPUs, 64 GiB\nand 1 TiB, with the profile recommended:');
  using site = temporarySite();
  await expectExit(0, ['init', site.path, '--profile', 'recommended', '--host-cpus', '8', '--host-memory', '64Gi', '--host-disk', '1Ti']);
  const { stdout } = await expectExit(0, ['explain', 'database.work_mem', '--site', site.path]);
  expect(guide).toContain(`\`\`\`text\n${stdout}\`\`\``);
});
