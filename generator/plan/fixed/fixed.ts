import type { Decision } from '../../../model/decision.ts';
import { formatDuration } from '../../../model/units.ts';
import type { Seconds } from '../../../model/units.ts';

/** A number that is the same at every site, or that the spec says itself. */
export const fixed = (key: string, value: string, source: string, change = 'fixed'): Decision => ({
  key,
  value,
  formula: 'fixed',
  inputs: {},
  source,
  change,
});

/** How often a question is asked, and how many answers may be missing. */
export const times = ({
  period,
  timeout,
  failures,
}: {
  readonly period: Seconds;
  readonly timeout: Seconds;
  readonly failures: number;
}): string => `every ${formatDuration(period)}, ${formatDuration(timeout)} for an answer, ${failures} failures in a row`;

/** Why a step or a task has no larger size. */
export const brief = 'design: a client and a shell, which run for a moment';

/** A setting that has no reason beside it in its file. */
export type Setting = readonly [name: string, value: string, because: string];

/** Settings of one service, each a decision. */
export const settled = (service: string, settings: readonly Setting[]): readonly Decision[] =>
  settings.map(([name, value, because]) => fixed(`${service}.${name}`, value, `design: ${because}`));
