import { describe, expect, test } from 'vitest';
import { parseAdjtimex, parseChrony, parseNtp, parseTimedate, readClock } from '../../../runtime/host/clock.ts';
import { scriptedView } from './scripted-view.ts';

/** As chrony 4 prints it. */
const tracking = (offset: string, leap: string) =>
  `C0A80201,192.168.2.1,3,1788264000.123456789,${offset},0.000012,0.000034,-12.345,0.001,0.012,0.0123,0.0004,64.2,${leap}\n`;

describe('the clock', () => {
  test.each([
    {
      says: 'chrony',
      state: parseChrony(tracking('-0.000123', 'Normal')),
      is: { keeper: 'chrony', synchronised: true, offset: -0.000_123 },
    },
    {
      says: 'chrony without a server',
      state: parseChrony(tracking('0.0', 'Not synchronised')),
      is: { keeper: 'chrony', synchronised: false, offset: 0 },
    },
    {
      says: 'ntp',
      state: parseNtp('associd=0 status=0615 leap_none,\nstratum=3, precision=-24,\noffset=-1.5, sys_jitter=0.1\n'),
      is: { keeper: 'ntp', synchronised: true, offset: -0.0015 },
    },
    { says: 'ntp without a server', state: parseNtp('stratum=16, precision=-24'), is: { keeper: 'ntp', synchronised: false } },
    {
      says: 'systemd',
      state: parseTimedate('Timezone=Etc/UTC\nNTP=yes\nNTPSynchronized=yes\n'),
      is: { keeper: 'systemd-timesyncd', synchronised: true },
    },
    {
      says: 'systemd without a keeper',
      state: parseTimedate('NTP=no\nNTPSynchronized=no\n'),
      is: { keeper: 'the kernel', synchronised: false },
    },
    {
      says: 'the kernel',
      state: parseAdjtimex('         mode: 0\n       status: 8193\n'),
      is: { keeper: 'the kernel', synchronised: true },
    },
    {
      says: 'the kernel that nobody tells',
      state: parseAdjtimex('       status: 64\n'),
      is: { keeper: 'the kernel', synchronised: false },
    },
  ])('is what $says says', ({ state, is }) => {
    expect(state).toEqual(is);
  });

  test.each([parseChrony, parseNtp, parseTimedate, parseAdjtimex])('is not known from other words', (parse) => {
    for (const text of ['', '506 Cannot talk to daemon', ',,,,']) expect(parse(text)).toHaveProperty('notKnown');
  });

  test('is asked of the next program when one does not answer', async () => {
    const ways = {
      'chronyc -n -c tracking': { code: 1, stdout: '506 Cannot talk to daemon\n' },
      'timedatectl show': 'NTP=yes\nNTPSynchronized=yes\n',
    };
    expect(await readClock(scriptedView({}, ways))).toMatchObject({ keeper: 'systemd-timesyncd' });
    expect(await readClock(scriptedView({ '/run/systemd/timesync/synchronized': '' }))).toMatchObject({ synchronised: true });
  });

  test('is not known without any of them, and every reason is told', async () => {
    const { notKnown } = (await readClock(scriptedView({}))) as { notKnown: string };
    expect(notKnown.split('; ')).toEqual(['chronyc', 'ntpq', 'timedatectl', 'adjtimex'].map((name) => `${name} is not on the PATH`));
  });
});
