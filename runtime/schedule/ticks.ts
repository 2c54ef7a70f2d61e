import { Cron } from 'croner';
import { BerthError } from '../../model/errors.ts';

/**
 * The moments that a cron expression names in a zone. Where clocks are set forward, a time of day that does not exist comes when it would
 * have been over; where they are set back, a time of day that exists twice comes once, and every so many minutes goes on evenly.
 */
export interface Ticks {
  /** The newest tick at or before a moment; `undefined` when there was none. */
  last: (moment: Date) => Date | undefined;
  /** The first tick after a moment; `undefined` when there is none any more. */
  next: (moment: Date) => Date | undefined;
}

/** @throws BerthError `spec` for an expression or a zone that is none, and for one that never comes. */
export function parseTicks(expression: string, zone: string): Ticks {
  try {
    const cron = new Cron(expression, { timezone: zone, paused: true, mode: '5-part' });
    if (cron.nextRun(new Date(0)) === null) throw new Error('such a day never comes');
    return remembered({
      // croner looks strictly before a moment, and counts in whole seconds.
      last: (moment) => cron.previousRuns(1, new Date(Math.floor(moment.getTime() / 1000) * 1000 + 1000))[0],
      next: (moment) => cron.nextRun(moment) ?? undefined,
    });
  } catch (error) {
    throw new BerthError(
      'spec',
      `cannot use the schedule "${expression}" in zone ${zone}: ${error instanceof Error ? error.message : String(error)}`,
      'write minute, hour, day, month and weekday, such as "30 2 * * *", and a zone such as Europe/Berlin',
      { cause: error },
    );
  }
}

/** Between two ticks the answers stay the same, and finding them takes a while. */
function remembered(ticks: Ticks): Ticks {
  let from = Infinity;
  let to = -Infinity;
  let span: { readonly last: Date | undefined; readonly next: Date | undefined } = { last: undefined, next: undefined };
  const around = (moment: Date): typeof span => {
    if (moment.getTime() >= from && moment.getTime() < to) return span;
    span = { last: ticks.last(moment), next: ticks.next(moment) };
    from = span.last?.getTime() ?? moment.getTime();
    to = span.next?.getTime() ?? Infinity;
    return span;
  };
  return { last: (moment) => around(moment).last, next: (moment) => around(moment).next };
}
