import { BerthError } from '../model/errors.ts';
import { cpuNotation, formatCpu, formatSize, parseCpu, parseSize, sizeNotation } from '../model/units.ts';
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
