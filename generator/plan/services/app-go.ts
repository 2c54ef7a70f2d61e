import { go } from '../../../model/engines/go.ts';
import type { Decision } from '../../../model/decision.ts';
import { L, T, byCpu, byMemory, cpus, inMemoryOf, orItself, wholeCpus, worstCase } from './app-tuning.ts';
import type { Tuned, Tuning } from './app-tuning.ts';

/** The collector works harder near the limit, and as many threads run as the limit lets. */
export function tuneGo({ app, size }: Tuned): Tuning {
  const limit = Math.floor(0.9 * size.memory - inMemoryOf(app) - go.uncountedMiB);
  const set: readonly { readonly name: string; readonly value: string; readonly decisions: readonly Decision[] }[] = [
    {
      name: 'GOMEMLIMIT',
      value: `${limit}MiB`,
      decisions: [
        {
          key: `${app.name}.GOMEMLIMIT`,
          value: `${limit}MiB`,
          formula: `0.9 L − T − ${go.uncountedMiB} MiB`,
          inputs: { ...L(size), ...T(app) },
          source: 'Go, A Guide to the Go Garbage Collector; no version of Go reads the memory limit by itself',
          change: orItself(app, 'GOMEMLIMIT', byMemory(app)),
        },
        worstCase(app, size, limit + go.uncountedMiB + inMemoryOf(app), `GOMEMLIMIT + ${go.uncountedMiB} MiB + T`, {
          GOMEMLIMIT: `${limit} MiB, as long as what is in use fits it`,
          ...T(app),
        }),
      ],
    },
    {
      name: 'GOMAXPROCS',
      value: String(Math.max(go.leastProcesses, wholeCpus(size))),
      decisions: [
        {
          key: `${app.name}.GOMAXPROCS`,
          value: String(Math.max(go.leastProcesses, wholeCpus(size))),
          formula: `⌈CPU limit⌉, at least ${go.leastProcesses}`,
          inputs: cpus(size),
          source: 'Go runtime: what 1.25 and newer find by themselves; older ones take the CPUs of the host, and the limit stops them all',
          change: orItself(app, 'GOMAXPROCS', byCpu(app)),
        },
      ],
    },
  ];
  const ours = set.filter(({ name }) => app.env[name] === undefined);
  return {
    env: Object.fromEntries(ours.map(({ name, value }) => [name, value])),
    decisions: ours.flatMap(({ decisions }) => decisions),
    processes: 1,
  };
}
