/** A schedule in the notation of cron, its five fields as sorted numbers. */
export interface CronSchedule {
  readonly minute: readonly number[];
  readonly hour: readonly number[];
  readonly dayOfMonth: readonly number[];
  readonly month: readonly number[];
  /** 0 is Sunday. */
  readonly dayOfWeek: readonly number[];
  /** cron joins the two kinds of days by "or" as soon as neither begins with `*`. */
  readonly eitherDay: boolean;
}

export const cronNotation =
  'a schedule of five fields such as "30 2 * * 1-5": minute, hour, day of the month, month, day of the week; or @daily and the like';

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

interface Range {
  readonly least: number;
  readonly most: number;
  readonly names?: readonly string[];
}
const ranges: readonly Range[] = [
  { least: 0, most: 59 },
  { least: 0, most: 23 },
  { least: 1, most: 31 },
  { least: 1, most: 12, names: ['', ...months] },
  // 7 is Sunday, too.
  { least: 0, most: 7, names: days },
];

/** Fields that Kubernetes and every cron understand by these names. */
const macros: Readonly<Record<string, string>> = {
  '@hourly': '0 * * * *',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@weekly': '0 0 * * 0',
  '@monthly': '0 0 1 * *',
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
};

function numberIn(text: string, { least, most, names }: Range): number | undefined {
  const named = names?.indexOf(text.toLowerCase()) ?? -1;
  const value = named > 0 || (named === 0 && text !== '') ? named : /^\d{1,2}$/.test(text) ? Number(text) : -1;
  return value >= least && value <= most ? value : undefined;
}

/** `1-5`, `7` or `5/10`, as the numbers it stands for. */
function part(text: string, range: Range): readonly number[] | undefined {
  const [, span = '', , step] = /^([^/]+)(\/(\d{1,2}))?$/.exec(text) ?? [];
  const [from = '', to, more] = span.split('-');
  if (span === '' || more !== undefined || Number(step ?? 1) === 0) return undefined;
  const first = span === '*' ? range.least : numberIn(from, range);
  // `5/10` runs from 5 to the end.
  const open = span === '*' || (to === undefined && step !== undefined);
  const last = open ? (range.names === days ? 6 : range.most) : to === undefined ? first : numberIn(to, range);
  if (first === undefined || last === undefined || first > last) return undefined;
  const every = Number(step ?? 1);
  return Array.from({ length: Math.floor((last - first) / every) + 1 }, (_, index) => first + index * every);
}

function field(text: string, range: Range): readonly number[] | undefined {
  const parts = text.split(',').map((one) => part(one, range));
  if (parts.some((one) => one === undefined)) return undefined;
  const values = parts.flatMap((one) => one ?? []).map((value) => (range.names === days ? value % 7 : value));
  return [...new Set(values)].sort((a, b) => a - b);
}

/** @returns `undefined` for what is no schedule. */
export function parseCron(text: string): CronSchedule | undefined {
  const fields = (macros[text] ?? text).trim().split(/\s+/);
  if (fields.length !== 5) return undefined;
  const [minute, hour, dayOfMonth, month, dayOfWeek] = fields.map((one, index) => field(one, ranges[index] as Range));
  if (!minute || !hour || !dayOfMonth || !month || !dayOfWeek) return undefined;
  return { minute, hour, dayOfMonth, month, dayOfWeek, eitherDay: !fields[2]?.startsWith('*') && !fields[4]?.startsWith('*') };
}

/** The days of each month in the longest year. */
const longest = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Whether its day is in any year: one of February the 30th never comes. */
export const everComes = ({ dayOfMonth: [first = 0], month, eitherDay }: CronSchedule): boolean =>
  eitherDay || month.some((each) => first <= (longest[each - 1] ?? 0));

const dayMs = 86_400_000;
/** Weekdays and months come round together after so long, leap days included. */
const roundDays = 28 * 365 + 7;

/** The most days that can lie between one run of any of these schedules and the next. */
export function longestPause(schedules: readonly CronSchedule[]): number {
  const runsOn = (day: Date): boolean => schedules.some((schedule) => isDayOf(schedule, day));
  const first = Date.UTC(2000, 0, 1);
  const days = Array.from({ length: 2 * roundDays }, (_, index) => index).filter((index) => runsOn(new Date(first + index * dayMs)));
  return days.reduce((longest, day, index) => Math.max(longest, day - (days[index - 1] ?? day)), 1);
}

function isDayOf({ month, dayOfMonth, dayOfWeek, eitherDay }: CronSchedule, day: Date): boolean {
  const [inMonth, inWeek] = [dayOfMonth.includes(day.getUTCDate()), dayOfWeek.includes(day.getUTCDay())];
  return month.includes(day.getUTCMonth() + 1) && (eitherDay ? inMonth || inWeek : inMonth && inWeek);
}

/** Whether the zone is one that this machine's database of time zones knows. */
export function isTimeZone(name: string): boolean {
  try {
    return /^[A-Za-z]/.test(name) && new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}
