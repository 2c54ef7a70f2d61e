import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { readAssets } from '../../../generator/io/assets.ts';
import { renderCompose } from '../../../generator/render/compose.ts';
import type { SlotRelease } from '../../../model/release.ts';
import { helloPlan } from './hello.ts';

const assets = readAssets('.');
const plan = helloPlan();
/** Which slots of a release may be built at the site. */
function builtIn(filled: readonly SlotRelease[]): readonly string[] {
  const { content } = renderCompose({ ...plan, release: new Map([['web', filled]]) }, assets.templates, assets.images, new Map());
  const { services } = parse(content) as { services: Record<string, { build?: unknown }> };
  return Object.keys(services).filter((name) => services[name]?.build !== undefined);
}
const slot = (name: 'blue' | 'green', tag: string): SlotRelease => ({
  slot: name,
  image: `berth/hello:${tag}`,
  replicas: 1,
  weight: 50,
  migrates: false,
});

describe('an application that is built at the site', () => {
  test('is built under the name it has in the spec', () => {
    expect(builtIn([slot('blue', '0.1.0')])).toEqual(['web-blue']);
  });

  test('is not made up from the sources that lie there under the name of another release', () => {
    expect(builtIn([slot('blue', '0.1.0'), slot('green', '0.2.0')])).toEqual(['web-blue']);
    expect(builtIn([slot('green', '0.2.0')])).toEqual([]);
  });
});
