import { describe, expect, test } from 'vitest';
import { describeCanary, tooOld } from '../../../cli/restore/canary.ts';

const canary = { moment: '2026-03-29T14:29:19.000Z', ageSeconds: 41, rpoSeconds: 60, claimed: '2026-03-29T14:31:00.000Z', late: true };

describe('a canary', () => {
  test('is told by its age, and by what that may mean where it is more than may be lost', () => {
    expect(describeCanary(canary, 'postgres')).toBe('the newest canary that came back is 41 s before the moment of the restore');
    expect(describeCanary({ ...canary, ageSeconds: 600 }, 'mysql')).toMatch(
      /is 10 min before .*: nobody has written since, or more is lost than the 60 s of its rpo$/,
    );
    expect(describeCanary(null, 'mariadb')).toBe('no canary came back: backups have not written one into it');
  });

  test.each([
    ['mongodb', 'MongoDB'],
    ['sqlserver', 'SQL Server'],
  ] as const)('of %s is not missed, as there is none', (kind, engine) => {
    expect(describeCanary(null, kind)).toBe(`there is no canary: backups write none into ${engine}`);
  });

  test('that is older than the backups say is refused, with both times', () => {
    expect(() => {
      throw tooOld('database', canary);
    }).toThrow(
      expect.objectContaining({
        kind: 'damaged',
        message:
          'database: its backups say that they hold everything up to 2026-03-29 14:31:00 UTC, and the newest canary that came back is of 2026-03-29 14:29:19 UTC',
      }),
    );
  });
});
