import { describe, expect, test } from 'vitest';
import type { ObjectVersion } from '../../../runtime/stores/s3/list.ts';
import { digestFor, planClean, planRevival } from '../../../runtime/stores/s3/locked-objects.ts';

const day = (count: number): Date => new Date(Date.UTC(2026, 2, 1) + count * 86_400_000);
const data = 'v1/shop/db/data/01KM0000000000000000000000/dump.zst.aes.1';
const lease = 'v1/shop/leases/data/1';
/** The newest first: each is of that day, and a cross says that the object was deleted then. */
const versions = (key: string, ...days: readonly (number | `${number}x`)[]): readonly ObjectVersion[] =>
  days.map((each) => ({
    key,
    versionId: String(each),
    modified: day(Number.parseFloat(String(each))),
    isMarker: String(each).endsWith('x'),
  }));
const ids = (list: readonly ObjectVersion[]): readonly string[] => list.map(({ versionId }) => versionId);

describe('what a locked bucket still has of an object', () => {
  const at = { before: day(98), days: 14, now: day(100) };
  const cleaned = (key: string, ...days: Parameters<typeof versions>[1][]) => {
    const { gone, marker } = planClean(versions(key, ...days), at);
    return { gone: ids(gone), marker: marker?.versionId };
  };

  test('is removed once nobody can want it back, and the last word of it with it', () => {
    expect(cleaned(data, '80x', 10)).toEqual({ gone: ['10'], marker: '80x' });
    expect(cleaned(data, 80, 10)).toEqual({ gone: ['10'], marker: undefined });
  });

  test('stays while the time of a lock that was renewed on its last day lasts', () => {
    expect(cleaned(data, '90x', 10)).toEqual({ gone: [], marker: undefined });
    expect(cleaned(data, '90x', 40, 10)).toEqual({ gone: ['10'], marker: undefined });
  });

  test('is not what is there now', () => {
    expect(cleaned(data, 10)).toEqual({ gone: [], marker: undefined });
    expect(cleaned(lease, 10)).toEqual({ gone: [], marker: undefined });
    expect(planClean([], at)).toEqual({ gone: [], marker: undefined });
  });

  test('goes after the time of grace where it is no part of a backup, as it is written over every minute', () => {
    expect(cleaned(lease, 99, 97, 90)).toEqual({ gone: ['90'], marker: undefined });
    expect(cleaned(lease, '99x', 90)).toEqual({ gone: [], marker: undefined });
    expect(cleaned(lease, '97x', 90)).toEqual({ gone: ['90'], marker: '97x' });
  });
});

describe('what was a part of a backup at a time', () => {
  const revived = (at: number, key: string, ...days: Parameters<typeof versions>[1][]) => {
    const plan = planRevival(versions(key, ...days), day(at));
    return plan && { back: plan.back.versionId, since: ids(plan.since), was: plan.was };
  };

  test('comes back when it was removed since', () => {
    expect(revived(50, data, '60x', 10)).toEqual({ back: '10', since: ['60x'], was: 'removed' });
    expect(revived(50, data, '61x', '60x', 10)).toEqual({ back: '10', since: ['61x', '60x'], was: 'removed' });
  });

  test('comes back when something else was put in its place', () => {
    expect(revived(50, data, '62x', 60, 10)).toEqual({ back: '10', since: ['62x', '60'], was: 'replaced' });
  });

  test('is left alone where it is as it was, was gone before, or came later', () => {
    expect(revived(50, data, 10)).toBeUndefined();
    expect(revived(50, data, '40x', 10)).toBeUndefined();
    expect(revived(50, data, 60, '40x', 10)).toBeUndefined();
    expect(revived(50, data, 60)).toBeUndefined();
  });

  test('is nothing that is written over as a rule', () => {
    expect(revived(50, lease, 60, 10)).toBeUndefined();
  });
});

test('a digest is made for what is locked alone', () => {
  const chunks = [Buffer.from('hel'), Buffer.from('lo')];
  expect(digestFor({ 'x-amz-object-lock-mode': 'GOVERNANCE' }, chunks)).toEqual({ 'content-md5': 'XUFAKrxLKna5cZ2REBfFkg==' });
  expect(digestFor({ 'x-amz-meta-a': 'b' }, chunks)).toEqual({});
});
