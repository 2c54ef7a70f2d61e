import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readAssets } from '../../../generator/io/assets.ts';
import { listExamples, readExample } from '../../../generator/io/examples.ts';
import { parseSpec } from '../../../generator/spec/parse-spec.ts';
import { BerthError } from '../../../model/errors.ts';
import { imageReference, splitImage } from '../../../model/names.ts';
import { profileNames } from '../../../model/profile.ts';
import { temporarySite } from './site-fixture.ts';

const root = join(import.meta.dirname, '../../..');
const assets = readAssets(root);

describe('images.yaml', () => {
  test.each(Object.entries(assets.images))('says of %s what runs, under which licence, as whom and for how long', (_, image) => {
    expect(image.reference).toMatch(imageReference);
    // Registry and path in full: a short name means another image where a mirror is set.
    expect(image.reference).toMatch(/^(?:[a-z.]+\.[a-z]+|localhost)\/.+:/);
    const { tag } = splitImage(image.reference);
    expect(tag).not.toBe('latest');
    expect(tag).toContain(image.version);
    expect(image.licence).toMatch(/^[A-Za-z0-9.-]+$/);
    expect(image.user).toMatch(/^[1-9]\d*:[1-9]\d*$/);
    if (image.status !== 'supported')
      expect([image.note, image.replacement]).toEqual([expect.stringMatching(/.{20}/), expect.stringMatching(/.{10}/)]);
  });

  test('has every image that a plan asks for', () => {
    expect(Object.keys(assets.images)).toEqual(expect.arrayContaining(['nginx', 'postgres', 'valkey', 'minio']));
  });
});

describe('hardware profiles', () => {
  test('are the three that can be named, one file each', () => {
    expect(readdirSync(join(root, 'hardware-profiles')).sort()).toEqual(profileNames.map((name) => `${name}.yaml`).sort());
  });

  test.each(profileNames)('%s parses, bears its name, and has no number that was not understood', (name) => {
    const profile = assets.profile(name);
    expect(profile.name).toBe(name);
    const values: { value: unknown; because: string }[] = [];
    const walk = (node: unknown): void => {
      if (typeof node !== 'object' || node === null) return;
      if ('because' in node && 'value' in node) values.push(node as { value: unknown; because: string });
      else for (const inner of Object.values(node)) walk(inner);
    };
    walk(profile);
    expect(values.length).toBeGreaterThan(15);
    for (const { value, because } of values) {
      if (typeof value === 'number') expect(value).toBeGreaterThan(0);
      expect(because.length).toBeGreaterThan(9);
    }
  });

  test('grow from one to the next in everything they give', () => {
    const [small, middle, large] = profileNames.map((name) => assets.profile(name));
    for (const [less, more] of [
      [small, middle],
      [middle, large],
    ] as const)
      for (const role of ['app', 'database', 'cache', 'storage', 'edge', 'agent'] as const) {
        expect(more?.[role].memory.value).toBeGreaterThanOrEqual(less?.[role].memory.value ?? Infinity);
        expect(more?.[role].cpu.value).toBeGreaterThanOrEqual(less?.[role].cpu.value ?? Infinity);
      }
  });
});

describe('templates', () => {
  test('are read with their folders', () => {
    expect(assets.templates.get('compose/compose.yaml.hbs')).toBe(readFileSync(join(root, 'templates/compose/compose.yaml.hbs'), 'utf8'));
  });
});

describe('examples', () => {
  test('are the folders that hold a spec', () => {
    expect(listExamples(root)).toContain('hello');
    for (const name of listExamples(root)) expect(existsSync(join(root, 'examples', name, 'berth.yaml'))).toBe(true);
  });

  test.each(listExamples(root))('%s is a whole spec', (name) => {
    expect(parseSpec(readFileSync(join(root, 'examples', name, 'berth.yaml')), 'berth.yaml')).toMatchObject({ ok: true });
  });

  test('bring their build context along, once', async () => {
    using site = temporarySite();
    const { cpSync, mkdirSync, writeFileSync } = await import('node:fs');
    cpSync(join(root, 'examples/hello'), join(site.path, 'examples/hello'), { recursive: true });
    mkdirSync(join(site.path, 'dist/examples/hello'), { recursive: true });
    writeFileSync(join(site.path, 'dist/examples/hello/server.mjs'), '// built\n');
    const { files } = readExample(site.path, 'hello');
    expect(files.map(({ path, policy }) => [path, policy])).toEqual([
      ['app/Dockerfile', 'once'],
      ['app/server.mjs', 'once'],
    ]);
    expect(files[1]?.content).toBe('// built\n');
  });

  test('that were not built say so', async () => {
    using site = temporarySite();
    const { cpSync } = await import('node:fs');
    cpSync(join(root, 'examples/hello'), join(site.path, 'examples/hello'), { recursive: true });
    expect(() => readExample(site.path, 'hello')).toThrow(BerthError);
    expect(() => readExample(site.path, 'hello')).toThrow(/was not built/);
  });
});
