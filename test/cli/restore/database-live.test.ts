import { describe, expect, test } from 'vitest';
import { concernedBy } from '../../../cli/restore/database-live.ts';
import { bigHost, helloPlan, smallHost } from '../../generator/render/hello.ts';

describe('whom a database that is put back concerns', () => {
  test.each(['mysql', 'mariadb'])('is its replica, of %s as well', (engine) => {
    const set = { 'backups.folder': '/srv/backups', 'databases.database': { engine, topology: 'primary-replica' } };
    const { clients, replicas } = concernedBy(helloPlan({ target: 'compose', profile: 'recommended', host: bigHost, set }), 'database');
    expect(clients.toSorted()).toEqual(['database-replica', 'web-blue', 'web-green']);
    expect(replicas.map(({ name }) => name)).toEqual(['database-replica']);
  });

  test('are both replicas of a cluster, which copy it anew', () => {
    const set = { 'backups.folder': '/srv/backups', 'databases.database.topology': 'cluster' };
    const { clients, replicas } = concernedBy(helloPlan({ target: 'compose', profile: 'recommended', host: bigHost, set }), 'database');
    expect(clients.toSorted()).toEqual(['database-replica', 'database-replica-2', 'web-blue', 'web-green']);
    expect(replicas.map(({ name }) => name)).toEqual(['database-replica', 'database-replica-2']);
  });

  test('are the members of its set, which stop with it and not before', () => {
    const set = { 'backups.folder': '/srv/backups', 'databases.database': { engine: 'mongodb', topology: 'cluster' } };
    const { clients, replicas, members } = concernedBy(
      helloPlan({ target: 'compose', profile: 'recommended', host: bigHost, set }),
      'database',
    );
    expect(clients.toSorted()).toEqual(['web-blue', 'web-green']);
    expect(members).toEqual(['database-member-2', 'database-member-3']);
    expect(replicas.map(({ name }) => name)).toEqual(members);
  });

  test('are those who write to it, in both slots, and caches that forget', () => {
    const { server, clients, replicas, caches } = concernedBy(
      helloPlan({ target: 'compose', profile: 'minimum', host: smallHost, set: { 'backups.folder': '/srv/backups' } }),
      'database',
    );
    expect([server.name, clients, replicas, caches]).toEqual(['database', ['web-blue', 'web-green'], [], ['cache']]);
  });

  test('are its replica and its pool of connections too; the agent goes on, and what keeps its data is left alone', () => {
    const { clients, replicas, caches } = concernedBy(
      helloPlan({
        target: 'compose',
        profile: 'recommended',
        host: bigHost,
        set: {
          'backups.folder': '/srv/backups',
          'databases.database.pgbouncer': {},
          'caches.cache.use': 'queue',
          'caches.cache.topology': 'single',
        },
      }),
      'database',
    );
    expect(clients.toSorted()).toEqual(['database-pgbouncer', 'database-replica', 'web-blue', 'web-green']);
    expect(replicas.map(({ name }) => name)).toEqual(['database-replica']);
    expect(caches).toEqual([]);
  });
});
