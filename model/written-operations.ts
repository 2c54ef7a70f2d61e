import * as z from 'zod';
import { dnsLabel } from './names.ts';
import { address, date, duration, label, latency, serviceName, share, text, wholeNumber } from './written-values.ts';

const list = <T extends z.ZodType>(item: T, example: string) =>
  z.array(item, { error: `expected a list such as ${example}` }).min(1, { error: `expected at least one, such as ${example}` });

/** Of a file below secrets/supplied: what is secret has no place in a spec. */
const secretName = text('the name of a secret such as sentry-dsn').regex(dnsLabel, {
  error: 'expected the name of a secret such as sentry-dsn, whose text belongs into secrets/supplied',
});

/** What can be asked of a service, and of whom it is asked: the same figures are objectives, or bounds beyond which somebody is told. */
const measures = {
  availability: share.optional().describe('How much of the time the site answers.'),
  p95: latency.optional().describe('Within what time 95 of 100 requests are answered.'),
  p99: latency.optional().describe('Within what time 99 of 100 requests are answered.'),
  requests: wholeNumber(1, 10_000_000, 'a number of requests').optional().describe('Requests in a second.'),
  errorRate: share.optional().describe('How many requests are answered with a status of 500 or more.'),
  query: latency.optional().describe('How long the database takes for a query.'),
  cacheHits: share.optional().describe('How many look-ups a cache can answer.'),
  cpu: share.optional().describe('How much of its CPU limit a service uses.'),
  memory: share.optional().describe('How much of its memory limit a service uses.'),
};

const rollback = z
  .strictObject(
    {
      errorRate: measures.errorRate,
      p95: measures.p95,
      services: list(serviceName, '[web]').optional().describe('Whose requests are counted. Default: those of every service with slots.'),
    },
    { error: 'expected when to go back: { errorRate: 5%, p95: 2s }' },
  )
  .meta({ id: 'Rollback' });

const deploy = z
  .strictObject(
    {
      strategy: z
        .enum(['blue-green', 'canary', 'rolling'], { error: 'expected blue-green, canary or rolling' })
        .describe(
          'How a version takes over. blue-green: all at once, after its slot has become healthy. canary: in steps. rolling: replica by replica.',
        ),
      steps: list(wholeNumber(1, 100, 'a percentage'), '[5, 25, 100]')
        .optional()
        .describe('Of a canary: how many of 100 visitors meet the new version, step by step; the last is 100.'),
      observe: duration.optional().describe('How long a step is watched before the next one.'),
      rollback: rollback.optional().describe('What sends all visitors back to the version before. Checks that fail always do.'),
      backup: z.boolean({ error: 'expected true or false' }).optional().describe('Whether a backup is made before.'),
      keep: duration.optional().describe('How long the version before stays at hand.'),
    },
    { error: 'expected how a version takes over: { strategy: blue-green }' },
  )
  .meta({ id: 'Deploy' });

const contact = z
  .strictObject(
    {
      email: text('an e-mail address')
        .regex(/^[^\s@]+@[^\s@]+$/, { error: 'expected an e-mail address such as ops@example.com' })
        .optional()
        .describe('Gets a message of everything that this contact is told.'),
      phone: text('a number in quotes, such as "+4930123456"')
        .regex(/^\+[1-9]\d{6,14}$/, { error: 'expected a number with its country, such as "+4930123456"' })
        .optional()
        .describe('Gets a text message of what is critical.'),
      webhook: secretName
        .optional()
        .describe(
          'A chat, or a tool for incidents: the file below secrets/supplied with its address, which is a secret, as whoever knows it may write there.',
        ),
    },
    { error: 'expected how to reach somebody: { email: ops@example.com }' },
  )
  .meta({ id: 'Contact' });

const alerts = z
  .strictObject(
    {
      contacts: z
        .record(label, contact, { error: 'expected a map from a name to { email, phone, webhook }' })
        .describe('Who can be told of something, by name.'),
      onCall: z
        .strictObject(
          {
            rota: list(label, '[ada, grace]').describe('Contacts in their order; after the last one the first is on call again.'),
            from: date.describe('The day on which the first one begins.'),
            every: duration.describe('After how long the next one is on call.'),
          },
          { error: 'expected who is on call: { rota: [ada, grace], from: "2026-01-05", every: 7d }' },
        )
        .meta({ id: 'OnCall' })
        .optional()
        .describe('Who is on call in turn; `on-call` stands for whoever it is.'),
      sms: z
        .strictObject(
          {
            url: address('https://sms.corp.example/send').describe('Where it takes messages.'),
            secret: secretName.describe('The file below secrets/supplied with its key.'),
          },
          { error: 'expected a gateway: { url: https://sms.corp.example/send, secret: sms-key }' },
        )
        .meta({ id: 'SmsGateway' })
        .optional()
        .describe('The gateway that sends text messages.'),
      critical: list(label, '[on-call]').optional().describe('Who is told that the site is away, or its data are in danger.'),
      warning: list(label, '[team]').optional().describe('Who is told of everything else.'),
      thresholds: z.strictObject(measures).meta({ id: 'Thresholds' }).optional().describe('Beyond which figures somebody is told.'),
    },
    { error: 'expected who is told of what: { contacts: { team: { email: ops@example.com } }, critical: [team] }' },
  )
  .meta({ id: 'Alerts' });

/** How a site is to be run: validated and kept as written. Nothing acts on it yet; generator/plan/operations-notes.ts says so. */
export const operations = {
  deploy: deploy.optional().describe('How new versions are released. Not acted on yet.'),
  alerts: alerts.optional().describe('Who is told when something is wrong. Not acted on yet.'),
  logs: z
    .strictObject({ retention: duration.describe('How long they can be read.') }, { error: 'expected how long: { retention: 90d }' })
    .meta({ id: 'Logs' })
    .optional()
    .describe('The logs of all services. Not acted on yet.'),
  errorTracking: z
    .strictObject(
      { secret: secretName.describe('The file below secrets/supplied with the address (DSN) that errors are sent to.') },
      { error: 'expected the name of a secret: { secret: sentry-dsn }' },
    )
    .meta({ id: 'ErrorTracking' })
    .optional()
    .describe('A server such as Sentry, which errors of applications are sent to. Not acted on yet.'),
  objectives: z
    .strictObject(
      {
        rpo: duration.optional().describe('So much of what was written may be lost at most.'),
        rto: duration.optional().describe('Within what time the site is back.'),
        downtime: duration.optional().describe('How long it may be away at all: beyond that the damage cannot be borne.'),
        ...measures,
      },
      { error: 'expected what is to be reached: { rpo: 1h, rto: 4h, availability: 99.9% }' },
    )
    .meta({ id: 'Objectives' })
    .optional()
    .describe(
      'What the site is to reach. Nothing watches the running site by it yet; the plan says when backups cannot reach its rpo, and restores of the whole site when they would take longer than its rto.',
    ),
};

type Written = { readonly [Key in keyof typeof operations]: z.infer<(typeof operations)[Key]> };
/** As they were written. */
export type Operations = { readonly [Key in keyof Written]?: Written[Key] };
