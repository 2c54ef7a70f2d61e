import * as z from 'zod';
import { runtimes } from './engines/runtimes.ts';
import { loosenings } from './loosened.ts';
import { envName, sitePath } from './names.ts';
import { cpu, cronTime, duration, image, label, port, size, subnets, text, timeZone, urlPathText, wholeNumber } from './written-values.ts';
import { reach } from './written-surroundings.ts';
import { folder, mounted } from './written-volumes.ts';

const rateLimit = z
  .strictObject({
    rate: text('a rate such as 20/s or 600/m')
      .regex(/^[1-9]\d{0,5}\/(s|m)$/, { error: 'expected a rate such as 20/s or 600/m' })
      .describe('Requests that each may make, per second or minute.'),
    by: text('what has a budget of its own')
      .regex(/^(?:address|token|header:[A-Za-z0-9][A-Za-z0-9-]{0,62}|cookie:[A-Za-z0-9_]{1,63})$/, {
        error: 'expected address, token, header:NAME or cookie:NAME',
      })
      .optional()
      .describe(
        'Whose requests are counted together. token: the Authorization header. What a request does not carry is counted by address; whoever makes up values has a budget for each, so add a limit by address beside it. Default: address.',
      ),
    burst: wholeNumber(0, 100_000, 'a burst')
      .optional()
      .describe('How many above the rate are let through at once. Default: twice the rate of a second, at least 10.'),
  })
  .meta({ id: 'RateLimit' });

const origin = text('an origin such as https://app.example.com').regex(
  /^(?=.{1,267}$)https?:\/\/(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\])(?::\d{1,5})?$/,
  { error: 'expected an origin such as https://app.example.com, without a path' },
);
const token = (what: string) => text(what).regex(/^[A-Za-z0-9][A-Za-z0-9-]{0,62}$/, { error: `expected ${what}` });
const cors = z
  .strictObject({
    origins: z.array(origin).min(1, { error: 'expected at least one origin' }).describe('Origins that may call it; no other one may.'),
    methods: z
      .array(z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'], { error: 'expected a method such as POST' }))
      .min(1, { error: 'expected at least one method' })
      .optional()
      .describe('Methods that they may use. Default: GET, HEAD, POST, PUT, PATCH, DELETE.'),
    headers: z
      .array(token('the name of a header'))
      // With names of the longest kind, as many as a line of nginx holds.
      .max(50, { error: 'expected at most 50 headers' })
      .optional()
      .describe('Headers that they may send. Default: Authorization, Content-Type, X-Requested-With.'),
    credentials: z.boolean({ error: 'expected true or false' }).optional().describe('Whether cookies are sent along. Default: false.'),
    maxAge: duration.optional().describe('How long a browser remembers the answer. Default: 10m.'),
  })
  .meta({ id: 'Cors' });

const route = z
  .strictObject({
    path: urlPathText.describe('A path ending in / matches everything below it; another one matches only itself.'),
    rateLimit: z
      .union([rateLimit, z.array(rateLimit).min(1, { error: 'expected at least one limit' })], {
        error: 'expected a limit such as { rate: 20/s }, or a list of them',
      })
      .optional()
      .describe('Most requests that one address, token, header or cookie may make here; several hold together. Default: none.'),
    methods: z
      .array(z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'], { error: 'expected a method such as POST' }), {
        error: 'expected a list of methods such as [GET, POST]',
      })
      .min(1, { error: 'expected at least one method' })
      .optional()
      .describe(
        'Methods that it takes; others are answered 405. GET brings HEAD with it, and what a browser asks first under cors is always answered. Default: those of the application.',
      ),
    allow: subnets
      .min(1, { error: 'expected at least one address' })
      .optional()
      .describe(
        'Addresses and subnets of visitors that it is for; others are answered 403. Behind edge.trustedProxies the address is that of the visitor. Default: all.',
      ),
    deny: subnets
      .min(1, { error: 'expected at least one address' })
      .optional()
      .describe('Addresses and subnets that it is not for. With allow, the narrower one holds. Default: none.'),
    cors: cors.optional().describe('Which other origins may call it from a browser. Default: what the application says itself.'),
    body: size.optional().describe('Largest request body. Default: edge.body.'),
    timeout: duration.optional().describe('Longest silence of the application. Default: edge.timeout.'),
    stream: z
      .boolean({ error: 'expected true or false' })
      .optional()
      .describe('Hand on each byte at once, without buffering: server-sent events, long polls, large uploads. Default: false.'),
  })
  .meta({ id: 'Route' });

const percent = (what: string) => wholeNumber(1, 100, what);
const scaling = z
  .strictObject({
    min: wholeNumber(1, 100, 'a number of replicas').optional().describe('Fewest replicas. Default: replicas.'),
    max: wholeNumber(1, 100, 'a number of replicas').describe('Most replicas; databases and quota are sized for them.'),
    cpu: percent('a percentage').optional().describe('Add replicas above this share of the CPU limit, in percent.'),
    memory: percent('a percentage').optional().describe('Add replicas above this share of the memory limit, in percent.'),
    queue: z
      .strictObject({
        metric: text('a metric name')
          .regex(/^[a-zA-Z_:][a-zA-Z0-9_:.-]{0,126}$/, { error: 'expected the name of a metric such as queue_length' })
          .describe('Its name in the external metrics API of the cluster.'),
        target: wholeNumber(1, 1_000_000, 'an amount').describe('How much of it one replica carries.'),
      })
      .optional()
      .describe('Add replicas as this metric grows: jobs that wait, for instance.'),
    schedule: z
      .array(
        z.strictObject({
          at: cronTime.describe('When, in the notation of cron.'),
          min: wholeNumber(1, 100, 'a number of replicas').describe('Fewest replicas from then on.'),
        }),
        { error: 'expected a list of times, such as [{ at: "0 7 * * 1-5", min: 4 }, { at: "0 19 * * 1-5", min: 2 }]' },
      )
      .min(1, { error: 'expected at least one time' })
      .optional()
      .describe('Times at which the fewest replicas become others; the load still adds to them.'),
    timeZone: timeZone.optional().describe('Where those times hold. Default: UTC.'),
    coolDown: duration.optional().describe('How long a load must be gone before replicas are taken away. Default: 5m.'),
  })
  .meta({ id: 'Scaling' });

const userNotation = 'expected uid:gid in numbers, not root, such as 10001:10001';

/** It ends up in a comment and in a label, which end with the line and part reasons by semicolons. */
const because = text('a reason').regex(/^[^\s;][^\p{Cc}\p{Cs}\u2028\u2029\ufeff\ufffe\uffff;]{8,198}[^\s;\ufeff\ufffe\uffff]$/u, {
  error: 'expected a reason of 10 to 200 characters, in one line and without a semicolon',
});

const appSecret = z
  .strictObject({
    supplied: z
      .boolean({ error: 'expected true or false' })
      .optional()
      .describe(
        'true: it is not drawn, but belongs to somebody else, such as the key of an API: write it into secrets/supplied/SERVICE-NAME. Another content is another version. Default: false.',
      ),
    length: wholeNumber(16, 256, 'a length').optional().describe('Letters and digits to draw. Default: 48.'),
    deliver: z
      .enum(['env', 'file'], { error: 'expected env or file' })
      .optional()
      .describe('env: a variable of this name. file: /run/secrets/NAME, and NAME_FILE holds the path. Default: env.'),
  })
  .meta({ id: 'AppSecret' });

const words = (what: string) =>
  z
    .array(
      z
        .string({ error: 'expected text: put the word in quotes' })
        .refine((word) => word !== '' && word.isWellFormed() && !word.includes('\0'), {
          error: 'expected a word that a command line can hold',
        }),
      { error: `expected ${what}, as a list of words` },
    )
    .min(1, { error: `expected ${what}, as a list of words` });

const migrate = z
  .strictObject({
    entrypoint: words('a program').optional().describe("Instead of the image's entrypoint."),
    command: words('a command').describe('Brings the schema to what the image needs; a second run changes nothing.'),
  })
  .meta({ id: 'Migrate' });

export const service = z
  .strictObject({
    kind: z
      .enum(['web', 'api', 'static', 'worker', 'cron'], { error: 'expected web, api, static, worker or cron' })
      .optional()
      .describe(
        'web, api: answer HTTP behind the edge, in two slots; an api at /api/ unless it is told otherwise. static: the same for a server of files, which needs little. worker: runs by itself, without a port. cron: runs at set times. Default: web.',
      ),
    image: image
      .optional()
      .describe(
        'The image, with its tag. Required where nothing is followed. Of a service with slots, release.yaml says which one each slot runs; this is the first.',
      ),
    follows: label
      .optional()
      .describe(
        'For worker and cron, instead of image. A service with slots: what its slot with the most weight runs is what runs here, too.',
      ),
    entrypoint: words('a program').optional().describe("Instead of the image's entrypoint, the program that command is handed to."),
    command: words('a command').optional().describe("Instead of the image's own command, which is handed to its entrypoint."),
    healthcheck: words('a command')
      .optional()
      .describe('For a worker: ends with 0 as long as it does its work, so that it is started anew when it does not.'),
    migrate: migrate
      .optional()
      .describe(
        'A command of the same image that runs before a new slot starts, against the first database under uses. It may run again, and slots that run already must stand what it does.',
      ),
    schedule: cronTime.optional().describe('For kind cron: when it runs, in the notation of cron.'),
    timeZone: timeZone.optional().describe('For kind cron: where that time holds. Default: UTC.'),
    deadline: duration.optional().describe('For kind cron: it is stopped when it runs for longer. Default: 1h.'),
    build: text('a folder of the site')
      .regex(sitePath, { error: 'expected a folder of the site, such as ./app, without .. in it' })
      .optional()
      .describe('A folder with a Dockerfile, when the image is built at the site.'),
    port: port.optional().describe('The port that the application listens on. Required but for worker and cron, which have none.'),
    runtime: z
      .enum(runtimes, { error: 'expected node, python, java, go or other' })
      .optional()
      .describe('What runs inside, so that its memory, workers and threads are set from the limits. Default: other.'),
    user: text('uid:gid')
      .regex(/^[1-9]\d{0,9}:[1-9]\d{0,9}$/, { error: userNotation })
      .refine((ids) => ids.split(':').every((id) => Number(id) < 2 ** 31), { error: userNotation })
      .optional()
      .describe('The uid and gid that it runs as, never root. Default: 10001:10001.'),
    replicas: wholeNumber(1, 100, 'a number of replicas').optional().describe("Instead of the profile's number."),
    cpu: cpu.optional().describe("Most CPU of one replica, instead of the profile's."),
    memory: size.optional().describe("Memory limit of one replica, instead of the profile's."),
    scaling: scaling
      .optional()
      .describe('Kubernetes chooses the number of replicas by load. On one host the number is fixed: checked there, and not acted on.'),
    pool: wholeNumber(1, 1000, 'a pool size').optional().describe("Database connections of one replica, instead of the profile's."),
    routes: z
      .array(route, { error: 'expected a list of routes' })
      .min(1, { error: 'expected at least one route' })
      .optional()
      .describe('Paths of the edge that lead to it. Default: the path /, and /api/ for an api.'),
    live: urlPathText
      .optional()
      .describe(
        'Answers 200 as long as the process is alive: Kubernetes restarts it when it does not. Compose has no such probe. Default: /livez, and / for static.',
      ),
    ready: urlPathText.optional().describe('Answers 200 when traffic may come. Default: /readyz, and / for static.'),
    stopGrace: duration.optional().describe('How long a request may take after the replica was asked to stop. Default: 30s.'),
    uses: z
      .union(
        [
          z.array(text('the name of a database, cache or store')),
          z.record(z.string(), text('a variable name').regex(envName, { error: 'expected a variable name such as DATABASE_URL' })),
        ],
        { error: 'expected a list of names, or a map from name to variable' },
      )
      .optional()
      .describe(
        'Databases, caches and stores it connects to. As a map, the value is the variable (for a store the prefix) that carries the address.',
      ),
    env: z
      .record(
        text('a variable name').regex(envName, { error: 'expected a variable name: letters, digits and _, not starting with a digit' }),
        z
          .string({ error: 'expected text: put the value in quotes, so that it arrives as you typed it' })
          .refine((value) => value.isWellFormed() && !value.includes('\0'), {
            error: 'expected text that an environment can hold: no NUL and no half of a character',
          }),
      )
      .optional()
      .describe('Plain variables, handed over byte for byte. Nothing secret belongs here.'),
    secrets: z
      .record(text('a variable name').regex(envName, { error: 'expected a variable name' }), appSecret)
      .optional()
      .describe('Secrets that Berth draws once and keeps, and those that you supply.'),
    writable: z
      .array(folder, { error: 'expected a list of paths' })
      .optional()
      .describe('Folders in memory that the application may write to; the rest of its image is read-only. /tmp always is.'),
    loosen: z
      .partialRecord(z.enum(loosenings, { error: `expected ${loosenings.join(', ')}` }), because, {
        error:
          'expected a map from what is loosened to the reason, such as { writableRoot: its framework compiles templates beside its sources }',
      })
      .optional()
      .describe(
        'What of the hardening its image cannot do without, by name, each with the reason: a root filesystem that can be written to, programs that gain rights (setuid, file capabilities), or one capability. Nothing else can be loosened. It is shown by every plan.',
      ),
    volumes: z
      .record(text('the name of a volume'), mounted, { error: 'expected a map from the name of a volume to a path' })
      .optional()
      .describe(
        'Volumes of the site that it mounts, by name: each with its path there. Whoever mounts the same one runs as the same user.',
      ),
    egress: z
      .union([z.boolean(), z.array(reach).min(1, { error: 'expected at least one place' })], {
        error: 'expected true, false or a list of places such as hooks.corp.example:443',
      })
      .optional()
      .describe(
        'Whether it may open connections to the outside, or to which places there: HOST:PORT or SUBNET:PORT. Kubernetes holds it to their addresses and ports, one host to their names; there an address or a subnet opens the way out as a whole. Default: false.',
      ),
  })
  .meta({ id: 'Service' });
