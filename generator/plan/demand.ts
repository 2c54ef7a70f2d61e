import type { Role, Size } from '../../model/planned-service.ts';
import { mib, milliCpu } from '../../model/units.ts';
import type { MiB, MilliCpu } from '../../model/units.ts';

/** What one role asks for, before it is known whether the host has it. */
export interface Demand {
  readonly name: string;
  readonly role: Role;
  /** Containers of this size that may run at once; the surge replica is a demand of its own. */
  readonly count: number;
  readonly memory: Wish<MiB>;
  readonly cpu: Wish<MilliCpu>;
  /** Processes and threads that one container may have. */
  readonly pids: number;
}

export interface Wish<T> {
  /** What the profile or the operator gives. */
  readonly wanted: T;
  /** Below this it does not work; scaling stops here. Memory that the operator fixed has its floor there; CPU may still have to be shared while all are busy. */
  readonly floor: T;
  /** The operator fixed it: it is given as it is, or refused. */
  readonly fixed?: boolean;
  readonly wantedBecause: string;
  readonly floorBecause: string;
  /** The key of berth.yaml that fixes it. */
  readonly change: string;
}

const tasks = { memory: 128, cpu: 1000, cpuShare: 10, pids: 64 } as const;
/** What a task has when it is all that runs in a pod. */
export const taskSize: Size = { memory: mib(tasks.memory), cpu: milliCpu(tasks.cpu), cpuShare: milliCpu(tasks.cpuShare), pids: tasks.pids };

/** What a task of this name asks for: it is planned for, though it is idle nearly always. */
export const taskDemand = (name: string, memory: MiB = mib(tasks.memory)): Demand => ({
  name,
  role: 'task',
  count: 1,
  pids: tasks.pids,
  memory: { wanted: memory, floor: memory, wantedBecause: 'a client and a shell', floorBecause: 'a client and a shell', change: 'fixed' },
  cpu: {
    wanted: milliCpu(tasks.cpu),
    floor: milliCpu(tasks.cpuShare),
    wantedBecause: 'runs for a second at every start',
    floorBecause: 'is idle otherwise',
    change: 'fixed',
  },
});
