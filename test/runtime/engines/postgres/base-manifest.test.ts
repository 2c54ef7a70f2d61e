import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { readBaseManifest } from '../../../../runtime/engines/postgres/base-manifest.ts';

const range = (timeline: number, start: string, end: string) => `{ "Timeline": ${timeline}, "Start-LSN": "${start}", "End-LSN": "${end}" }`;
/** As a server of version 17 writes it. */
function written(...ranges: readonly string[]): Buffer {
  const body = `{ "PostgreSQL-Backup-Manifest-Version": 2,
"System-Identifier": 7710546533112975398,
"Files": [
{ "Path": "backup_label", "Size": 205, "Last-Modified": "2026-11-21 08:58:38 GMT", "Checksum-Algorithm": "SHA256", "Checksum": "0874" },
{ "Encoded-Path": "62c3a9", "Size": 8192, "Last-Modified": "2026-11-21 08:58:38 GMT", "Checksum-Algorithm": "SHA256", "Checksum": "144f" }
],
"WAL-Ranges": [
${ranges.join(',\n')}
],
`;
  return Buffer.from(`${body}"Manifest-Checksum": "${createHash('sha256').update(body).digest('hex')}"}\n`);
}

describe('the manifest of a base backup', () => {
  test('tells how far the log must be there, and how much it is', () => {
    expect(readBaseManifest(written(range(1, '0/2000028', '0/2000120')))).toEqual({
      timeline: 1,
      start: 0x2000028n,
      end: 0x2000120n,
      files: 2,
      bytes: 8397,
    });
  });

  test('that was changed, cut short or spans a promotion is not relied on', () => {
    const sound = written(range(1, '0/2000028', '0/2000120'));
    const changed = Buffer.from(sound.toString().replace('8192', '8193'));
    expect(() => readBaseManifest(changed)).toThrow('its own checksum does not fit');
    expect(() => readBaseManifest(sound.subarray(0, -50))).toThrow('it is not JSON');
    expect(() => readBaseManifest(written(range(1, '0/20', '0/30'), range(2, '0/30', '0/40')))).toThrow('changed its timeline');
  });
});
