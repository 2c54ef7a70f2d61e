import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { BackupKind } from '../../../model/backup/manifest.ts';
import { makeUlid } from '../../../model/backup/ulid.ts';
import { planRetention, type Point, type RetentionPolicy } from '../../../runtime/jobs/retention.ts';
import { cpuTime } from '../../cpu-time.ts';

const day = 86_400_000;
const start = Date.parse('2026-01-01T02:00:00Z');
const zone = 'UTC';
const base: RetentionPolicy = { zone, provenLevel: 3 };

/** Chains written as text: `f` full, `i` increment, `l` log, each following the one before; a digit is the level of the one before it, `x` that it is broken. */
function chain(text: string, stepMs = day, from = start): readonly Point[] {
  const points: Point[] = [];
  const kinds: Readonly<Record<string, BackupKind>> = { f: 'full', i: 'increment', l: 'log', c: 'configuration' };
  for (const sign of text) {
    if (/[\dx]/.test(sign)) {
      points.push({ ...points.pop()!, level: sign === 'x' ? -1 : Number(sign) });
      continue;
    }
    const at = new Date(from + points.length * stepMs);
    const kind = kinds[sign]!;
    const id = makeUlid(at, Buffer.alloc(10, points.length), points.at(-1)?.id);
    points.push({
      id,
      kind,
      begunAt: at,
      at,
      parent: sign === 'f' || sign === 'c' ? null : (points.at(-1)?.id ?? 'gone'),
      label: null,
      level: 0,
    });
  }
  return points;
}
const after = (points: readonly Point[]): { now: Date; expected: Date } => {
  const now = new Date(Math.max(...points.map(({ at }) => at.getTime())) + 3_600_000);
  return { now, expected: now };
};
const plan = (points: readonly Point[], policy: Partial<RetentionPolicy>, time = after(points)) =>
  planRetention(points, { ...base, ...policy }, time);
/** As text again, in order of time: what is removed stands as a dot. */
const shown = (points: readonly Point[], policy: Partial<RetentionPolicy>): string => {
  const kept = new Set(plan(points, policy).keep.map(({ point }) => point.id));
  return points.map((point) => (kept.has(point.id) ? point.kind[0] : '.')).join('');
};
const because = (points: readonly Point[], index: number, policy: Partial<RetentionPolicy>): readonly string[] =>
  plan(points, policy).keep.find(({ point }) => point.id === points[index]!.id)?.because ?? [];

describe('retention', () => {
  test.each<[string, Partial<RetentionPolicy>, string]>([
    ['f3ffff', { last: 2 }, 'f..ff'],
    ['ffff3f', { last: 2 }, '...ff'],
    ['f3llfllfll', { last: 1 }, 'f.....fll'],
    ['f3illfill', { last: 1 }, 'f...fill'],
    ['f3iiiiiif3iiiiiif3ii', { last: 1 }, '..............fii'],
    ['f3iiiiiif3iiiiiif3ii', { days: 4 }, '.......fiiiiiifii'],
    ['f3ffffff', { days: 3 }, 'f..ffff'],
    ['f3llllll', { days: 2 }, 'fllllll'],
    ['f3llfll', { days: 3 }, 'fllfll'],
    ['f3llflll', { days: 3 }, 'f..flll'],
    ['f3fffffffffffffffffffff', { weekly: 2 }, 'f................f...f'],
    ['ccc3c', { last: 1 }, '..cc'],
    // Broken, or resting on what is: neither one of the last, nor the one of its day, week or month.
    ['f3f1f1xf1xf1', { last: 2 }, 'ff..f'],
    ['f3fxfff', { daily: 4 }, 'f.fff'],
    ['f3fx', { last: 1 }, 'ff'],
    ['f3fxi1i1f1', { last: 2 }, 'f...f'],
    ['f3l3fxl3l3', { last: 1 }, 'flfll'],
    ['f3fxfxf', { days: 2 }, 'ffff'],
  ])('of %s with %j keeps %s', (text, policy, kept) => {
    expect(shown(chain(text), policy)).toBe(kept);
  });

  test('gives each point all its reasons', () => {
    const points = chain('f3ffff');
    expect(because(points, 4, { last: 2, daily: 3, monthly: 1 })).toEqual(['newest', 'last 1/2', 'daily 1/3', 'monthly 1/1']);
    expect(because(points, 0, { last: 2 })).toEqual(['newest at level 3 or above']);
    expect(because(chain('f3il'), 0, {})).toEqual(['newest at level 3 or above']);
    expect(because(chain('fil3'), 0, {})[0]).toMatch(/^needed by /);
    expect(plan(points, { last: 2 }).remove[0]?.because).toBe('no rule of the policy wants it');
  });

  test('says what is broken of what goes, and refuses to leave nothing else', () => {
    expect(plan(chain('f3fxi1f1'), { last: 1 }).remove.map(({ because: why }) => why.replace(/01\w+/, 'ID'))).toEqual([
      'cannot be restored, ID was found to be broken',
      'cannot be restored, ID was found to be broken',
    ]);
    // The level of a log is no better than what it rests on.
    expect(plan(chain('fxfxl3'), { last: 1, provenLevel: 1 }).refused).toBe('no backup at level 1 or above would remain');
  });

  test('keeps named points for ever, or as long as it is told to', () => {
    const [first, ...rest] = chain('ffffffff3');
    const points = [{ ...first!, label: 'before-2.0' }, ...rest];
    expect(because(points, 0, { last: 1 })).toEqual(['named before-2.0']);
    expect(because(points, 0, { last: 1, labelledDays: 30 })).toEqual(['named before-2.0, within 30 days']);
    expect(because(points, 0, { last: 1, labelledDays: 3 })).toEqual([]);
  });

  test('counts days, weeks and months in the zone of the site', () => {
    // 23:30 and 00:30 in Berlin are one day in UTC.
    const points = chain('ff3', 3_600_000, Date.parse('2026-07-01T21:30:00Z'));
    expect(shown(points, { daily: 2, zone: 'Europe/Berlin' })).toBe('ff');
    expect(shown(points, { daily: 2, zone: 'UTC' })).toBe('.f');
    const newYear = chain('ffff3', day, Date.parse('2025-12-30T12:00:00Z'));
    expect(shown(newYear, { weekly: 2 })).toBe('...f');
    expect(shown(newYear, { monthly: 2 })).toBe('.f.f');
  });

  test('expires nothing while no backups are made', () => {
    const points = chain('f3ffffff');
    const late = new Date(start + 400 * day);
    expect(plan(points, { days: 30 }, { now: late, expected: late }).remove).toEqual([]);
  });

  test('removes what rests on others before those', () => {
    const points = chain('filllf3');
    const order = plan(points, { last: 1 }).remove.map(({ point }) => point.kind);
    expect(order).toEqual(['log', 'log', 'log', 'increment', 'full']);
  });

  test('refuses to leave nothing that was proven', () => {
    const result = plan(chain('fffff'), { last: 1 });
    expect(result.refused).toBe('no backup at level 3 or above would remain');
    expect(result.remove).toEqual([]);
    expect(result.keep.length).toBe(5);
  });

  test('refuses when the clock is wrong', () => {
    const points = chain('f3ffff');
    const right = after(points).now;
    const past = new Date(start - 5 * day);
    const future = new Date(right.getTime() + 5 * day);
    expect(plan(points, { last: 1 }, { now: past, expected: past }).refused).toContain('the newest backup is of 2026-01-05');
    expect(plan(points, { last: 1 }, { now: future, expected: right }).refused).toContain('the clock has jumped');
    expect(plan(points, { last: 1 }, { now: right, expected: right }).refused).toBeUndefined();
  });

  test('goes on after a clock was ahead for a moment, and counts what was made then to the day before', () => {
    const points = chain('f3ffff');
    const ahead = new Date(start + 400 * day);
    const wrong = points.with(2, { ...points[2]!, begunAt: ahead, at: ahead });
    const right = after(points);
    const result = plan(wrong, { daily: 2, days: 1 }, right);
    expect(result.refused).toBeUndefined();
    expect(result.keep.map(({ point }) => point.id)).toEqual([4, 3, 0].map((index) => points[index]!.id));
    // Nothing was made behind it yet that says otherwise.
    expect(plan(points.with(4, { ...points[4]!, begunAt: ahead, at: ahead }), { last: 1 }, right).refused).toContain('the clock is wrong');
  });

  test('takes no full backup that took long for one of a clock that was ahead, whatever was begun behind it', () => {
    const points = chain('f3flll', day / 8);
    const long = points.with(1, { ...points[1]!, at: points[4]!.at });
    const kept = plan(long, { last: 1 }, after(points)).keep.find(({ point }) => point.id === points[1]!.id);
    expect(kept?.point.at).toEqual(points[4]!.at);
  });

  test('keeps what cannot be restored for a while, and never counts it', () => {
    const points = chain('f3llfll').filter((_, index) => index !== 4);
    const result = plan(points, { days: 1 });
    const lost = result.keep.filter(({ because }) => because[0]?.includes('is missing; kept for inquiry'));
    expect(lost.map(({ point }) => point.kind)).toEqual(['log', 'log'].slice(0, lost.length));
    expect(plan(points, { last: 1 }).remove.filter(({ because }) => because.includes('is missing')).length).toBeGreaterThan(0);
  });

  test('of a month of logs takes no time', () => {
    const points = chain(`f3${'l'.repeat(40_000)}`, 60_000);
    const begun = cpuTime();
    expect(plan(points, { days: 1 }).keep.length).toBe(40_001);
    expect(plan(points.slice(0, -1), { last: 1 }).keep.length).toBe(40_000);
    expect(cpuTime() - begun).toBeLessThan(2000);
  });

  describe('whatever happened before,', () => {
    const anyHistory = fc
      .array(
        fc.record({
          sign: fc.constantFrom('f', 'f', 'i', 'l', 'l', 'l', 'c'),
          level: fc.integer({ min: -1, max: 4 }),
          gap: fc.nat(3 * day),
          lost: fc.nat(9),
          label: fc.nat(9),
        }),
        { maxLength: 40 },
      )
      .map((entries) => {
        const points: Point[] = [];
        let at = start;
        let last: string | null = null;
        const kinds: Readonly<Record<string, BackupKind>> = { f: 'full', i: 'increment', l: 'log', c: 'configuration' };
        for (const { sign, level, gap, label } of entries) {
          at += gap;
          const kind = kinds[sign]!;
          const alone = sign === 'f' || sign === 'c';
          if (!alone && last === null) continue;
          const id = makeUlid(new Date(at), Buffer.alloc(10), points.at(-1)?.id);
          points.push({
            id,
            kind,
            begunAt: new Date(at),
            at: new Date(at),
            parent: alone ? null : last,
            level,
            label: label === 0 ? 'named' : null,
          });
          if (sign !== 'c') last = id;
        }
        return { points, withHoles: points.filter((_, index) => (entries[index]?.lost ?? 1) > 0) };
      });
    const few = fc.option(fc.nat(5), { nil: undefined });
    const anyPolicy = fc
      .record({ last: few, days: few, daily: few, weekly: few, monthly: few, labelledDays: few })
      .map((rules) => Object.fromEntries(Object.entries(rules).filter(([, value]) => value !== undefined)) as Partial<RetentionPolicy>);

    test('every point is kept or removed, once, and each for a reason', () => {
      fc.assert(
        fc.property(anyHistory, anyPolicy, ({ withHoles }, policy) => {
          if (withHoles.length === 0) return;
          const { keep, remove } = plan(withHoles, policy);
          expect([...keep, ...remove].map(({ point }) => point.id).sort()).toEqual(withHoles.map(({ id }) => id).sort());
          expect(keep.every(({ because }) => because.length > 0) && remove.every(({ because }) => because !== '')).toBe(true);
        }),
      );
    });

    test('what could be restored and is kept can still be restored, also when the removal breaks off in the middle', () => {
      fc.assert(
        fc.property(anyHistory, anyPolicy, fc.nat(40), ({ points }, policy, steps) => {
          if (points.length === 0) return;
          const { remove } = plan(points, policy);
          const gone = new Set(remove.slice(0, steps).map(({ point }) => point.id));
          const left = new Set(points.map(({ id }) => id).filter((id) => !gone.has(id)));
          for (const { id, parent } of points) if (left.has(id) && parent !== null) expect(left).toContain(parent);
        }),
      );
    });

    test('the newest remains, and something that was proven', () => {
      fc.assert(
        fc.property(anyHistory, anyPolicy, ({ points }, policy) => {
          if (points.length === 0) return;
          const { keep } = plan(points, policy);
          expect(keep.map(({ point }) => point.id)).toContain(points.at(-1)!.id);
          const broken = new Set<string>();
          for (const { id, parent, level } of points) if (level < 0 || broken.has(parent ?? '')) broken.add(id);
          const isProven = ({ id, level }: Point): boolean => level >= 3 && !broken.has(id);
          if (points.some(isProven)) expect(keep.some(({ point }) => isProven(point))).toBe(true);
          else expect(keep.length).toBe(points.length);
        }),
      );
    });

    test('doing it twice removes nothing more', () => {
      fc.assert(
        fc.property(anyHistory, anyPolicy, ({ points }, policy) => {
          if (points.length === 0) return;
          const first = plan(points, policy);
          const again = plan(
            first.keep.map(({ point }) => point),
            policy,
            after(points),
          );
          expect(again.remove).toEqual([]);
        }),
      );
    });

    test('a stricter policy never keeps more', () => {
      fc.assert(
        fc.property(anyHistory, fc.nat(5), fc.nat(5), ({ points }, fewer, more) => {
          if (points.length === 0) return;
          const keptWith = (count: number) => new Set(plan(points, { daily: count, last: count }).keep.map(({ point }) => point.id));
          const [small, large] = [keptWith(Math.min(fewer, more)), keptWith(Math.max(fewer, more))];
          expect([...small].filter((id) => !large.has(id))).toEqual([]);
        }),
      );
    });
  });
});
