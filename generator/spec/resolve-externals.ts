import { mariadb } from '../../model/engines/mariadb.ts';
import { memcached } from '../../model/engines/memcached.ts';
import { minio } from '../../model/engines/minio.ts';
import { mongodb } from '../../model/engines/mongodb.ts';
import { mysql } from '../../model/engines/mysql.ts';
import { postgres } from '../../model/engines/postgres.ts';
import { valkey } from '../../model/engines/valkey.ts';
import { sqlserver } from '../../model/engines/sqlserver.ts';
import type { ExternalBackupSpec, ExternalSpec } from '../../model/external-spec.ts';
import type { WrittenSpec } from '../../model/written-spec.ts';
import { size } from './quantities.ts';

const databasePorts = {
  postgres: postgres.port,
  mysql: mysql.port,
  mariadb: mariadb.port,
  mongodb: mongodb.port,
  sqlserver: sqlserver.port,
} as const;

type WrittenBackup = Exclude<NonNullable<NonNullable<NonNullable<WrittenSpec['databases']>[string]['external']>['backup']>, 'none'>;

const backupOf = ({ user, log, disk, image }: WrittenBackup): ExternalBackupSpec => ({
  user: user ?? postgres.backup.account,
  log: log ?? true,
  ...(disk === undefined ? {} : { disk: size(disk) }),
  ...(image === undefined ? {} : { image }),
});

/** Databases, caches and stores that stand elsewhere. `nameOf` gives the name of a database. */
export function externalsOf(
  spec: WrittenSpec,
  nameOf: (database: NonNullable<WrittenSpec['databases']>[string]) => string,
): readonly ExternalSpec[] {
  const databases = Object.entries(spec.databases ?? {}).flatMap(([name, database]): readonly ExternalSpec[] => {
    const { external, engine } = database;
    if (!external) return [];
    const called = nameOf(database);
    return [
      {
        name,
        kind: 'database',
        engine,
        host: external.host,
        port: external.port ?? databasePorts[engine],
        tls: external.tls ?? 'require',
        user: external.user ?? called,
        database: called,
        buckets: [],
        region: '',
        ...(external.backup === undefined ? {} : { backup: external.backup === 'none' ? 'none' : backupOf(external.backup) }),
      },
    ];
  });
  const caches = Object.entries(spec.caches ?? {}).flatMap(([name, { external, engine }]): readonly ExternalSpec[] =>
    external
      ? [
          {
            name,
            kind: 'cache',
            engine,
            host: external.host,
            port: external.port ?? (engine === 'memcached' ? memcached.port : valkey.port),
            tls: external.tls ?? 'require',
            user: external.user ?? 'default',
            database: '0',
            buckets: [],
            region: '',
          },
        ]
      : [],
  );
  const stores = Object.entries(spec.stores ?? {}).flatMap(([name, { external, engine, buckets }]): readonly ExternalSpec[] => {
    if (!external) return [];
    const tls = external.tls ?? 'require';
    return [
      {
        name,
        kind: 'store',
        engine,
        host: external.host,
        port: external.port ?? (tls === 'off' ? 80 : 443),
        tls,
        user: external.accessKey,
        database: '',
        buckets: Object.keys(buckets).map((bucket) => ({ name: bucket })),
        region: external.region ?? minio.region,
      },
    ];
  });
  return [...databases, ...caches, ...stores];
}
