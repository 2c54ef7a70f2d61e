import { java } from '../../../model/engines/java.ts';
import type { Decision } from '../../../model/decision.ts';
import { L, T, byCpu, byMemory, cpus, inMemoryOf, untuned, wholeCpus, worstCase } from './app-tuning.ts';
import type { Tuned, Tuning } from './app-tuning.ts';

interface Share {
  readonly part: number;
  readonly least: number;
  readonly most: number;
}
const shareOf = (memory: number, { part, least, most }: Share): number => Math.min(most, Math.max(least, Math.floor(memory / part)));
const formulaOf = ({ part, least, most }: Share): string => `L / ${part}, at least ${least} MiB, at most ${most} MiB`;

const threads = java.threads * java.threadMiB;
const collectors = `${java.collectorShare * 100} %`;

/** What a JVM takes beside its heap, and what that leaves for it: a tenth of a percent of the limit is as fine as it can be said. */
function divide(memory: number, folders: number) {
  const metaspace = shareOf(memory, java.metaspace);
  const code = shareOf(memory, java.code);
  const direct = shareOf(memory, java.direct);
  const beside = java.baseMiB + threads + metaspace + code + direct + folders;
  const tenths = Math.floor(((Math.floor(0.9 * memory) - beside) / (1 + java.collectorShare) / memory) * 1000);
  const heap = (tenths / 1000) * memory;
  return { metaspace, code, direct, percent: (tenths / 10).toFixed(1), heap, most: Math.ceil(heap * (1 + java.collectorShare) + beside) };
}

/** All parts of a JVM have their bound, so that what is too much is an error of Java with its place, and not a process that is gone. */
export function tuneJava({ app, size }: Tuned): Tuning {
  if (app.env['JAVA_TOOL_OPTIONS'] !== undefined) return untuned;
  const { metaspace, code, direct, percent, heap, most } = divide(size.memory, inMemoryOf(app));
  const decide = (key: string, value: string, formula: string, inputs: Decision['inputs'], source: string, change: string): Decision => ({
    key: `${app.name}.${key}`,
    value,
    formula,
    inputs,
    source,
    change,
  });
  const beside = {
    ...T(app),
    metaspace: `${metaspace} MiB`,
    code: `${code} MiB`,
    direct: `${direct} MiB`,
    stacks: `${threads} MiB: ${java.threads} threads of ${java.threadMiB} MiB, measured for deep calls`,
    base: `${java.baseMiB} MiB: an idle JVM`,
  };
  return {
    env: {
      JAVA_TOOL_OPTIONS: [
        `-XX:MaxRAMPercentage=${percent}`,
        `-XX:MaxMetaspaceSize=${metaspace}m`,
        `-XX:ReservedCodeCacheSize=${code}m`,
        `-XX:MaxDirectMemorySize=${direct}m`,
        `-XX:ActiveProcessorCount=${wholeCpus(size)}`,
        '-XX:+ExitOnOutOfMemoryError',
      ].join(' '),
    },
    decisions: [
      decide(
        'MaxRAMPercentage',
        percent,
        `(0.9 L − T − metaspace − code − direct − stacks − base) / ${1 + java.collectorShare} / L`,
        { ...L(size), ...beside },
        'measured: without it the heap is a quarter of the limit, and the rest lies idle',
        byMemory(app),
      ),
      decide(
        'MaxMetaspaceSize',
        `${metaspace}m`,
        formulaOf(java.metaspace),
        L(size),
        'java(1): without it classes have no bound',
        byMemory(app),
      ),
      decide('ReservedCodeCacheSize', `${code}m`, formulaOf(java.code), L(size), 'measured: 240 MiB under any limit', byMemory(app)),
      decide(
        'MaxDirectMemorySize',
        `${direct}m`,
        formulaOf(java.direct),
        L(size),
        'java(1): without it as much as the heap',
        byMemory(app),
      ),
      decide(
        'ActiveProcessorCount',
        String(wholeCpus(size)),
        '⌈CPU limit⌉',
        cpus(size),
        'threads of collectors and compilers follow it; before Java 19 a request for less than a CPU was taken for a limit of one',
        byCpu(app),
      ),
      worstCase(app, size, most, `heap + ${collectors} of it for collectors + metaspace + code + direct + stacks + base + T`, {
        heap: `${Math.floor(heap)} MiB`,
        ...beside,
      }),
    ],
    processes: 1,
  };
}
