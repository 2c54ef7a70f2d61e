import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

const lab = { globalSetup: ['test/program/setup.ts', 'test/lab/setup.ts'], testTimeout: 900_000, hookTimeout: 900_000 };
/** What measures under load, changes the host, or needs all of its memory. */
const alone = ['site', 'edge', 'doctor'].map((name) => `test/lab/${name}.test.ts`);

/** unit: pure, in seconds. program: the built program as a process. lab: real engines in containers, and the README's commands in a clone; needs root on Debian. */
export default defineConfig({
  test: {
    // One more than there are cores: some wait for what they have started.
    maxWorkers: availableParallelism() + 1,
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/lab/**', 'test/program/**'],
          // Nothing under test keeps anything in its modules that another test could see, and loading them for each file takes a quarter of the time.
          isolate: false,
          // Far beyond what any takes: a busy machine is no failure.
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'program',
          include: ['test/program/**/*.test.ts'],
          globalSetup: ['test/program/setup.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      // Three at a time, on two cores as well: what takes long here is mostly waiting.
      { test: { name: 'lab', include: ['test/lab/**/*.test.ts'], exclude: alone, ...lab, maxWorkers: 3, sequence: { groupOrder: 1 } } },
      { test: { name: 'lab-alone', include: alone, ...lab, fileParallelism: false, sequence: { groupOrder: 2 } } },
    ],
  },
});
