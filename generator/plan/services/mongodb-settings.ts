import { mongodb as facts } from '../../../model/engines/mongodb.ts';
import type { Decision } from '../../../model/decision.ts';
import type { EngineSetting } from '../../../model/engine-setting.ts';
import type { HardwareProfile } from '../../../model/profile.ts';
import type { StackSpec } from '../../../model/stack-spec.ts';
import { formatSize, mib } from '../../../model/units.ts';
import { connectionBudget, replicasOf, usersOf } from '../connections.ts';
import type { DatabaseInput } from './database-engine.ts';
import { divideMemory, fixed, usable } from './mongodb-memory.ts';

/** Connections that the server must accept: every pool full, and the watches of every driver. */
export function connectionsOf(
  spec: StackSpec,
  database: string,
  profile: HardwareProfile,
): { readonly limit: number; readonly decision: Decision } {
  const pools = connectionBudget(spec, database, profile, facts);
  const clients = usersOf(spec, database).reduce((sum, app) => sum + replicasOf(app, profile) + 1, 0);
  const limit = pools.limit + clients * facts.monitorsPerClient;
  return {
    limit,
    decision: {
      ...pools.decision,
      key: `${database}.net.maxIncomingConnections`,
      value: String(limit),
      formula: `${pools.decision.formula} + ${facts.monitorsPerClient} × (replicas + 1 surge), by which drivers watch the server`,
    },
  };
}

export const pidsOf = (connections: number): number => connections + facts.otherThreads;

/** Settings of one MongoDB, by the dotted name of the configuration file, with the reason for each. */
export function settingsOf(
  { database, spec, profile, size, disk }: DatabaseInput,
  service = database.name,
): { readonly settings: readonly EngineSetting[]; readonly decisions: readonly Decision[] } {
  const connections = connectionsOf(spec, database.name, profile);
  const memory = divideMemory(size.memory, connections.limit);
  const cache = (memory.cacheHundredths / 100).toFixed(2);
  const oplog = Math.min(facts.largestOplog, Math.max(facts.smallestOplog, Math.floor(disk / 20)));
  const manual = 'MongoDB 8.0 manual';
  const change = `databases.${database.name}.memory in berth.yaml, or the profile`;
  const beside = `${fixed} MiB: ${facts.baseMiB} MiB of the server, ${facts.indexBuildMiB} MiB for index builds, ${facts.sorts} sorts of ${facts.sortMiB} MiB, ${facts.shellMiB} MiB for one mongosh, ${facts.tmpMiB + facts.declaredMiB} MiB of folders in memory`;
  const [L, C] = [formatSize(size.memory), String(connections.limit)];
  const settings: readonly EngineSetting[] = [
    {
      name: 'net.maxIncomingConnections',
      value: C,
      because: 'every pool full, one surge replica beside them, drivers that watch, and Berth’s own',
    },
    { name: 'storage.wiredTiger.engineConfig.cacheSizeGB', value: cache, because: 'the data that is read again without the disk' },
    { name: 'replication.oplogSizeMB', value: String(oplog), because: 'what change streams and backups can go back to' },
    {
      name: 'setParameter.maxIndexBuildMemoryUsageMegabytes',
      value: String(facts.indexBuildMiB),
      because: 'as the sum of the limit counts it',
    },
    {
      name: 'setParameter.internalQueryMaxBlockingSortMemoryUsageBytes',
      value: String(facts.sortMiB * 2 ** 20),
      because: 'as the sum of the limit counts it; a larger sort goes to disk',
    },
    {
      name: 'operationProfiling.slowOpThresholdMs',
      value: '200',
      because: 'the deployment plans Berth was made for call a query above 200 ms worth an alert',
    },
  ];
  const decisions: readonly Decision[] = [
    { ...connections.decision, key: `${service}.net.maxIncomingConnections` },
    {
      key: `${service}.storage.wiredTiger.engineConfig.cacheSizeGB`,
      value: cache,
      formula: `min(max(${facts.smallestCacheMiB} MiB, (L − 1 GiB) / 2); (${usable} L − fixed − connections) / ${1 + facts.cacheOverhead}), rounded down to hundredths`,
      inputs: {
        L,
        fixed: beside,
        connections: `${C} × ${facts.connectionMiB} MiB`,
        overhead: `${facts.cacheOverhead * 100} % of the cache`,
      },
      source: `${manual}, WiredTiger: half of the memory above 1 GiB; the limit is given here, as not every version sees that of its container`,
      change,
    },
    {
      key: `${service}.replication.oplogSizeMB`,
      value: String(oplog),
      formula: `a twentieth of the data disk, from ${facts.smallestOplog} to ${facts.largestOplog} MiB`,
      inputs: { disk: formatSize(mib(disk)) },
      source: `${manual}, replica set oplog: it would take that of the whole disk of the host`,
      change: `databases.${database.name}.disk in berth.yaml`,
    },
    {
      key: `${service}.worst_case`,
      value: `${Math.ceil(memory.worstCase)} MiB of ${size.memory} MiB`,
      formula: `fixed + connections + ${1 + facts.cacheOverhead} × cacheSizeGB`,
      inputs: { fixed: beside, connections: `${C} × ${facts.connectionMiB} MiB` },
      source: `design: at most ${usable} of the limit`,
      change,
    },
    {
      key: `${service}.pids`,
      value: String(size.pids),
      formula: `net.maxIncomingConnections + ${facts.otherThreads}`,
      inputs: { 'net.maxIncomingConnections': C },
      source: `${manual}: a thread for each connection`,
      change,
    },
  ];
  return { settings, decisions };
}
