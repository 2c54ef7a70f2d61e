import { describe, expect, test } from 'vitest';
import { mib } from '../../../../model/units.ts';
import { mongodbEngine } from '../../../../generator/plan/services/mongodb.ts';
import { app, database, decision, host, plan, refusal, service, settingsOf, stack, uses } from '../plans.ts';

const site = (more: Parameters<typeof database>[1] = {}, pool = 10) =>
  stack({
    services: [app('web', { pool, uses: [uses.database('database')] })],
    databases: [database('database', { engine: 'mongodb', ...more })],
  });
const cacheOf = (gib: number, pool?: number) =>
  settingsOf(plan(site({ memory: mib(gib * 1024) }, pool)), 'database')['storage.wiredTiger.engineConfig.cacheSizeGB'];

describe('MongoDB', () => {
  test.each([
    // Half of what is above 1 GiB
    [2, 10, '0.50'],
    [4, 10, '1.50'],
    [64, 10, '31.50'],
    // 514 connections leave less: (0.9 × 2.25 GiB − 929 MiB − 514 MiB) / 1.1
    [2.25, 166, '0.55'],
  ])('of %d GiB with a pool of %i for each replica caches %s GiB', (gib, pool, cache) => {
    expect(cacheOf(gib, pool)).toBe(cache);
  });

  test('needs 2 GiB, and more the more connections there are', () => {
    expect(refusal(site({ memory: mib(1024) })).message).toContain('databases.database.memory is 1 GiB; it needs at least 2 GiB');
    expect(refusal(site({ memory: mib(2048) }, 300)).message).toContain('or what leaves a cache of 264 MiB beside 916 connections');
  });

  test('counts the connections by which each driver watches it', () => {
    expect(decision(plan(site()), 'database.net.maxIncomingConnections')).toBe(String(3 * 10 + 10 + 3 * 2));
  });

  test('keeps its oplog within a twentieth of its disk, and no smaller than the server takes', () => {
    for (const disk of [40, 400, 8000]) {
      const made = plan({ ...site(), host: host(8, 64, disk) });
      const room = made.disk.find(({ name }) => name === 'database')?.size ?? 0;
      expect(settingsOf(made, 'database')['replication.oplogSizeMB']).toBe(String(Math.min(51_200, Math.max(990, Math.floor(room / 20)))));
    }
  });

  test('covers what its image declares as volumes, and writes to its own and to memory only', () => {
    const made = plan(site());
    const folders = (name: string) => service(made, name).tmpfs.map(({ path }) => path);
    expect(folders('database')).toEqual(['/tmp', '/data/configdb']);
    expect(folders('database-accounts')).toEqual(['/tmp', '/data/db', '/data/configdb']);
    expect(service(made, 'database').volumes.map(({ target }) => target)).toEqual(['/data/db']);
  });

  test('shows its passwords to nobody who lists its processes', () => {
    const made = plan({ ...site(), target: 'kubernetes' });
    for (const name of ['database', 'database-accounts']) {
      const { secretEnv, secretFiles } = service(made, name);
      expect(secretEnv).toEqual({});
      expect(secretFiles.length).toBeGreaterThan(1);
    }
    const [gate] = service(made, 'web').gates;
    const address = ['mongodb://hello:', { secret: 'database-app' }, '@database:27017/hello?replicaSet=rs0&authSource=hello'];
    expect(gate).toMatchObject({ image: 'mongodb', env: { HOME: '/tmp' }, secretEnv: { DATABASE_URL: address }, size: { memory: 256 } });
    expect(service(made, 'web').secretEnv['DATABASE_URL']).toEqual(address);
    expect(gate?.argv.join(' ')).not.toContain('database-app');
    expect(gate?.argv.at(-1)).toBe(mongodbEngine.ping);
  });

  test('is known to clients by the name of its container, in a cluster by that of its node, which answers before it is ready', () => {
    expect(plan(site()).databases[0]?.members).toEqual(['database:27017']);
    expect(plan({ ...site(), target: 'kubernetes' }).databases[0]?.members).toEqual(['database-0.database-nodes:27017']);
  });

  test('is a replica set of three in a cluster: one more for each of two, of the same size, and all speak to all', () => {
    const hosts = (end: (name: string) => string) =>
      ['database', 'database-member-2', 'database-member-3'].map((name) => `${end(name)}:27017`);
    for (const [target, at] of [
      ['compose', hosts((name) => name)],
      ['kubernetes', hosts((name) => `${name}-0.${name}-nodes`)],
    ] as const) {
      const made = plan({ ...site({ topology: 'cluster' }), target });
      expect(made.databases[0]?.members).toEqual(at);
      const members = ['database', 'database-member-2', 'database-member-3'].map((name) => service(made, name));
      for (const member of members) {
        expect(member).toMatchObject({ whole: 'database-members', size: members[0]?.size, mounts: members[0]?.mounts });
        expect(member.connects.map((one) => one.service).sort()).toEqual(
          members.map(({ name }) => name).filter((name) => name !== member.name),
        );
      }
      expect(members.map(({ entrypoint }) => entrypoint?.includes('joins'))).toEqual([false, true, true]);
      expect(service(made, 'database-accounts').connects).toHaveLength(3);
      const web = service(made, 'web');
      expect(web.connects.map((one) => one.service)).toEqual(members.map(({ name }) => name));
      const address = (more: string) => [
        'mongodb://hello:',
        { secret: 'database-app' },
        `@${at.join(',')}/hello?replicaSet=rs0&authSource=hello${more}`,
      ];
      expect(web.secretEnv).toEqual({
        DATABASE_URL: address('&w=majority'),
        DATABASE_READ_URL: address('&readPreference=secondaryPreferred'),
      });
      expect(web.gates[0]?.secretEnv).toEqual({ DATABASE_URL: address('&w=majority') });
    }
  });

  test('has room for the connections of its other members', () => {
    const limit = (topology: 'single' | 'cluster') => Number(decision(plan(site({ topology })), 'database.net.maxIncomingConnections'));
    expect(limit('cluster') - limit('single')).toBe(20);
  });

  test('says which licence it has, and that it was never tried', () => {
    const notes = plan(site()).notes.join('\n');
    expect(notes).toContain('SSPL-1.0');
    expect(notes).toContain('has not been run against a live server');
    expect(plan(stack()).notes.join('\n')).not.toContain('live server');
  });

  test.each([
    ['off', 'mongodb://shop%40corp:', '@db.corp.example:27018/shop?authSource=admin'],
    ['require', 'mongodb://shop%40corp:', '@db.corp.example:27018/shop?authSource=admin&tls=true&tlsAllowInvalidCertificates=true'],
    ['verify', 'mongodb://shop%40corp:', '@db.corp.example:27018/shop?authSource=admin&tls=true'],
  ] as const)('elsewhere is reached with TLS as asked for: %s', (tls, begin, end) => {
    const at = { name: 'database', host: 'db.corp.example', port: 27_018, user: 'shop@corp', database: 'shop', tls };
    expect(mongodbEngine.url(at)).toEqual([begin, { secret: 'database-app', encoded: 'url' }, end]);
  });
});
