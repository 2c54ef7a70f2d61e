import { sqlserver } from '../../../model/engines/sqlserver.ts';
import type { HardwareProfile } from '../../../model/profile.ts';
import type { StackSpec } from '../../../model/stack-spec.ts';
import { mib, milliCpu } from '../../../model/units.ts';
import type { MiB } from '../../../model/units.ts';
import type { Demand } from '../demand.ts';
import { cpuWish, memoryWish } from '../wish.ts';
import { agentsOf } from './copied-databases.ts';
import { demandFilesAgent, filesAgentOf } from './agent-files.ts';

/** What a site with backups will need, where nothing that runs is copied. */
export const agentRoom = 'agent';

/** What copies all that is neither a database nor a file of the site. A site without backups does not even look for it. */
export const filesAgentIn = (spec: StackSpec): ReturnType<typeof filesAgentOf> =>
  spec.backups === undefined ? undefined : filesAgentOf(spec);

const databaseAgents = (spec: StackSpec): readonly string[] => {
  const names = agentsOf(spec).map(({ name }) => name);
  return names.length === 0 && filesAgentIn(spec) === undefined ? [agentRoom] : names;
};

/** What disk is kept for. */
export const agentNames = (spec: StackSpec): readonly string[] => {
  const files = filesAgentIn(spec);
  return [...databaseAgents(spec), ...(files ? [files.name] : [])];
};

interface Floor {
  readonly value: MiB;
  readonly because: string;
}
const agentFloor: Floor = { value: mib(512), because: '512 MiB: the program and a scratch engine of the smallest size' };
/** Of agents whose engine asks for more. */
const floors: Readonly<Record<string, Floor>> = {
  'agent-mongodb': {
    value: mib(1024),
    because: '1 GiB: the program, a MongoDB with its smallest cache, and mongosh or mongorestore beside it',
  },
  'agent-sqlserver': {
    value: mib(3072),
    because: '3 GiB: the program, and a SQL Server, which refuses to start when it sees less than 2000 MiB',
  },
};

const agentPids = 256;
/** Of a server that starts with so many, whatever it has to do. */
const ownThreads: Readonly<Record<string, number>> = { 'agent-sqlserver': sqlserver.fewestWorkers + sqlserver.otherThreads };

export function agentDemands(spec: StackSpec, profile: HardwareProfile): readonly Demand[] {
  const files = filesAgentIn(spec);
  return [
    ...databaseAgents(spec).map((name): Demand => ({
      name,
      role: 'agent',
      count: 1,
      pids: agentPids + (ownThreads[name] ?? 0),
      memory: memoryWish(name, {}, profile.agent.memory, floors[name] ?? agentFloor),
      cpu: cpuWish(name, {}, profile.agent.cpu, milliCpu(50)),
    })),
    ...(files ? [demandFilesAgent(files, profile)] : []),
  ];
}
