import { node } from '../../../model/engines/node.ts';
import type { HardwareProfile } from '../../../model/profile.ts';
import type { AppSpec } from '../../../model/stack-spec.ts';
import { mib, milliCpu } from '../../../model/units.ts';
import type { MiB } from '../../../model/units.ts';
import { replicasOf } from '../connections.ts';
import type { Demand } from '../demand.ts';
import { cpuWish, memoryWish } from '../wish.ts';

/** MiB of each folder that an application may write to. They lie in memory, and their pages count towards the limit. */
export const folderMiB = 64;
export const foldersOf = (app: AppSpec): readonly string[] => ['/tmp', ...app.writable.filter((path) => path !== '/tmp')];
/** Up to this limit fixed costs weigh more. */
export const small = 768;

/** Heap in MiB for a limit of `memory` MiB beside `folders` MiB in memory, and what all of it takes at worst. */
export function divideNodeMemory(memory: number, folders: number): { readonly heap: number; readonly worstCase: number } {
  const share = (memory - folders) * (memory <= small ? 0.6 : 0.75);
  const heap = Math.floor(Math.min(share, memory * 0.9 - node.overheadMiB - folders));
  return { heap, worstCase: heap + node.overheadMiB + folders };
}

/** The smallest limit: each folder beside /tmp raises it by what keeps that folder within 0.9 of it. */
function smallestMemory(app: AppSpec): { readonly value: MiB; readonly because: string } {
  const [least, why] =
    app.kind === 'static' && app.runtime === 'other'
      ? ([128, 'a server of files, and its /tmp'] as const)
      : app.memory === undefined
        ? ([512, 'below it the runtimes of most languages spend their time collecting garbage'] as const)
        : ([256, 'no web runtime starts reliably in less'] as const);
  const [further, each] = [foldersOf(app).length - 1, Math.ceil(folderMiB / 0.9)];
  return {
    value: mib(least + further * each),
    because: `${least} MiB: ${why}${further === 0 ? '' : `; and ${each} MiB for each further writable folder (${further}), as they lie in memory`}`,
  };
}

/** What a server of files asks for: the sizes of the profiles are those of programs. */
const files = {
  memory: { value: mib(256), because: '256 MiB: a server of files, and its /tmp' },
  cpu: { value: milliCpu(1000), because: 'files are sent by the kernel; one core compresses them' },
};

export function demandApp(app: AppSpec, profile: HardwareProfile): Demand {
  const path = `services.${app.name}`;
  return {
    name: app.name,
    role: 'app',
    count: replicasOf(app, profile),
    pids: 512,
    memory: memoryWish(path, app, app.kind === 'static' ? files.memory : profile.app.memory, smallestMemory(app)),
    cpu: cpuWish(path, app, app.kind === 'static' ? files.cpu : profile.app.cpu, milliCpu(50)),
  };
}
