import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { theOne } from '../../../cli/restore/choose-named.ts';
import { liveCommand, LiveRecordFile, noteUnended, ofUnended } from '../../../cli/restore/live-record.ts';
import { liveRecord } from '../../../generator/io/berth-folder.ts';
import { realFileSystem } from '../../../generator/io/file-system.ts';

const written = { database: 'orders', at: '2026-03-29T14:30Z', keyFile: '/media/usb/key' };
const target = { ...written, before: undefined };
const begun = { ...target, phase: 'filled', begunAt: '2026-03-29T16:00:00.000Z', kept: 'data.before-1' } as const;

describe('the record of a database that is put back', () => {
  let site: string;
  beforeEach(() => {
    site = mkdtempSync(join(tmpdir(), 'berth-live-'));
    mkdirSync(join(site, '.berth'));
  });
  afterEach(() => rmSync(site, { recursive: true }));

  test('is as it was written last, for its owner alone, until it has ended', () => {
    const record = new LiveRecordFile(site);
    expect(record.read()).toBeUndefined();
    record.write(begun);
    record.write({ ...begun, phase: 'exchanging' });
    expect(new LiveRecordFile(site).read()).toMatchObject({ ...written, phase: 'exchanging', kept: begun.kept });
    expect(statSync(join(site, liveRecord)).mode & 0o777).toBe(0o600);
    record.end();
    expect(record.read()).toBeUndefined();
  });

  test('names the full backup behind which a transaction was meant', () => {
    const before = { ...begun, at: undefined, before: '0-1-7', full: '01JD5Z5M2R0000000000000001' };
    new LiveRecordFile(site).write(before);
    const left = new LiveRecordFile(site).read();
    expect(left && liveCommand(left)).toContain('--before 0-1-7 --full 01JD5Z5M2R0000000000000001 --into live');
  });

  test('of a cache or a volume names its commands, and is none that an earlier Berth takes for one of a database', () => {
    const copy = { only: 'volume', name: 'uploads', at: undefined, keyFile: '/media/usb/key' } as const;
    const its = { madeAt: '2026-03-29T14:00:00.000Z', phase: 'exchanging', begunAt: begun.begunAt, kept: '.berth-before-1' } as const;
    new LiveRecordFile(site).write({ ...copy, ...its });
    expect(new LiveRecordFile(site).read()).toMatchObject({ version: 2, only: 'volume', name: 'uploads', ...its });
    expect(liveCommand(copy)).toBe('berth restore --only volume --name uploads --latest --into live --key /media/usb/key --yes');
    expect(liveCommand(copy, 'undo')).toBe('berth restore --only volume --name uploads --into live --undo --yes');
    const said: string[] = [];
    noteUnended(site, (text) => said.push(text));
    expect(said.join('')).toMatch(/^Note: a restore of uploads, begun at \S+, was cut off while old and new data changed places\.\n/);
  });

  test('is as it was before when a disk is full, and that is told with a cure', () => {
    new LiveRecordFile(site).write(begun);
    const full = {
      ...realFileSystem,
      fsyncSync: () => {
        throw Object.assign(new Error('full'), { code: 'ENOSPC' });
      },
    };
    expect(() => new LiveRecordFile(site, full).write({ ...begun, phase: 'exchanging' })).toThrow(
      expect.objectContaining({ kind: 'io', message: expect.stringContaining(`cannot write ${site}/${liveRecord}`) as string }),
    );
    expect(new LiveRecordFile(site).read()?.phase).toBe('filled');
  });

  test('is on the disk, its name as well, when writing it returns', () => {
    const synced: string[] = [];
    const files = {
      ...realFileSystem,
      fsyncSync: (handle: number) => void synced.push(realFileSystem.statSync(`/proc/self/fd/${handle}`).isDirectory() ? 'folder' : 'file'),
    };
    new LiveRecordFile(site, files).write(begun);
    expect(synced).toEqual(['file', 'folder']);
  });

  test('of what has left the spec since says how to be rid of it, where it was asked to end', () => {
    const find = () => theOne([{ name: 'cache' }], 'database', 'orders');
    new LiveRecordFile(site).write(begun);
    expect(() => ofUnended(site, 'resume', find)).toThrow(
      expect.objectContaining({
        kind: 'conflict',
        message: expect.stringMatching(
          /^a restore of orders, begun at \S+, was cut off .*, and this site has no orders any more$/,
        ) as string,
        hint: expect.stringContaining(`remove ${liveRecord} where nobody needs its data any more: data.before-1`) as string,
      }),
    );
    expect(() => ofUnended(site, undefined, find)).toThrow('there is no database orders');
    expect(ofUnended(site, 'undo', () => 'orders')).toBe('orders');
  });

  test('that the system gives to nobody here is not taken for one of another version', () => {
    mkdirSync(join(site, liveRecord));
    expect(() => new LiveRecordFile(site).read()).toThrow(
      expect.objectContaining({ kind: 'io', message: expect.stringContaining(`cannot read ${site}/${liveRecord}`) as string }),
    );
  });

  test('names a command that a shell takes as it was asked for', () => {
    const odd = { ...target, at: '2026-03-29 14:30Z', keyFile: "/media/my stick/it's a key" };
    expect(liveCommand(odd)).toBe(
      `berth restore --only database --name orders --at '2026-03-29 14:30Z' --into live --key '/media/my stick/it'\\''s a key' --yes`,
    );
  });

  test('names what goes on with it and what undoes it, with the key that it takes', () => {
    expect(liveCommand(target)).toBe(
      'berth restore --only database --name orders --at 2026-03-29T14:30Z --into live --key /media/usb/key --yes',
    );
    expect(liveCommand(target, 'resume')).toBe(
      'berth restore --only database --name orders --into live --resume --key /media/usb/key --yes',
    );
    expect(liveCommand(target, 'undo')).toBe('berth restore --only database --name orders --into live --undo --yes');
    expect(liveCommand({ ...target, at: undefined, keyFile: undefined })).toBe(
      'berth restore --only database --name orders --latest --into live --yes',
    );
  });

  test('is noted by what goes on', () => {
    const said: string[] = [];
    noteUnended(site, (text) => said.push(text));
    expect(said).toEqual([]);
    new LiveRecordFile(site).write(begun);
    noteUnended(site, (text) => said.push(text));
    expect(said.join('')).toMatch(/^Note: a restore of orders, begun at \S+, was cut off when its data were ready\.\n→ `berth restore/);
  });

  test.each(['', '{', '{"version":2}', 'null', '{"version":1,"phase":"resting"}'])('is refused when it holds %j', (text) => {
    writeFileSync(join(site, liveRecord), text);
    expect(() => new LiveRecordFile(site).read()).toThrow(/cannot be read/);
  });

  test('that may not be read is not taken for none', () => {
    writeFileSync(join(site, liveRecord), '{}');
    chmodSync(join(site, liveRecord), 0o000);
    expect(() => new LiveRecordFile(site).read()).toThrow(/cannot be read/);
  });
});
