import type { CachePlan } from '../../model/cache-plan.ts';
import type { DatabasePlan } from '../../model/database-plan.ts';
import type { Plan } from '../../model/plan.ts';
import { agentPlaces, agentProgram } from '../../model/backup/site-files.ts';
import { rdbOf } from '../../model/backup/cache-files.ts';
import { copiedEngines } from '../../model/backup/copied-engines.ts';
import { restoredBeside, restoredFile } from '../../model/backup/restored-beside.ts';
import { dataFolderOf } from '../../model/engines/data-folder.ts';
import { valkey } from '../../model/engines/valkey.ts';

/** What the runbook of a cluster tells of putting a database back by hand. */
export function putBackOf({ service, engine, replicas }: DatabasePlan, { agents, services }: Plan): readonly object[] {
  const agent = agents.find(({ config }) => config.backups?.jobs.some(({ name }) => name === service))?.service;
  const copied = copiedEngines.find((name) => name === engine);
  if (agent === undefined || copied === undefined) return [];
  const dataFolder = dataFolderOf(copied);
  const volumeOf = (name: string): string => services.find((one) => one.name === name)?.volumes[0]?.target ?? '';
  const [own, volume] = [volumeOf(agent), volumeOf(service)];
  return [
    {
      service,
      agent,
      own,
      volume,
      dataFolder,
      restored: restoredBeside(dataFolder),
      ...carried(engine, `${own}/back`, `${volume}/back`),
      // Members of a set choose who has the right data: with the old ones they would be more than the one that is put back.
      members: engine === 'mongodb' ? replicas.map((replica) => replica.service) : [],
      replicas: engine === 'mongodb' ? [] : replicas.map((replica) => replica.service),
      program: agentProgram.join(' '),
      config: agentPlaces.config,
    },
  ];
}

/** The same of a cache: each node, by its pod, is given the file of its shard. */
export function putBackOfCache({ cache, members, sentinel, cluster }: CachePlan, { agents }: Plan): readonly object[] {
  const copied = agents.flatMap(({ config }) => config.backups?.jobs ?? []).find((job) => job.name === cache)?.cache;
  if (copied === undefined) return [];
  const nodes = copied.shards.flatMap((hosts, shard) =>
    hosts.map((host) => {
      const [pod = ''] = host.includes('.') ? host.split('.') : [`${host}-0`];
      return { pod, set: pod.replace(/-\d+$/, ''), file: rdbOf(shard, copied.shards.length) };
    }),
  );
  const sentinels = sentinel?.sentinels.map((host) => host.split('.')[0]) ?? [];
  return [
    {
      cache,
      nodes,
      several: nodes.length > 1,
      divided: cluster !== undefined,
      asked: nodes[0]?.pod,
      sets: [...members, ...(sentinel ? [sentinel.service] : [])].join(' '),
      pods: [...nodes.map(({ pod }) => pod), ...sentinels].map((pod) => `pod/${pod}`).join(' '),
      restored: restoredFile(valkey.dataFolder),
      part: `${restoredFile(valkey.dataFolder)}.part`,
      kept: `${valkey.dataFolder}/appendonlydir.before-TIME`,
    },
  ];
}

/** From one pod into another; only what came whole is called so. MySQL's own image has no tar, so there a shell reads what to make, each file after its line. */
const carried = (engine: DatabasePlan['engine'], from: string, to: string): { readonly out: string; readonly into: string } =>
  engine === 'mysql'
    ? {
        out: `sh -c 'cd ${from} && echo set -e && find data -type d -printf "mkdir \\"%p\\"\\n" -o -type f -printf "head -c %s > \\"%p\\"\\n" -exec cat {} \\; && echo mv -T data whole'`,
        into: `sh -c 'cd ${to} && umask 027 && exec bash'`,
      }
    : { out: `tar -C ${from} -cf - data`, into: `sh -c 'cd ${to} && tar -xpf - && mv -T data whole'` };
