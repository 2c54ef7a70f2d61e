import { describe, expect, test } from 'vitest';
import { measureCanary } from '../../../runtime/jobs/measure-canary.ts';
import { planRestore } from '../../../runtime/jobs/plan-restore.ts';
import { fullAt, logAfter, minute, numbered } from './chains.ts';

const full = fullAt(1, 100, 0, 5);
const one = logAfter(full, 2, 110, 9);
const two = logAfter(one, 3, 120, 14);
const all = [full, one, two];
const latest = planRestore(all, { kind: 'latest' }, numbered);
const seconds = (of: Date, more: number): Date => new Date(of.getTime() + more * 1000);

describe('the canary of a restored database', () => {
  test('tells what would have been lost by the moment of the restore', () => {
    const found = seconds(minute(14), -2);
    expect(measureCanary(found, latest, 60, seconds(found, 41))).toEqual({
      moment: found.toISOString(),
      ageSeconds: 41,
      rpoSeconds: 60,
      claimed: minute(14).toISOString(),
      late: false,
    });
  });

  test('is late where it is older by more than may be lost than what the backups say that they hold, however long ago that was', () => {
    expect(measureCanary(seconds(minute(14), -60), latest, 60, minute(900))).toMatchObject({ ageSeconds: 53_220, late: false });
    expect(measureCanary(seconds(minute(14), -61), latest, 60, minute(15))).toMatchObject({ late: true });
    expect(measureCanary(seconds(minute(4), 0), planRestore([full], { kind: 'latest' }, numbered), 60, minute(15))).toMatchObject({
      late: false,
    });
  });

  test('is held against what lies before the time that was asked for, between two logs as well', () => {
    const plan = planRestore(all, { kind: 'time', at: minute(12) }, numbered);
    expect(measureCanary(seconds(minute(9), -1), plan, 60, minute(900))).toMatchObject({
      ageSeconds: 181,
      claimed: minute(9).toISOString(),
      late: false,
    });
    expect(measureCanary(seconds(minute(9), -61), plan, 60, minute(900))).toMatchObject({ late: true });
  });

  test('is not missed at the very moment up to which a log claims to hold everything, which a restore names as the nearest: its canary comes after that', () => {
    const plan = planRestore(all, { kind: 'time', at: minute(14) }, numbered);
    expect(measureCanary(seconds(minute(9), 1), plan, 60, minute(900))).toMatchObject({ claimed: minute(9).toISOString(), late: false });
    const behind = planRestore(all, { kind: 'time', at: seconds(minute(14), -1) }, numbered);
    expect(measureCanary(seconds(minute(9), 1), behind, 60, minute(900))).toMatchObject({ late: false });
  });

  test('is held against nothing where the target is no time, and is none where backups have written none', () => {
    const plan = planRestore(all, { kind: 'position', position: '105' }, numbered);
    expect(measureCanary(minute(1), plan, 60, minute(15))).toMatchObject({ claimed: null, late: false });
    expect(measureCanary(undefined, latest, 60, minute(15))).toBeNull();
  });
});
