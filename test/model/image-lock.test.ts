import { describe, expect, test } from 'vitest';
import { imageLockDocument, imageLockOf } from '../../model/image-lock.ts';

const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const image = {
  digest: digest('a'),
  since: '2026-11-20T10:00:00.000Z',
  platforms: [{ platform: 'linux/amd64', manifest: digest('b'), config: digest('c') }],
};
const document = (change: object) => ({ version: 1, images: { 'app:1': { ...image, ...change } } });

describe('the lock of images', () => {
  test('is read as it was written, in the order of the references', () => {
    const lock = new Map([
      ['b:1', image],
      ['a:1', image],
    ]);
    expect(imageLockOf(imageLockDocument(lock))).toEqual(lock);
    expect(Object.keys(imageLockDocument(lock).images)).toEqual(['a:1', 'b:1']);
  });

  test.each([
    { value: null, wrong: 'version' },
    { value: [], wrong: 'version' },
    { value: { version: 2, images: {} }, wrong: 'version' },
    { value: { version: 1 }, wrong: 'images' },
    { value: document({ digest: 'sha256:a' }), wrong: 'images.app:1' },
    { value: document({ since: 'yesterday' }), wrong: 'images.app:1' },
    { value: document({ platforms: {} }), wrong: 'images.app:1' },
    { value: document({ platforms: [{ platform: 'linux/amd64' }] }), wrong: 'images.app:1' },
    { value: document({ platforms: ['linux/amd64'] }), wrong: 'images.app:1' },
  ])('that says $value is refused by the place of what is wrong', ({ value, wrong }) => {
    expect(imageLockOf(value)).toEqual({ wrong });
  });
});
