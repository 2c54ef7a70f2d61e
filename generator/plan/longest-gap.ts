import { longestPause, parseCron } from '../../model/cron.ts';
import { seconds } from '../../model/units.ts';
import type { Seconds } from '../../model/units.ts';

const dayMinutes = 1440;

/** The most that can pass between one run of a schedule and the next. */
export function longestGap(cron: string): Seconds {
  const schedule = parseCron(cron);
  if (!schedule) return seconds(0);
  const times = schedule.hour.flatMap((hour) => schedule.minute.map((minute) => hour * 60 + minute));
  const [first = 0, last = 0] = [times[0], times.at(-1)];
  const within = times.map((time, index) => time - (times[index - 1] ?? time));
  return seconds(60 * Math.max(...within, longestPause([schedule]) * dayMinutes - (last - first)));
}
