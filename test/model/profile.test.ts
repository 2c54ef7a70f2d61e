import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { splitImage } from '../../model/names.ts';
import { imageCatalogue } from '../../model/image-catalogue.ts';
import { hardwareProfile, profileNames } from '../../model/profile.ts';

describe('what ships with Berth', () => {
  test.each(profileNames)('the profile %s is complete, and each of its numbers has a reason', (name) => {
    const profile = hardwareProfile.parse(parse(readFileSync(`hardware-profiles/${name}.yaml`, 'utf8')));
    expect(profile.name).toBe(name);
    for (const role of [profile.app, profile.database, profile.cache, profile.storage, profile.edge, profile.agent]) {
      expect(role.memory.value).toBeGreaterThan(0);
      expect(role.memory.value % 16).toBe(0);
      expect(role.cpu.value).toBeGreaterThan(0);
    }
  });

  test('every image of the catalogue names one version, and one that is not supported says why and what instead', () => {
    for (const [, image] of Object.entries(imageCatalogue.parse(parse(readFileSync('images.yaml', 'utf8'))))) {
      expect(splitImage(image.reference).tag).toContain(image.version);
      if (image.status !== 'supported') expect([image.note, image.replacement]).not.toContain(undefined);
    }
  });
});
