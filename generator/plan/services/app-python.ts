import { python } from '../../../model/engines/python.ts';
import type { Decision } from '../../../model/decision.ts';
import { ownWorkers } from '../connections.ts';
import { L, T, byCpu, byMemory, cpus, inMemoryOf, orItself, wholeCpus, worstCase } from './app-tuning.ts';
import type { Tuned, Tuning } from './app-tuning.ts';

/** Workers of a server, by CPU, memory and connections: each opens a pool of its own, of two connections at least. */
function workersOf({ app, size, pool }: Tuned): number {
  const byCpus = Math.floor((2 * size.cpu) / 1000) + 1;
  const fitting = Math.floor((0.9 * size.memory - inMemoryOf(app) - python.masterMiB) / python.workerMiB);
  return Math.max(1, Math.min(byCpus, fitting, Math.floor((pool ?? Infinity) / python.connections)));
}

/** Workers of a server, threads of libraries and pools of memory. What answers no requests is one process, unless the spec says of how many it is. */
export function tunePython(tuned: Tuned): Tuning {
  const { app, size, pool } = tuned;
  const own = ownWorkers(app);
  const workers = own ?? (app.http === undefined ? 1 : workersOf(tuned));
  const threads = Math.max(1, Math.floor(wholeCpus(size) / workers));
  const most = python.masterMiB + workers * python.workerMiB + inMemoryOf(app);
  const all: Readonly<Record<string, Omit<Decision, 'key'> | undefined>> = {
    WEB_CONCURRENCY:
      app.http === undefined
        ? undefined
        : {
            value: String(workers),
            formula: `the least of ⌊2 CPU⌋ + 1, (0.9 L − T − ${python.masterMiB} MiB) / ${python.workerMiB} MiB${pool === undefined ? '' : ` and ⌊pool / ${python.connections}⌋`}; at least 1`,
            inputs: { ...cpus(size), ...L(size), ...T(app), ...(pool === undefined ? {} : { pool: String(pool) }) },
            source: `gunicorn, Design, How Many Workers; measured: ${python.workerMiB} MiB are twice an idle worker`,
            change: orItself(app, 'WEB_CONCURRENCY', byMemory(app)),
          },
    PYTHON_CPU_COUNT: {
      value: String(wholeCpus(size)),
      formula: '⌈CPU limit⌉',
      inputs: cpus(size),
      source: 'Python 3.13 or newer; without it os.cpu_count() is that of the host, and pools of processes and threads are as large',
      change: orItself(app, 'PYTHON_CPU_COUNT', byCpu(app)),
    },
    OMP_NUM_THREADS: {
      value: String(threads),
      formula: '⌈CPU limit⌉ / workers, at least 1',
      inputs: { ...cpus(size), workers: String(workers) },
      source: 'OpenMP and OpenBLAS, under NumPy and what stands on it: without it each worker has as many threads as the host has CPUs',
      change: orItself(app, 'OMP_NUM_THREADS', byCpu(app)),
    },
    MALLOC_ARENA_MAX: {
      value: String(python.arenas),
      formula: 'fixed',
      inputs: {},
      source: 'glibc, mallopt(3): by itself it keeps up to 8 for each CPU of the host, and what lies in them is not given back',
      change: `MALLOC_ARENA_MAX under services.${app.name}.env`,
    },
  };
  const set = Object.entries(all).flatMap(([name, decision]) =>
    decision && app.env[name] === undefined ? [{ name, decision: { ...decision, key: `${app.name}.${name}` } }] : [],
  );
  return {
    env: {
      // Lines of a log that wait in a buffer are lost with the process.
      ...(app.env['PYTHONUNBUFFERED'] === undefined ? { PYTHONUNBUFFERED: '1' } : {}),
      ...Object.fromEntries(set.map(({ name, decision }) => [name, decision.value])),
    },
    decisions: [
      ...set.map(({ decision }) => decision),
      ...(app.http === undefined || own !== undefined
        ? []
        : [
            worstCase(app, size, most, `${python.masterMiB} MiB + workers × ${python.workerMiB} MiB + T`, {
              workers: String(workers),
              ...T(app),
            }),
          ]),
    ],
    processes: workers,
  };
}
