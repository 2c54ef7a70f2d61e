import { describe, expect, test } from 'vitest';
import { hello, onlyProblem, problemsOf, specOf } from './specs.ts';

const running = (lines: string): string => `${hello}${lines}\n`;
const worker = hello.replace('databases:\n', '  jobs: { kind: worker, image: "registry.example/jobs:1.0.0" }\ndatabases:\n');

describe('how versions are released', () => {
  test('is kept as it was written', () => {
    const deploy = '{ strategy: canary, steps: [5, 25, 100], observe: 10m, rollback: { errorRate: 0.5%, p95: 2s, services: [web] } }';
    expect(specOf(running(`deploy: ${deploy}`)).operations).toEqual({
      deploy: { strategy: 'canary', steps: [5, 25, 100], observe: '10m', rollback: { errorRate: '0.5%', p95: '2s', services: ['web'] } },
    });
    expect(specOf(hello).operations).toBeUndefined();
  });

  test.each([
    ['{ strategy: canari }', 'deploy.strategy: expected blue-green, canary or rolling, got "canari" | did you mean "canary"?'],
    ['blue-green', 'deploy: expected how a version takes over: { strategy: blue-green }'],
    ['{ strategy: canary, step: [100] }', 'deploy.step: unknown key | did you mean "steps"?'],
    ['{ strategy: canary, steps: [] }', 'deploy.steps: expected at least one, such as [5, 25, 100]'],
    ['{ strategy: canary, steps: [0, 100] }', 'deploy.steps[0]: expected a percentage, a whole number from 1 to 100, got 0'],
    ['{ strategy: canary, steps: [5, 5, 100] }', 'deploy.steps[1]: 5 is not more than the 5 before it'],
    ['{ strategy: canary, steps: [50, 25, 100] }', 'deploy.steps[1]: 25 is not more than the 50 before it'],
    [
      '{ strategy: canary, steps: [5, 90] }',
      'deploy.steps[1]: the last step leaves 10 of 100 visitors with the version before | end with 100',
    ],
    ['{ strategy: blue-green, steps: [100] }', 'deploy.steps: blue-green moves all visitors at once'],
    ['{ strategy: rolling, steps: [100] }', 'deploy.steps: rolling replaces replica by replica'],
    ['{ strategy: rolling, observe: soon }', 'deploy.observe: expected a duration'],
    ['{ strategy: rolling, rollback: { errorRate: 101% } }', 'deploy.rollback.errorRate: expected a share from 0% to 100%'],
    ['{ strategy: rolling, rollback: { errorRate: 5 } }', 'deploy.rollback.errorRate: expected a share such as 5%, got 5'],
    ['{ strategy: rolling, rollback: { p95: 0ms } }', 'deploy.rollback.p95: expected a time such as 500ms or 2s'],
    ['{ strategy: rolling, rollback: { p95: 2m } }', 'deploy.rollback.p95: expected a time such as 500ms or 2s'],
    ['{ strategy: rolling, rollback: { services: [wbe] } }', 'there is no service "wbe" | did you mean "web"?'],
    ['{ strategy: rolling, rollback: { services: [shop] } }', 'there is no service "shop" | known: web'],
    ['{ strategy: rolling, rollback: { services: [web, web] } }', 'deploy.rollback.services[1]: "web" stands twice'],
  ])('is refused as %s', (deploy, problem) => {
    expect(onlyProblem(running(`deploy: ${deploy}`))).toContain(problem);
  });

  test('is judged by services that get requests', () => {
    expect(onlyProblem(`${worker}deploy: { strategy: rolling, rollback: { services: [jobs] } }\n`)).toContain(
      'deploy.rollback.services[0]: jobs has no slots and gets no requests | known: web',
    );
  });
});

describe('who is told', () => {
  const contacts = 'contacts: { ada: { email: ada@example.com }, grace: { phone: "+4930123456" } }';
  const sms = 'sms: { url: https://sms.example.com/send, secret: sms-key }';
  const onCall = 'onCall: { rota: [ada, grace], from: 2026-01-05, every: 7d }';

  test('is a contact, or whoever is on call', () => {
    expect(problemsOf(running(`alerts: { ${contacts}, ${sms}, ${onCall}, critical: [on-call], warning: [ada] }`))).toEqual([]);
  });

  test.each([
    [contacts, 'alerts.contacts.grace.phone: nothing sends text messages'],
    [`contacts: { ada: { email: a@b } }, ${sms}`, 'alerts.sms: no contact has a phone'],
    ['contacts: { ada: {} }', 'alerts.contacts.ada: nothing leads to this contact'],
    ['contacts: { on-call: { email: a@b } }', 'alerts.contacts.on-call: stands for whoever is on call'],
    ['contacts: { ada: { phone: +4930123456 } }', 'alerts.contacts.ada.phone: expected a number in quotes, such as "+4930123456"'],
    ['contacts: { ada: { phone: "030123456" } }', 'alerts.contacts.ada.phone: expected a number with its country'],
    ['contacts: { ada: { email: nobody } }', 'alerts.contacts.ada.email: expected an e-mail address such as ops@example.com'],
    [
      'contacts: { ada: { webhook: "https://chat.example/x" } }',
      'alerts.contacts.ada.webhook: expected the name of a secret such as sentry-dsn, whose text belongs into secrets/supplied',
    ],
    [`${contacts}, ${sms}, critical: [adda]`, 'alerts.critical[0]: there is no contact "adda" | did you mean "ada"?'],
    [`${contacts}, ${sms}, warning: [ada, ada]`, 'alerts.warning[1]: "ada" stands twice'],
    [`${contacts}, ${sms}, critical: [on-call]`, 'alerts.critical[0]: nobody is on call | add alerts.onCall with a rota'],
    [`${contacts}, ${sms}, ${onCall.replace('ada', 'on-call')}`, 'alerts.onCall.rota[0]: there is no contact "on-call"'],
    [`${contacts}, ${sms}, ${onCall.replace('01-05', '02-30')}`, 'alerts.onCall.from: expected a day such as "2026-01-05"'],
    [`${contacts}, ${sms.replace('sms.example.com/send', 'sms.example.com/send?key=1')}`, 'alerts.sms.url: expected an address such as'],
    [`${contacts}, ${sms}, thresholds: { p95: fast }`, 'alerts.thresholds.p95: expected a time such as 500ms or 2s'],
    [`${contacts}, ${sms}, thresholds: { cpu: 850% }`, 'alerts.thresholds.cpu: expected a share from 0% to 100%'],
  ])('is refused as { %s }', (alerts, problem) => {
    expect(onlyProblem(running(`alerts: { ${alerts} }`))).toContain(problem);
  });
});

test.each([
  ['logs: { retention: 90d }', { logs: { retention: '90d' } }],
  ['errorTracking: { secret: sentry-dsn }', { errorTracking: { secret: 'sentry-dsn' } }],
  [
    'objectives: { rpo: 1h, rto: 4h, downtime: 8h, requests: 1000 }',
    { objectives: { rpo: '1h', rto: '4h', downtime: '8h', requests: 1000 } },
  ],
])('%s is kept as it was written', (line, operations) => {
  expect(specOf(running(line)).operations).toEqual(operations);
});

test.each([
  ['logs: 90d', 'logs: expected how long: { retention: 90d }'],
  ['logs: { retention: 90 }', 'logs.retention: expected a duration'],
  ['errorTracking: { secret: "https://key@sentry.example/1" }', 'errorTracking.secret: expected the name of a secret such as sentry-dsn'],
  ['objectives: { availability: 99.99999% }', 'objectives.availability: expected a share from 0% to 100%'],
  ['objectives: { rto: 4h, downtime: 240m }', ''],
  ['objectives: { rto: 4h, downtime: 239m }', 'objectives.downtime: the site may be away for less than it may take to be back (rto: 4h)'],
  ['objektives: { rto: 4h }', 'objektives: unknown key | did you mean "objectives"?'],
])('%s → %s', (line, problem) => {
  if (problem === '') expect(problemsOf(running(line))).toEqual([]);
  else expect(onlyProblem(running(line))).toContain(problem);
});

test('an environment has its own', () => {
  const text = running(
    'objectives: { rpo: 1h }\nenvironment: staging\nenvironments: { staging: { objectives: { rpo: 1d }, logs: { retention: 7d } } }',
  );
  expect(specOf(text).operations).toEqual({ objectives: { rpo: '1d' }, logs: { retention: '7d' } });
});
