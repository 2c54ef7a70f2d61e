import type { Run, ScheduleState } from '../ports/schedule-state.ts';

export function memoryState(): ScheduleState {
  const settled = new Map<string, Date>();
  const runs: Run[] = [];
  const settle = (job: string, moment: Date): void => void settled.set(job, moment);
  return {
    settledUntil: (job) => settled.get(job),
    settle,
    failures: (job, due) =>
      runs
        .filter((run) => run.job === job && run.due.getTime() === due.getTime() && run.outcome !== 'done' && run.outcome !== 'stopped')
        .reverse(),
    record: (run) => {
      runs.push(run);
      if (run.outcome === 'done') settle(run.job, run.due);
    },
  };
}
