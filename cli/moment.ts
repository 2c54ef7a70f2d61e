import { BerthError } from '../model/errors.ts';

/** A time that somebody typed. @throws BerthError `usage` unless it says in which zone it is. */
export function momentOf(at: string): Date {
  const time = new Date(at);
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d)$/.test(at) || Number.isNaN(time.getTime()))
    throw new BerthError('usage', `${at} is no moment`, 'write it with its zone, such as 2026-03-29T14:30Z or 2026-03-29T16:30+02:00');
  return time;
}

/** A time as a part of a file's name. */
export const fileStamp = (time: Date): string => time.toISOString().replaceAll(/[:.]/g, '-');

/** To a tenth. @param begun - By `performance.now()`. */
export const secondsSince = (begun: number): number => Math.round((performance.now() - begun) / 100) / 10;
