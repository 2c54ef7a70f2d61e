import type { Artifact } from '../../model/artifact.ts';
import { parseCron } from '../../model/cron.ts';
import type { Plan } from '../../model/plan.ts';
import { fill } from './fill.ts';
import type { Templates } from './fill.ts';

/** Reserved, so no job has it. */
const drillUnit = 'drill';

const days = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

/** Numbers as systemd writes them; all of them are a star. */
const listOf = (values: readonly number[], all: number, width: number): string =>
  values.length === all ? '*' : values.map((value) => String(value).padStart(width, '0')).join(',');

/** The times of a schedule of cron in the notation of systemd.time(7); two of them where cron joins days of the week and of the month by "or". */
export function calendarOf(cron: string, timeZone: string): readonly string[] {
  const schedule = parseCron(cron);
  if (!schedule) throw new Error(`${cron} is no schedule; the spec should have refused it`);
  const { minute, hour, dayOfMonth, month, dayOfWeek, eitherDay } = schedule;
  const weekday = dayOfWeek.length === 7 ? '' : `${dayOfWeek.map((day) => days[day]).join(',')} `;
  const date = (ofMonth: readonly number[]) => `*-${listOf(month, 12, 2)}-${listOf(ofMonth, 31, 2)}`;
  const time = `${listOf(hour, 24, 2)}:${listOf(minute, 60, 2)}:00 ${timeZone}`;
  return eitherDay
    ? [`${weekday}${date([...Array(31).keys()].map((day) => day + 1))} ${time}`, `${date(dayOfMonth)} ${time}`]
    : [`${weekday}${date(dayOfMonth)} ${time}`];
}

/** What takes away all of a drill, in seconds. */
const clearingSeconds = 600;

/** systemd/: on one host, what starts each job at its times, and a drill. Template units, as the folder of the site is their instance. */
export function renderTimers(plan: Plan, templates: Templates): readonly Artifact[] {
  const unit = (name: string, kind: string, template: string, view: object): Artifact => ({
    path: `systemd/${plan.name}-${name}@.${kind}`,
    content: fill(templates, `systemd/${template}.hbs`, 'markdown', { site: plan.name, name, ...view }),
    mode: 0o644,
    policy: 'owned',
  });
  const { drill } = plan;
  return [
    ...plan.services.flatMap(({ name, title, schedule, deadline, stopGrace }) => {
      if (!schedule) return [];
      const view = { title, ...schedule, times: calendarOf(schedule.cron, schedule.timeZone), deadline, grace: stopGrace + 10 };
      return ['service', 'timer'].map((kind) => unit(name, kind, `job.${kind}`, view));
    }),
    ...(drill === undefined
      ? []
      : [
          unit(drillUnit, 'service', 'drill.service', { key: drill.key, tight: drill.tight, grace: clearingSeconds }),
          unit(drillUnit, 'timer', 'job.timer', { ...drill, times: calendarOf(drill.cron, drill.timeZone) }),
        ]),
  ];
}
