import { BerthError } from '../model/errors.ts';
import { cpuNotation, formatCpu, formatSize, parseCpu, parseSize, sizeNotation } from '../model/units.ts';
import type { MiB, MilliCpu } from '../model/units.ts';
import { readHostFacts } from '../generator/io/host-facts.ts';
import type { SpecEdit } from '../generator/spec/edit-spec.ts';
import { isExample } from './init-options.ts';
import type { InitOptions } from './init-options.ts';

/** The value of a flag; `undefined` when it was not given. @throws BerthError `usage`. */
function flag<T>(name: string, text: string | undefined, parse: (value: string) => T | undefined, notation: string): T | undefined {
  const value = text === undefined ? undefined : parse(text);
  if (text !== undefined && value === undefined)
    throw new BerthError('usage', `${name} ${text}: expected ${notation}`, `for example ${name} ${name === '--host-cpus' ? '16' : '64Gi'}`);
  return value;
}

/** What the flags say that the nodes of a cluster have together; this machine is none of them. @throws BerthError `usage` when some is missing. */
export function clusterEdits(options: InitOptions): readonly SpecEdit[] {
  const told = { '--host-cpus': options.hostCpus, '--host-memory': options.hostMemory, '--host-disk': options.hostDisk };
  const missing = Object.entries(told).filter(([, value]) => value === undefined);
  if (missing.length === 3) {
    if (options.fit) return [];
    throw new BerthError(
      'usage',
      '--no-fit says nothing about a cluster whose size is not given',
      'leave it out, or give --host-cpus, --host-memory and --host-disk',
    );
  }
  if (missing.length > 0)
    throw new BerthError(
      'usage',
      `the size of the cluster is known in part: ${missing.map(([name]) => name).join(' and ')} missing`,
      'say what its nodes have together, all three, or none of them to take the sizes of the profile as they are',
    );
  const value = {
    cpus: Number(formatCpu(flag('--host-cpus', options.hostCpus, parseCpu, cpuNotation) as MilliCpu)),
    memory: formatSize(flag('--host-memory', options.hostMemory, parseSize, sizeNotation) as MiB),
    disk: formatSize(flag('--host-disk', options.hostDisk, parseSize, sizeNotation) as MiB),
    ...(options.fit ? {} : { fit: false }),
  };
  return [{ path: ['host'], value, only: 'always', comment: ' what the nodes of the cluster have together, as `berth init` was told' }];
}

/** What this machine has, or what the flags say of another one. */
export function hostEdits(site: string, options: InitOptions): readonly SpecEdit[] {
  const here = readHostFacts(site);
  const cpus = flag('--host-cpus', options.hostCpus, parseCpu, cpuNotation) ?? here.cpus;
  const memory = flag('--host-memory', options.hostMemory, parseSize, sizeNotation) ?? here.memory;
  const disk = flag('--host-disk', options.hostDisk, parseSize, sizeNotation) ?? here.disk;
  const value = {
    cpus: Number(formatCpu(cpus)),
    memory: formatSize(memory),
    disk: formatSize(disk),
    ...(options.fit ? {} : { fit: false }),
  };
  const whole: SpecEdit = {
    path: ['host'],
    value,
    only: isExample(options) ? 'always' : 'when absent',
    comment: ' what `berth init` measured or was told',
  };
  // A spec of the operator's own may be made for another machine; only what a flag says is overruled.
  const flagged = Object.entries({
    cpus: options.hostCpus && value.cpus,
    memory: options.hostMemory && value.memory,
    disk: options.hostDisk && value.disk,
    fit: options.fit ? undefined : false,
  })
    .filter(([, told]) => told !== undefined)
    .map(([key, told]): SpecEdit => ({ path: ['host', key], value: told, only: 'always' }));
  return [whole, ...flagged];
}
