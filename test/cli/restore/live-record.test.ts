import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { liveRecord, LiveRecordFile } from '../../../cli/restore/live-record.ts';

describe('the record of a database whose data change places', () => {
  const command = 'berth restore --only database --into live';
  let site: string;
  beforeEach(() => {
    site = mkdtempSync(join(tmpdir(), 'berth-live-'));
    mkdirSync(join(site, '.berth'));
  });
  afterEach(() => rmSync(site, { recursive: true }));

  test('is found by the same command, until it has ended', () => {
    const record = new LiveRecordFile(site);
    expect(record.leftOf(command)).toBeUndefined();
    record.write({ command, kept: 'data.before-1', old: '7' });
    expect(new LiveRecordFile(site).leftOf(command)).toMatchObject({ kept: 'data.before-1', old: '7' });
    record.end();
    expect(record.leftOf(command)).toBeUndefined();
  });

  test('refuses another restore, and names the command that ends the first', () => {
    new LiveRecordFile(site).write({ command, kept: 'data.before-1', old: '7' });
    expect(() => new LiveRecordFile(site).leftOf('berth restore --only other --into live')).toThrow(
      expect.objectContaining({ kind: 'conflict', hint: expect.stringContaining(`${command} --yes`) as string }),
    );
  });

  test.each(['', '{', '{"version":2}', 'null'])('refuses when it holds %j', (text) => {
    writeFileSync(join(site, liveRecord), text);
    expect(() => new LiveRecordFile(site).leftOf(command)).toThrow(/cannot be read/);
  });
});
