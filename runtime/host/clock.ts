import { isKnown, notKnown } from '../../model/host-state.ts';
import type { ClockState, Seen } from '../../model/host-state.ts';
import { outputOf } from './view.ts';
import type { HostView } from './view.ts';

/** From `chronyc -c tracking`: the leap status is last, and how far the clock is off the fifth. */
export function parseChrony(text: string): Seen<ClockState> {
  const fields = text.trim().split(',');
  const offset = Number(fields[4]);
  const leap = fields.at(-1);
  if (fields.length < 14 || Number.isNaN(offset)) return notKnown('chronyc says nothing that can be understood');
  return { keeper: 'chrony', synchronised: leap !== 'Not synchronised', offset };
}

/** From `ntpq -c rv`: stratum 16 means that it follows nobody; `offset` is in milliseconds. */
export function parseNtp(text: string): Seen<ClockState> {
  const stratum = /\bstratum=(\d+)/.exec(text)?.[1];
  const offset = /\boffset=([-+]?[\d.]+)/.exec(text)?.[1];
  if (stratum === undefined) return notKnown('ntpq says nothing that can be understood');
  return { keeper: 'ntp', synchronised: Number(stratum) < 16, ...(offset === undefined ? {} : { offset: Number(offset) / 1000 }) };
}

/** From `timedatectl show`: what systemd reads from the kernel, whoever keeps the clock. */
export function parseTimedate(text: string): Seen<ClockState> {
  const value = (key: string): string | undefined => new RegExp(`^${key}=(.*)$`, 'm').exec(text)?.[1];
  const synchronised = value('NTPSynchronized');
  if (synchronised === undefined) return notKnown('timedatectl says nothing that can be understood');
  return { keeper: value('NTP') === 'yes' ? 'systemd-timesyncd' : 'the kernel', synchronised: synchronised === 'yes' };
}

/** From `adjtimex --print`: bit 64 of the kernel's status says that nobody keeps its clock. */
export function parseAdjtimex(text: string): Seen<ClockState> {
  const status = /^\s*status:\s+(\d+)/m.exec(text)?.[1];
  if (status === undefined) return notKnown('adjtimex says nothing that can be understood');
  return { keeper: 'the kernel', synchronised: (Number(status) & 64) === 0 };
}

/** The clock as whoever keeps it sees it: the first of chrony, ntp, systemd and the kernel that answers. */
export async function readClock(view: HostView): Promise<Seen<ClockState>> {
  const ways = [
    { argv: ['chronyc', '-n', '-c', 'tracking'], parse: parseChrony },
    { argv: ['ntpq', '-n', '-c', 'rv'], parse: parseNtp },
    { argv: ['timedatectl', 'show'], parse: parseTimedate },
    { argv: ['adjtimex', '--print'], parse: parseAdjtimex },
  ] as const;
  const reasons: string[] = [];
  for (const { argv, parse } of ways) {
    const [program, ...args] = argv;
    const text = await outputOf(view, program, ...args);
    const clock = typeof text === 'string' ? parse(text) : text;
    if (isKnown(clock)) return clock;
    reasons.push(clock.notKnown);
  }
  // systemd-timesyncd touches this file with each answer of a server; nothing but the file is left where D-Bus does not run.
  if (typeof view.file('/run/systemd/timesync/synchronized') === 'string') return { keeper: 'systemd-timesyncd', synchronised: true };
  return notKnown(reasons.join('; '));
}
