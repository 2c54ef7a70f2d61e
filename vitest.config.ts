import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { BaseSequencer } from 'vitest/node';
import type { TestSpecification } from 'vitest/node';

const lab = { globalSetup: ['test/program/setup.ts', 'test/lab/setup.ts'], testTimeout: 900_000, hookTimeout: 900_000 };
/** What measures under load, or looks at the host. */
const alone = ['edge', 'doctor'].map((name) => `test/lab/${name}.test.ts`);

/** Of the lab, the longest first: begun last, they would keep one core busy and leave the other idle. Vitest knows sizes of files alone. */
const longest = [
  'examples-minimum',
  'examples-recommended',
  'backup-database',
  'replica',
  'backup-large',
  'backup-mysql',
  'mysql-replica',
  'mysql',
  'backup-live',
  'backup-replica',
  'external-backups',
  'site-recommended',
  'site-minimum',
];
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): number => {
      const at = longest.findIndex((name) => moduleId.endsWith(`/test/lab/${name}.test.ts`));
      return at < 0 ? longest.length : at;
    };
    return (await super.sort(files)).toSorted((one, other) => place(one) - place(other));
  }
}

/** unit: pure, in seconds. cluster: a real API server, built from Debian's sources. program: the built program as a process. lab: real engines in containers, and the README's commands in a clone; needs root on Debian. */
export default defineConfig({
  test: {
    // One more than there are cores: some wait for what they have started.
    maxWorkers: availableParallelism() + 1,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/lab/**', 'test/program/**', 'test/cluster/**'],
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
      {
        test: {
          name: 'cluster',
          include: ['test/cluster/**/*.test.ts'],
          globalSetup: ['test/program/setup.ts', 'test/cluster/setup.ts'],
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
      // Three at a time, on two cores as well: much here is waiting. Four take longer, and starve each other.
      { test: { name: 'lab', include: ['test/lab/**/*.test.ts'], exclude: alone, ...lab, maxWorkers: 3, sequence: { groupOrder: 1 } } },
      { test: { name: 'lab-alone', include: alone, ...lab, fileParallelism: false, sequence: { groupOrder: 2 } } },
    ],
  },
});
