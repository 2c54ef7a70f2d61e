import type { HardwareProfile } from '../../../model/profile.ts';
import type { AppSpec } from '../../../model/app-spec.ts';
import { mib, milliCpu } from '../../../model/units.ts';
import type { MiB } from '../../../model/units.ts';
import { replicasOf } from '../connections.ts';
import type { Demand } from '../demand.ts';
import { cpuWish, memoryWish } from '../wish.ts';

/** MiB of each folder that an application may write to. They lie in memory, and their pages count towards the limit. */
export const folderMiB = 64;
export const foldersOf = (app: AppSpec): readonly string[] => ['/tmp', ...app.writable.filter((path) => path !== '/tmp')];
/** What a runtime starts with, and does some work. A limit that somebody wrote may be lower than one that a small host leads to. */
function leastOf({ kind, runtime, memory }: AppSpec): readonly [number, string] {
  if (kind === 'static' && runtime === 'other') return [128, 'a server of files, and its /tmp'];
  if (runtime === 'java')
    return [544, 'below it classes, compiled code and stacks leave less than the 125 MiB that a JVM takes for its heap at least'];
  if (runtime === 'go')
    return memory === undefined ? [256, 'a server in Go, with room for requests'] : [128, 'a small server in Go, and its /tmp'];
  return memory === undefined
    ? [512, 'below it the runtimes of most languages spend their time collecting garbage']
    : [256, 'no web runtime starts reliably in less'];
}

/** The smallest limit: each folder beside /tmp raises it by what keeps that folder within 0.9 of it. */
function smallestMemory(app: AppSpec): { readonly value: MiB; readonly because: string } {
  const [least, why] = leastOf(app);
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
