import { describe, expect, test } from 'vitest';
import { checkLockedImages } from '../../../generator/doctor/locked-images.ts';

const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const lock = new Map([
  [
    'app:1',
    {
      digest: digest('a'),
      since: '2026-11-20T10:00:00.000Z',
      platforms: [
        { platform: 'linux/amd64', manifest: digest('b'), config: digest('c') },
        { platform: 'linux/arm64', manifest: digest('d'), config: digest('e') },
      ],
    },
  ],
]);
const judged = (here?: { id: string; digests: readonly string[] }, reference = 'app:1') =>
  checkLockedImages(lock, [{ reference, ...(here ? { here: { platform: 'linux/amd64', ...here } } : {}) }])[0];

describe('an image of the engine', () => {
  test.each([
    { how: 'by the hash of its configuration, as after docker load', here: { id: digest('c'), digests: [] } },
    { how: 'by its list, where the engine stores images as containerd does', here: { id: digest('a'), digests: [] } },
    { how: 'by what its registry calls it', here: { id: digest('f'), digests: [digest('a')] } },
  ])('is the locked one $how', ({ here }) => {
    expect(judged(here)).toMatchObject({ verdict: 'pass', id: 'image:app:1' });
  });

  test('that is another one fails, and both are named', () => {
    expect(judged({ id: digest('f'), digests: [digest('9')] })).toMatchObject({
      verdict: 'fail',
      found: 'the engine has sha256:ffffffffffff… for linux/amd64, and on 2026-11-20 it was sha256:aaaaaaaaaaaa…',
    });
  });

  test('that is missing, or was never locked, is told with what to do', () => {
    expect(judged()).toMatchObject({ verdict: 'warn', found: 'the engine does not have it' });
    expect(judged({ id: digest('c'), digests: [] }, 'other:1')).toMatchObject({ verdict: 'warn', found: 'it is not in images.lock.yaml' });
  });
});
