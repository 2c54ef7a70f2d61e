import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { withOverlayImages } from '../../cli/overlay-images.ts';
import { temporarySite } from '../generator/io/site-fixture.ts';
import { needs } from '../generator/doctor/needs-fixture.ts';

const asked = needs({
  images: [
    { reference: 'docker.io/library/postgres:17.6', service: 'database' },
    { reference: 'berth/hello:0.1.0', service: 'web' },
  ],
  volumes: needs().volumes.map((volume) => ({ ...volume, image: 'docker.io/library/postgres:17.6' })),
});

function withOverlay(text: string): ReturnType<typeof withOverlayImages> {
  using site = temporarySite();
  mkdirSync(join(site.path, 'k8s/site'), { recursive: true });
  writeFileSync(join(site.path, 'k8s/site/kustomization.yaml'), text);
  return withOverlayImages(asked, site.path);
}

test('a cluster is asked for the images that the overlay names, for those that try its volumes as well', () => {
  const found = withOverlay('images: [{ name: docker.io/library/postgres, newName: registry.local:5000/postgres }]\n');
  expect(found.images.map(({ reference }) => reference)).toEqual(['registry.local:5000/postgres:17.6', 'berth/hello:0.1.0']);
  expect(new Set(found.volumes.map(({ image }) => image))).toEqual(new Set(['registry.local:5000/postgres:17.6']));
});

test('without an overlay, or with one that names none, they stay as they are', () => {
  using site = temporarySite();
  expect(withOverlayImages(asked, site.path)).toEqual(asked);
  expect(withOverlay('')).toEqual(asked);
});

test('an overlay that is no YAML is refused', () => {
  expect(() => withOverlay('images: [')).toThrow(/k8s\/site\/kustomization\.yaml is no YAML/);
});
