import * as z from 'zod';
import type { ProfileName } from './stack-spec.ts';
import { mib, milliCpu, parseCpu, parseSize } from './units.ts';
import type { MiB, MilliCpu } from './units.ts';

/** A number of a profile with its reason; `berth explain` prints both. */
export interface Reasoned<T> {
  readonly value: T;
  readonly because: string;
}

const because = z.string().min(10);
const number = z.strictObject({ value: z.int().positive(), because });
const size = z
  .strictObject({ value: z.string(), because })
  .transform(({ value, because: why }): Reasoned<MiB> => ({ value: parseSize(value) ?? mib(0), because: why }));
const cpu = z
  .strictObject({ value: z.union([z.string(), z.number()]), because })
  .transform(({ value, because: why }): Reasoned<MilliCpu> => ({ value: parseCpu(String(value)) ?? milliCpu(0), because: why }));
const topology = <const T extends readonly [string, ...string[]]>(names: T) => z.strictObject({ value: z.enum(names), because });

/** hardware-profiles/*.yaml: what one machine room of this class gives each role, before it is fitted to a host. */
export const hardwareProfile = z.strictObject({
  name: z.enum(['minimum', 'recommended', 'high-performance']),
  summary: z.string(),
  users: number,
  network: z.string(),
  disk: size,
  app: z.strictObject({ replicas: number, cpu, memory: size, pool: number }),
  database: z.strictObject({ topology: topology(['single', 'primary-replica', 'cluster']), cpu, memory: size, wal: size }),
  cache: z.strictObject({ topology: topology(['single', 'sentinel', 'cluster']), cpu, memory: size }),
  storage: z.strictObject({ cpu, memory: size }),
  edge: z.strictObject({ cpu, memory: size, clients: number }),
  agent: z.strictObject({ cpu, memory: size }),
});

export type HardwareProfile = z.infer<typeof hardwareProfile>;
export const profileNames: readonly ProfileName[] = ['minimum', 'recommended', 'high-performance'];
