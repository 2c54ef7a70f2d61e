import { describe, expect, test } from 'vitest';
import { scratchSettings } from '../../../../runtime/engines/postgres/recovery-settings.ts';
import type { RestoreTarget } from '../../../../runtime/ports/scratch-engine.ts';

const places = { socketFolder: "/it's here", hbaFile: '/hba', identFile: '/ident' };
const targetLines = (target: RestoreTarget) =>
  scratchSettings(places, 512, target)
    .split('\n')
    .filter((line) => /recovery_target_(?!timeline|action)/.test(line));

describe('the settings of a scratch server', () => {
  test.each<[RestoreTarget, readonly string[]]>([
    [{ kind: 'latest' }, []],
    [
      { kind: 'time', at: new Date('2026-03-29T01:00:00.120Z') },
      ["recovery_target_time = '2026-03-29 01:00:00.120+00'", "recovery_target_inclusive = 'on'"],
    ],
    [{ kind: 'position', position: '0/3000148' }, ["recovery_target_lsn = '0/3000148'", "recovery_target_inclusive = 'off'"]],
    [{ kind: 'transaction', id: '741', inclusive: false }, ["recovery_target_xid = '741'", "recovery_target_inclusive = 'off'"]],
    [{ kind: 'transaction', id: '4294967301', inclusive: true }, ["recovery_target_xid = '5'", "recovery_target_inclusive = 'on'"]],
  ])('for %j', (target, lines) => {
    expect(targetLines(target)).toEqual(lines);
  });

  test('let nobody in from outside, run no command, and quote what they are given', () => {
    const settings = scratchSettings(places, 512, { kind: 'latest' });
    expect(settings).toContain("listen_addresses = ''\n");
    expect(settings).toContain("restore_command = 'false'\n");
    expect(settings).toContain("unix_socket_directories = '/it''s here'\n");
    expect(settings).toContain("shared_buffers = '128MB'\n");
  });
});
