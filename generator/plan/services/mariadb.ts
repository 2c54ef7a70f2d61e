import { mariadb as facts } from '../../../model/engines/mariadb.ts';
import { formatSize, mib } from '../../../model/units.ts';
import { familyEngine } from './mysql-family.ts';
import { logShare, logShareFormula } from './mysql-settings.ts';
import type { FamilyMember, Sized } from './mysql-settings.ts';

const step = 128;
const fixed = facts.baseMiB + facts.logBufferMiB + facts.ariaCacheMiB + facts.keyBufferMiB + facts.socketMiB + facts.tmpMiB;
const connection = facts.connectionMiB + facts.temporaryMiB;
const member: FamilyMember = {
  ...facts,
  manual: 'MariaDB 11.8 documentation',
  redoSetting: 'innodb_log_file_size',
  boundsLog: true,
  shape: { fixed, connection, temporary: () => 0, roundPool: (pool) => Math.floor(pool / step) * step },
  shapeText: {
    fixed: `${fixed} MiB: ${facts.baseMiB} MiB of the server and its performance schema, ${facts.logBufferMiB} MiB of log buffer, ${facts.ariaCacheMiB + facts.keyBufferMiB} MiB of caches for its other engines, ${facts.socketMiB} MiB of ${facts.socketFolder} and ${facts.tmpMiB} MiB of /tmp, which lie in memory`,
    connection: `${connection} MiB, ${facts.temporaryMiB} MiB of them temporary tables`,
    temporary: 'counted with each connection: nothing bounds their sum',
  },
};

const own = ({ disk, decide }: Sized) => [
  { name: 'aria_pagecache_buffer_size', value: `${facts.ariaCacheMiB}M`, because: 'system tables, and temporary tables on disk' },
  { name: 'key_buffer_size', value: `${facts.keyBufferMiB}M`, because: 'nothing uses MyISAM' },
  { name: 'query_cache_type', value: 'OFF', because: 'one lock for all connections' },
  decide(
    'tmp_memory_table_size',
    `${facts.temporaryMiB}M`,
    'fixed',
    {},
    `${member.manual}: each temporary table of each connection may have that much`,
    'a larger one goes to disk',
  ),
  { name: 'max_heap_table_size', value: `${facts.temporaryMiB}M`, because: 'as tmp_memory_table_size: the smaller of the two counts' },
  decide(
    'max_binlog_total_size',
    `${logShare(disk)}M`,
    logShareFormula,
    { disk: formatSize(mib(disk)) },
    'design: the oldest log goes before the disk is full',
    'the log of changes never takes more of the disk',
  ),
  {
    name: 'slave_connections_needed_for_purge',
    value: '0',
    because: 'by default no log is ever removed while no replica is connected, and the disk fills',
  },
  { name: 'slow_query_log', value: 'ON', because: 'slow statements stand in the logs of the container' },
  { name: 'slow_query_log_file', value: '/dev/stderr', because: 'and nowhere else' },
  { name: 'idle_transaction_timeout', value: '600', because: 'a forgotten transaction keeps old rows from being removed' },
  { name: 'collation_server', value: 'utf8mb4_uca1400_ai_ci', because: 'the default of 11.8, whatever a later version has' },
];

export const mariadbEngine = familyEngine('mariadb', facts, member, own);
