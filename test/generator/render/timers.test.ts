import { describe, expect, test } from 'vitest';
import { calendarOf } from '../../../generator/render/timers.ts';
import { prepareHello } from './hello.ts';

describe('a schedule of cron as systemd writes it', () => {
  test.each([
    ['30 2 * * *', 'UTC', ['*-*-* 02:30:00 UTC']],
    ['*/20 * * * *', 'Europe/Berlin', ['*-*-* *:00,20,40:00 Europe/Berlin']],
    ['0 6 * * 1-5', 'UTC', ['Mon,Tue,Wed,Thu,Fri *-*-* 06:00:00 UTC']],
    ['0 0 1 1,7 *', 'UTC', ['*-01,07-01 00:00:00 UTC']],
    // Neither kind of day begins with a star: the first of the month, and every Sunday.
    ['0 0 1 * 0', 'UTC', ['Sun *-*-* 00:00:00 UTC', '*-*-01 00:00:00 UTC']],
    // Every second day of the month, if it is a Monday.
    ['0 0 */15 * 1', 'UTC', ['Mon *-*-01,16,31 00:00:00 UTC']],
  ])('%s in %s', (cron, zone, calendar) => {
    expect(calendarOf(cron, zone)).toEqual(calendar);
  });
});

test('a job of a Compose site is started by a timer and by nothing else', async () => {
  const { decision } = await prepareHello({
    set: {
      'services.report': {
        kind: 'cron',
        follows: 'web',
        schedule: '30 2 * * 1',
        timeZone: 'Europe/Berlin',
        deadline: '90m',
        command: ['node', 'report.js'],
      },
    },
  });
  expect(decision.merged.get('systemd/hello-report@.timer')).toContain('OnCalendar=Mon *-*-* 02:30:00 Europe/Berlin\n');
  const unit = decision.merged.get('systemd/hello-report@.service') ?? '';
  expect(unit).toContain('WorkingDirectory=%f\n');
  expect(unit).toContain('docker compose run --rm --no-deps --no-TTY --name hello-report-job report\n');
  expect(unit).toContain('TimeoutStartSec=5400\n');
  const compose = decision.merged.get('compose.yaml') ?? '';
  expect(compose).toMatch(/ {2}report:\n {4}image: "\$\{REPORT_IMAGE\}"\n(?:.*\n)*? {4}profiles: \[jobs\]/);
  expect(decision.merged.get('.env')).toMatch(/^COMPOSE_PROFILES=blue,green$/m);
});

test('a drill of a Compose site is started by a timer, with a key that lies on its host', async () => {
  const drill = { key: '/home/shop/my keys/hello-operator.key', schedule: '0 5 * * 0', every: 10 };
  const { decision } = await prepareHello({ set: { backups: { folder: '/srv/backups', timeZone: 'Europe/Berlin', drill } } });
  expect(decision.merged.get('systemd/hello-drill@.timer')).toContain('OnCalendar=Sun *-*-* 05:00:00 Europe/Berlin\n');
  const unit = decision.merged.get('systemd/hello-drill@.service') ?? '';
  expect(unit).toContain('ExecStart=/usr/bin/env berth drill --key "/home/shop/my keys/hello-operator.key"\n');
  expect(unit).toContain('WorkingDirectory=%f\n');
  expect(decision.merged.get('runtime.yaml')).toMatch(/ {2}drill:\n {4}every: 10 # days\n/);
  const runbook = decision.merged.get('SITE.md') ?? '';
  expect(runbook).toContain('`tight: true` below `backups.drill` has it drill all the same');
  expect(runbook).toContain("install -D -m 400 /media/usb/hello-operator.key '/home/shop/my keys/hello-operator.key'\n");
  expect(runbook).toContain('systemctl --user enable --now "hello-drill@$(systemd-escape --path "$PWD").timer"\n');
});

test('a drill on a host that its site fills is let do so by the spec, as its timer has nobody to ask', async () => {
  const drill = { key: '/home/shop/hello-operator.key', schedule: '0 5 * * 0', tight: true };
  const { decision } = await prepareHello({ set: { backups: { folder: '/srv/backups', drill } } });
  const unit = decision.merged.get('systemd/hello-drill@.service') ?? '';
  expect(unit).toContain('ExecStart=/usr/bin/env berth drill --key "/home/shop/hello-operator.key" --yes\n');
  expect(decision.merged.get('SITE.md')).not.toContain('tight: true');
});
