import { describe, expect, test } from 'vitest';
import { describeEstimate, describeExceeded, estimate, estimateSite } from '../../../cli/restore/estimate.ts';
import type { Verification } from '../../../model/backup/verification.ts';

const MB = 1_000_000;
const at = new Date('2026-11-20T01:00:00Z');
const rate = (perSecond: number, most = 1000 * MB) => ({ bytesPerSecond: perSecond * MB, at, most });
const none = { whole: undefined, log: undefined };
const shop = { source: 'shop', bytes: 2700 * MB, logBytes: 300 * MB };

describe('how long a restore should take', () => {
  test('is what its bytes and its log take at the rates that were measured, and says so', () => {
    const expected = estimate('shop', shop, { whole: rate(12), log: rate(6) });
    expect(expected.seconds).toBe(250);
    expect(describeEstimate(expected)).toBe('about 4 min: 2.4 GB at 12.0 MB/s as measured on 2026-11-20, and 300 MB of log at 6.0 MB/s');
    for (const logBytes of [0, 2 ** 20 - 1])
      expect(estimate('shop', { ...shop, bytes: 2400 * MB + logBytes, logBytes }, { whole: rate(12), log: undefined })).toEqual({
        seconds: 200,
        basis: '2.4 GB at 12.0 MB/s as measured on 2026-11-20',
      });
  });

  test('is not known where it was never measured, with what measures it; no number is made up', () => {
    expect(describeEstimate(estimate('shop', shop, none))).toBe(
      'not known: nothing of shop was restored and measured yet; `berth backup verify --restore` does that',
    );
    const little = estimate('shop', shop, { whole: rate(12, 20 * MB), log: rate(6) });
    expect(little).toEqual({
      seconds: null,
      basis: '2.4 GB, and at most 20.0 MB of shop was ever measured; `berth backup verify --restore` measures it',
    });
    const noLog = estimate('shop', shop, { whole: rate(12), log: rate(6, MB) });
    expect(noLog.seconds).toBeNull();
    expect(noLog.basis).toMatch(/reading 300 MB of log, of which at most 1\.0 MB was ever measured; .*--into scratch/);
  });
});

describe('how long a site should take', () => {
  const parts = [shop, { source: 'uploads', bytes: 100 * MB, logBytes: 0 }];
  const drilled = (bytes: number, seconds: number) =>
    ({
      id: 'a',
      at: at.toISOString(),
      measured: { whole: { bytes, milliseconds: seconds * 1000 }, log: null, replay: null },
    }) as unknown as Verification;

  test('is what the last drill took, and more where there is more by now, but never less', () => {
    expect(estimateSite(parts, drilled(2800 * MB, 600), () => none, null)).toMatchObject({
      seconds: 600,
      basis: '2.8 GB, and the drill of 2026-11-20 took 10 min for 2.8 GB',
      objective: null,
      exceeded: false,
    });
    expect(estimateSite(parts, drilled(1400 * MB, 600), () => none, null).seconds).toBe(1200);
    expect(estimateSite(parts, drilled(5000 * MB, 600), () => none, null).seconds).toBe(600);
  });

  test('is what its parts take where there was no drill, or one that was not measured; one that is not known is named', () => {
    const rates = (source: string) => (source === 'shop' ? { whole: rate(12), log: rate(6) } : { whole: rate(50), log: undefined });
    expect(estimateSite(parts, undefined, rates, null).seconds).toBe(252);
    expect(estimateSite(parts, { ...drilled(1, 1), measured: null }, rates, null).seconds).toBe(252);
    expect(estimateSite(parts, undefined, (source) => (source === 'shop' ? rates(source) : none), null)).toMatchObject({
      seconds: null,
      basis: 'so much of uploads was never measured; `berth drill` measures all of it',
      exceeded: false,
    });
    expect(estimateSite([], undefined, rates, 60)).toMatchObject({ seconds: null, exceeded: false });
  });

  test('is held against objectives.rto', () => {
    const of = (objective: number) => estimateSite(parts, drilled(2800 * MB, 600), () => none, objective);
    expect(describeExceeded(of(600))).toBeUndefined();
    expect(describeExceeded(of(300))).toContain('objectives.rto is 5 min, and this should take about 10 min');
  });
});
