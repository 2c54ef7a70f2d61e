import { expect, test } from 'vitest';
import { chainsOf } from '../../../runtime/jobs/coverage.ts';
import { runsWithin } from '../../../runtime/jobs/log-runs.ts';
import { fullAt, logAfter, minute, numbered } from './chains.ts';

test('the log that can hold a commit of a time is not left out for a clock that was ahead before it', () => {
  const year = 525_600;
  const ended = <M extends { readonly finishedAt: string }>(made: M, n: number): M => ({
    ...made,
    startedAt: minute(n).toISOString(),
    finishedAt: minute(n).toISOString(),
  });
  const full = ended(fullAt(1, 100, 0, 5), 5);
  const before = ended(logAfter(full, 2, 110, 9), 9);
  const jump = ended(logAfter(before, 3, 120, year), year);
  const behind = ended(logAfter(jump, 4, 130, year), 30);
  const later = ended(logAfter(behind, 5, 140, year), 60);
  const [chain] = chainsOf([full, before, jump, behind, later], numbered);
  if (chain === undefined) throw new Error('there is no chain');
  const logs = runsWithin(chain, { from: minute(20), until: minute(40) }, () => false).flatMap((each) => each.logs);
  expect(logs).toEqual([jump, behind, later]);
});
