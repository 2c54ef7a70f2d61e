import { defineConfig } from 'vitest/config';

/** unit: pure, in seconds. program: the built program as a process. lab: real engines in containers, and the README's commands in a clone; needs root on Debian. */
export default defineConfig({
  test: {
    // All cores: on two, the default is one worker.
    maxWorkers: '100%',
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/lab/**', 'test/program/**'],
          // Far beyond what any takes: a busy machine is no failure.
          testTimeout: 60_000,
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
      {
        test: {
          name: 'lab',
          include: ['test/lab/**/*.test.ts'],
          globalSetup: ['test/program/setup.ts', 'test/lab/setup.ts'],
          testTimeout: 300_000,
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
