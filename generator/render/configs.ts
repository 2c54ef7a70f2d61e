import type { Artifact } from '../../model/artifact.ts';
import { appendOnlyFolder } from '../../model/backup/append-only.ts';
import { cacheMark } from '../../model/backup/exchange-mark.ts';
import { authorityFile, certificateFile, keyFile } from '../../model/internal-tls.ts';
import { haproxy } from '../../model/engines/haproxy.ts';
import { pgbouncer } from '../../model/engines/pgbouncer.ts';
import { postgres } from '../../model/engines/postgres.ts';
import { redis } from '../../model/engines/redis.ts';
import { valkey } from '../../model/engines/valkey.ts';
import type { DatabaseEngineName } from '../../model/database-spec.ts';
import type { CachePlan, SentinelPlan } from '../../model/cache-plan.ts';
import type { DatabasePlan, ReplicaPlan } from '../../model/database-plan.ts';
import type { Plan } from '../../model/plan.ts';
import type { StorePlan } from '../../model/store-plan.ts';
import { fill } from './fill.ts';
import type { Templates } from './fill.ts';
import { generated } from './generated.ts';
import { renderMinio } from './minio-files.ts';
import { renderMongodb } from './mongodb-files.ts';
import { renderMysql } from './mysql-files.ts';
import { relayView } from './relay-view.ts';
import { renderSeaweedfs } from './seaweedfs-files.ts';
import { renderSqlserver } from './sqlserver-files.ts';

/** What a replica reads. It may have to take the primary's place, so it lets the same accounts in. */
const renderReplica = (primary: DatabasePlan, replica: ReplicaPlan, view: object, templates: Templates): readonly Artifact[] => [
  generated(
    `config/${replica.service}/postgresql.conf`,
    fill(templates, 'database/postgresql.conf.hbs', 'postgres', { ...view, ...replica }),
  ),
  generated(`config/${replica.service}/pg_hba.conf`, fill(templates, 'database/pg_hba.conf.hbs', 'hba', view)),
  generated(
    `config/${replica.service}/replica.sh`,
    fill(templates, 'database/replica.sh.hbs', 'shell', {
      ...view,
      service: replica.service,
      slot: replica.slot,
      primary: primary.service,
      dataFolder: postgres.dataFolder,
      copyFolder: `${postgres.volumeFolder}/copy`,
      reached: replica.reached ?? '',
      passwordFile: `/run/secrets/${primary.service}-replication`,
      passFile: postgres.replication.passFile,
      copyingFile: postgres.replication.copyingFile,
    }),
  ),
];

function renderPostgres(database: DatabasePlan, templates: Templates): readonly Artifact[] {
  const { service } = database;
  const view = {
    ...database,
    port: postgres.port,
    socketFolder: postgres.socketFolder,
    superuser: postgres.superuser,
    adminFile: `/run/secrets/${service}-admin`,
    verifierFile: `/run/secrets/${service}-verifier`,
    connection: database.tls ? 'hostssl' : 'host   ',
    secondVerifierFile: `/run/secrets/${service}-verifier-second`,
    replicationAccount: postgres.replication.account,
    // What one that is not planned any more may have left.
    unusedSlots: postgres.replication.slots.filter((slot) => !database.replicas.some((replica) => replica.slot === slot)),
    replicationVerifierFile: `/run/secrets/${service}-replication-verifier`,
    backupAccount: postgres.backup.account,
    backupSlot: postgres.backup.slot,
    canary: postgres.canary,
    backupVerifierFile: `/run/secrets/${service}-backup-verifier`,
  };
  return [
    ...database.replicas.flatMap((replica) => renderReplica(database, replica, view, templates)),
    ...(database.operator === undefined
      ? [
          generated(`config/${service}/postgresql.conf`, fill(templates, 'database/postgresql.conf.hbs', 'postgres', view)),
          generated(`config/${service}/pg_hba.conf`, fill(templates, 'database/pg_hba.conf.hbs', 'hba', view)),
        ]
      : []),
    ...(database.pooler
      ? [
          generated(
            `config/${database.pooler.service}/pgbouncer.ini`,
            fill(templates, 'database/pgbouncer.ini.hbs', 'shell', {
              ...database.pooler,
              tls: database.pooler.tls ?? false,
              certificateFile: certificateFile(database.pooler.service),
              keyFile: keyFile(database.pooler.service),
              authorityFile,
              database: database.database,
              port: pgbouncer.port,
            }),
          ),
          generated(
            `config/${database.pooler.service}/pgbouncer.sh`,
            fill(templates, 'database/pgbouncer.sh.hbs', 'shell', {
              primary: database.pooler.primary,
              server: pgbouncer.server,
              config: pgbouncer.configFile,
            }),
          ),
        ]
      : []),
    generated(`config/${service}-accounts/accounts.sh`, fill(templates, 'database/accounts.sh.hbs', 'shell', view)),
    generated(`config/${service}-accounts/accounts.sql`, fill(templates, 'database/accounts.sql.hbs', 'postgres', view)),
  ];
}

/** What each engine reads, and the task that makes its accounts. */
const renderDatabase: Readonly<Record<DatabaseEngineName, (plan: DatabasePlan, templates: Templates) => readonly Artifact[]>> = {
  postgres: renderPostgres,
  mysql: (plan, templates) => renderMysql(plan, 'mysql', templates),
  mariadb: (plan, templates) => renderMysql(plan, 'mariadb', templates),
  mongodb: renderMongodb,
  sqlserver: renderSqlserver,
};

/** Who watches over the nodes of a cache, and what leads clients to them. */
function renderSentinels(cache: CachePlan, sentinel: SentinelPlan, view: object, templates: Templates): readonly Artifact[] {
  const id = (index: number): string => `node_${index}`;
  const nodes = sentinel.nodes.map((host, index) => ({ host, id: id(index) }));
  const sentinels = sentinel.sentinels.map((host, index) => ({ host, id: `sentinel_${index}` }));
  const watching = {
    ...view,
    ...sentinel,
    nodes,
    sentinels,
    nodeNames: sentinel.nodes.join(' '),
    sentinelNames: sentinel.sentinels.join(' '),
    peer: valkey.peer,
    port: valkey.port,
    sentinelPort: valkey.sentinel.port,
    passwordFile: `/run/secrets/${cache.cache}-replication`,
  };
  return [
    generated(`config/${cache.service}/node.sh`, fill(templates, 'cache/node.sh.hbs', 'shell', watching)),
    generated(
      `config/${sentinel.service}/sentinel.conf`,
      fill(templates, 'cache/sentinel.conf.hbs', 'valkey', { ...watching, aclFile: `/run/secrets/${cache.cache}-sentinel-acl` }),
    ),
    generated(`config/${sentinel.service}/sentinel.sh`, fill(templates, 'cache/sentinel.sh.hbs', 'shell', watching)),
    ...(sentinel.proxy
      ? [
          generated(
            `config/${sentinel.proxy.service}/haproxy.cfg`,
            fill(templates, 'cache/haproxy.cfg.hbs', 'haproxy', {
              ...watching,
              ...sentinel.proxy,
              authority: authorityFile,
              healthPort: haproxy.healthPort,
            }),
          ),
        ]
      : []),
  ];
}

/** Memcached has no file of settings. */
function renderCache(cache: CachePlan, templates: Templates): readonly Artifact[] {
  if (cache.engine === 'memcached') return [];
  const { title, server, client } = { valkey, redis }[cache.engine];
  const settingsFile = `${cache.engine}.conf`;
  const tls = cache.tls ?? false;
  const clientOptions = tls ? ` --tls --cacert ${authorityFile}` : '';
  const view = {
    ...cache,
    tls,
    title,
    server,
    client,
    clientOptions,
    settingsFile,
    port: valkey.port,
    folder: valkey.dataFolder,
    exchangeMark: cacheMark,
  };
  return [
    generated(
      `config/${cache.service}/${settingsFile}`,
      fill(templates, 'cache/cache.conf.hbs', 'valkey', { ...view, aclFile: `/run/secrets/${cache.cache}-acl` }),
    ),
    ...(cache.cluster
      ? [
          generated(
            `config/${cache.service}/cluster.sh`,
            fill(templates, 'cache/cluster.sh.hbs', 'shell', {
              ...view,
              shardNames: cache.cluster.shards.map((names) => names.join(',')).join(' '),
              forgets: cache.cluster.forgets,
              dataName: appendOnlyFolder,
              unownedMark: '.berth-unowned',
              peer: valkey.peer,
              passwordFile: `/run/secrets/${cache.cache}-replication`,
              aclFile: `/run/secrets/${cache.cache}-acl`,
            }),
          ),
        ]
      : []),
    ...(cache.sentinel ? renderSentinels(cache, cache.sentinel, view, templates) : []),
  ];
}

const renderStore: Readonly<Record<StorePlan['engine'], (store: StorePlan, templates: Templates) => readonly Artifact[]>> = {
  minio: renderMinio,
  seaweedfs: renderSeaweedfs,
};

/** config/ of every engine; the edge's is written by its own file. */
export const renderConfigs = (plan: Plan, templates: Templates): readonly Artifact[] => [
  ...(plan.relay
    ? [generated(`config/${plan.relay.service}/nginx.conf`, fill(templates, 'nginx/egress.conf.hbs', 'nginx', relayView(plan.relay)))]
    : []),
  ...plan.databases.flatMap((database) => renderDatabase[database.engine](database, templates)),
  ...plan.caches.flatMap((cache) => renderCache(cache, templates)),
  ...plan.stores.flatMap((store) => renderStore[store.engine](store, templates)),
  // What berth.yaml says and nothing else: an edit here would be a second truth.
  ...(plan.trust === '' ? [] : [{ ...generated('config/trust/ca.pem', plan.trust), policy: 'owned' as const }]),
];
