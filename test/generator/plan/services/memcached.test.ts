import { describe, expect, test } from 'vitest';
import { mib, milliCpu } from '../../../../model/units.ts';
import { app, cache, decision, plan, refusal, service, settingsOf, stack, uses } from '../plans.ts';

const site = (more: Parameters<typeof cache>[1] = {}) =>
  stack({
    services: [app('web', { uses: [uses.cache('pages')] })],
    databases: [],
    stores: [],
    caches: [cache('pages', { engine: 'memcached', ...more })],
  });

describe('Memcached', () => {
  test.each([
    [256, '128'],
    [512, '256'],
    [640, '437'],
    [1024, '733'],
    [4096, '3103'],
    [65_536, '50500'],
  ])('of %i MiB keeps %s MiB of items', (memory, items) => {
    expect(settingsOf(plan(site({ memory: mib(memory) })), 'pages')['memory-limit']).toBe(items);
  });

  test.each([
    [50, '1'],
    [1000, '1'],
    [1001, '2'],
    [16_000, '4'],
  ])('with %i thousandths of a CPU works with %s threads', (cpu, threads) => {
    const made = plan(site({ cpu: milliCpu(cpu) }));
    expect([settingsOf(made, 'pages')['threads'], decision(made, 'pages.threads')]).toEqual([threads, threads]);
  });

  test('keeps as many items whatever its CPUs: threads that more of them bring were left room for', () => {
    const items = (cpu: number) => settingsOf(plan(site({ memory: mib(4096), cpu: milliCpu(cpu) })), 'pages')['memory-limit'];
    expect(items(16_000)).toBe(items(50));
  });

  test('needs 256 MiB', () => {
    expect(refusal(site({ memory: mib(128) })).message).toContain('caches.pages.memory is 128 MiB; it needs at least 256 MiB');
  });

  test('is given each setting by its long option, and explains each', () => {
    const made = plan(site());
    const settings = Object.entries(settingsOf(made, 'pages')).map(
      ([name, value]) => [name, value, decision(made, `pages.${name}`)] as const,
    );
    expect(settings.map(([name]) => name)).toEqual(['memory-limit', 'conn-limit', 'threads', 'max-item-size']);
    for (const [name, value, decided] of settings) expect([name, decided]).toEqual([name, value]);
    expect(service(made, 'pages').command).toEqual(['memcached', '--port=11211', ...settings.map(([name, value]) => `--${name}=${value}`)]);
  });

  test('has no secret, no volume and no folder to write to', () => {
    const made = plan(site());
    expect(service(made, 'pages')).toMatchObject({
      user: '11211:11211',
      secretFiles: [],
      volumes: [],
      tmpfs: [],
      mounts: [],
      secretEnv: {},
    });
    expect([made.secrets, made.secretFiles]).toEqual([[], []]);
    expect(service(made, 'web')).toMatchObject({
      env: { PAGES_URL: 'memcached://pages:11211' },
      secretEnv: {},
      connects: [{ service: 'pages', port: 11_211 }],
    });
  });

  test('is not said to wait for a topology that it has none of', () => {
    const notes = (engine: 'memcached' | 'valkey') => plan({ ...site({ engine }), profile: 'high-performance' }).notes.join('\n');
    expect(notes('valkey')).toContain('three nodes of pages');
    expect(notes('memcached')).not.toContain('nodes of pages');
  });
});
