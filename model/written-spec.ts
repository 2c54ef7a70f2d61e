import * as z from 'zod';
import {
  bucketName,
  containerPath,
  dnsLabel,
  envName,
  hostName,
  imageReference,
  longestServiceName,
  reservedNames,
  reservedSqlNames,
  serviceLabel,
  sitePath,
  splitImage,
  sqlName,
  systemPath,
  urlPath,
} from './names.ts';
import {
  cpuNotation,
  cpuPattern,
  durationNotation,
  durationPattern,
  parseCpu,
  parseDuration,
  parseSize,
  sizeNotation,
  sizePattern,
} from './units.ts';

/**
 * What a person may write in berth.yaml. Everything optional here has its default in generator/spec/resolve.ts;
 * the JSON Schema that editors use is generated from this, descriptions included.
 */
const text = (what: string) => z.string({ error: `expected ${what}` });
const size = z
  .string({ error: `expected ${sizeNotation}` })
  .refine((value) => parseSize(value) !== undefined, { error: `expected ${sizeNotation}` })
  .meta({ examples: ['512Mi', '16Gi', '2Ti'], pattern: sizePattern.source });
const cpu = z
  .union([z.string(), z.number()], { error: `expected ${cpuNotation}` })
  .refine((value) => parseCpu(String(value)) !== undefined, { error: `expected ${cpuNotation}` })
  .meta({ examples: [2, '500m'], pattern: cpuPattern.source, exclusiveMinimum: 0, maximum: 4096 });
const duration = z
  .string({ error: `expected ${durationNotation}` })
  .refine((value) => parseDuration(value) !== undefined, { error: `expected ${durationNotation}` })
  .meta({ examples: ['30s', '5m'], pattern: durationPattern.source });
const wholeNumber = (min: number, max: number, what: string) => {
  const error = `expected ${what}, a whole number from ${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error });
};
const port = wholeNumber(1, 65_535, 'a port');

const label = text('a DNS label: lower-case letters, digits and -').regex(dnsLabel, {
  error: 'expected a DNS label: lower-case letters, digits and -, not at either end',
});
const serviceName = text('a DNS label: lower-case letters, digits and -')
  .regex(serviceLabel, { error: 'expected a DNS label: lower-case letters, digits and -, beginning with a letter and not ending in -' })
  .max(longestServiceName, {
    error: `expected at most ${longestServiceName} characters: Berth appends slot and kind to a name, and a DNS label holds 63`,
  })
  .refine((name) => !reservedNames.includes(name), {
    error: `expected a name of your own: ${reservedNames.join(', ')} are taken by parts that Berth adds`,
  })
  .meta({ not: { enum: reservedNames } });
const urlPathText = text('a path such as /api/').regex(urlPath, {
  error: 'expected a path such as /api/: it starts with / and holds letters, digits and . _ ~ - / only, without // or .. in it',
});
const image = text('an image reference such as registry.example/app:1.4.2')
  .regex(imageReference, { error: 'expected an image reference such as registry.example/app:1.4.2' })
  .refine(
    (reference) => {
      const { tag, digest } = splitImage(reference);
      return (tag !== undefined && tag !== 'latest') || (tag === undefined && digest !== undefined);
    },
    { error: 'expected a tag that names one version: without one, or with "latest", nobody can say what runs or roll back to it' },
  )
  .meta({ not: { pattern: '(?:^|/)[^:@/]+$|:latest(?:@|$)' } });

const rateLimit = z
  .strictObject({
    rate: text('a rate such as 20/s or 600/m')
      .regex(/^[1-9]\d{0,5}\/(s|m)$/, { error: 'expected a rate such as 20/s or 600/m' })
      .describe('Requests each client address may make, per second or minute.'),
    burst: wholeNumber(0, 100_000, 'a burst')
      .optional()
      .describe('How many above the rate are let through at once. Default: twice the rate of a second, at least 10.'),
  })
  .meta({ id: 'RateLimit' });

const route = z
  .strictObject({
    path: urlPathText.describe('A path ending in / matches everything below it; another one matches only itself.'),
    rateLimit: rateLimit.optional().describe('Most requests a client address may make here. Default: none.'),
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
    coolDown: duration.optional().describe('How long a load must be gone before replicas are taken away. Default: 5m.'),
  })
  .meta({ id: 'Scaling' });

const userNotation = 'expected uid:gid in numbers, not root, such as 10001:10001';

const drawnSecret = z
  .strictObject({
    length: wholeNumber(16, 256, 'a length').optional().describe('Letters and digits to draw. Default: 48.'),
    deliver: z
      .enum(['env', 'file'], { error: 'expected env or file' })
      .optional()
      .describe('env: a variable of this name. file: /run/secrets/NAME, and NAME_FILE holds the path. Default: env.'),
  })
  .meta({ id: 'DrawnSecret' });

const service = z
  .strictObject({
    kind: z
      .enum(['web'], { error: 'expected web (api, worker, static and cron come with a later version)' })
      .optional()
      .describe('web: answers HTTP behind the edge, in two slots. Default: web.'),
    image: image.describe('The image, with its tag. release.yaml says which one each slot runs; this is the first.'),
    build: text('a folder of the site')
      .regex(sitePath, { error: 'expected a folder of the site, such as ./app, without .. in it' })
      .optional()
      .describe('A folder with a Dockerfile, when the image is built at the site.'),
    port: port.describe('The port that the application listens on.'),
    runtime: z
      .enum(['node', 'other'], { error: 'expected node or other' })
      .optional()
      .describe('What runs inside, so that its memory is set from the limit. Default: other.'),
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
      .describe('Paths of the edge that lead to it. Default: the path /.'),
    live: urlPathText
      .optional()
      .describe(
        'Answers 200 as long as the process is alive: Kubernetes restarts it when it does not. Compose has no such probe. Default: /livez.',
      ),
    ready: urlPathText.optional().describe('Answers 200 when traffic may come. Default: /readyz.'),
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
      .record(text('a variable name').regex(envName, { error: 'expected a variable name' }), drawnSecret)
      .optional()
      .describe('Secrets that Berth draws once and keeps.'),
    writable: z
      .array(
        text('an absolute path')
          .regex(containerPath, { error: 'expected an absolute path such as /data/cache, without .. in it and without / at its end' })
          .refine((path) => !systemPath.test(path), {
            error: 'expected a folder of the application: memory in this place would hide what the kernel, the image or Berth puts there',
          }),
        { error: 'expected a list of paths' },
      )
      .optional()
      .describe('Folders in memory that the application may write to; the rest of its image is read-only. /tmp always is.'),
    egress: z
      .boolean({ error: 'expected true or false' })
      .optional()
      .describe('Whether it may open connections to the outside. Default: false.'),
  })
  .meta({ id: 'Service' });

const database = z
  .strictObject({
    engine: z.enum(['postgres'], { error: 'expected postgres (other engines come with a later version)' }).describe('What runs it.'),
    name: text('a database name')
      .regex(sqlName, { error: 'expected a database name: lower-case letters, digits and _, at most 31' })
      .refine((name) => !reservedSqlNames.test(name), { error: 'expected a name of your own: PostgreSQL keeps this one for itself' })
      .optional()
      .describe('Name of the database and of the account that owns it. Default: the name of the site.'),
    cpu: cpu.optional().describe("Most CPU, instead of the profile's."),
    memory: size.optional().describe("Memory limit, instead of the profile's."),
    disk: size
      .optional()
      .describe('Room for its data, instead of a share of the disk. On Kubernetes its claim, which cannot be changed later.'),
  })
  .meta({ id: 'Database' });

const cache = z
  .strictObject({
    engine: z.enum(['valkey'], { error: 'expected valkey (other engines come with a later version)' }).describe('What runs it.'),
    use: z
      .enum(['cache', 'sessions', 'queue'], { error: 'expected cache, sessions or queue' })
      .optional()
      .describe('cache: may forget, keeps nothing on disk. sessions, queue: never evicts, appends to disk. Default: cache.'),
    cpu: cpu.optional().describe("Most CPU, instead of the profile's."),
    memory: size.optional().describe("Memory limit, instead of the profile's."),
    disk: size
      .optional()
      .describe('Room for its data, instead of a share of the disk. On Kubernetes its claim, which cannot be changed later.'),
  })
  .meta({ id: 'Cache' });

const bucket = z
  .strictObject({
    versioning: z.boolean({ error: 'expected true or false' }).optional().describe('Keep what is overwritten or deleted. Default: true.'),
  })
  .meta({ id: 'Bucket' });
const store = z
  .strictObject({
    engine: z.enum(['minio'], { error: 'expected minio (other stores come with a later version)' }).describe('What runs it.'),
    buckets: z
      .record(
        text('a bucket name').regex(bucketName, { error: 'expected a bucket name: 3 to 63 lower-case letters, digits and -' }),
        bucket,
      )
      .refine((buckets) => Object.keys(buckets).length > 0, { error: 'expected at least one bucket' })
      .describe('Buckets by name; each is made when it is missing.'),
    nodes: z
      .union([z.literal(1), z.literal(4)], { error: 'expected 1 or 4' })
      .optional()
      .describe(
        '4: four nodes of a cluster hold each object in parts, and two may be lost; never changed later. Kubernetes only. Default: 1.',
      ),
    cpu: cpu.optional().describe("Most CPU, instead of the profile's."),
    memory: size.optional().describe("Memory limit, instead of the profile's."),
    disk: size
      .optional()
      .describe('Room for its data, instead of a share of the disk. On Kubernetes its claim, which cannot be changed later.'),
  })
  .meta({ id: 'Store' });

const edge = z
  .strictObject({
    http: port.optional().describe('Port on the host that sends browsers on to https. Default: 80.'),
    https: port.optional().describe('Port on the host. Default: 443.'),
    body: size.optional().describe('Largest request body. Default: 25Mi.'),
    timeout: duration.optional().describe('Longest silence of the application. Default: 60s.'),
    connections: wholeNumber(1, 100_000, 'a number of connections')
      .optional()
      .describe('Connections one client address may hold. Default: 100.'),
    hsts: z
      .boolean({ error: 'expected true or false' })
      .optional()
      .describe('Tell browsers never to use http again. Only with a certificate they trust. Default: false.'),
  })
  .meta({ id: 'Edge' });

const host = z
  .strictObject({
    cpus: cpu.describe('CPUs of the machine.'),
    memory: size.describe('Memory of the machine.'),
    disk: size.describe('Free disk where containers keep their data.'),
    fit: z
      .boolean({ error: 'expected true or false' })
      .optional()
      .describe('false: the sizes of the profile as they are, whether they fit or not. Default: true.'),
  })
  .meta({ id: 'Host' });

const exposures = ['loadBalancer', 'nodePort', 'hostPort', 'gateway', 'ingress'] as const;
const objectName = (what: string) => text(what).regex(dnsLabel, { error: `expected ${what}: lower-case letters, digits and -` });
const nodePort = wholeNumber(30_000, 32_767, 'a node port');
const kubernetes = z
  .strictObject({
    namespace: objectName('a namespace').optional().describe('The namespace that it has for itself. Default: the name of the site.'),
    version: text('a version such as "1.31"')
      .regex(/^1\.(2[5-9]|[3-9]\d)$/, { error: 'expected a version from 1.25 on, in quotes, such as "1.31"' })
      .optional()
      .describe('The oldest version of the cluster that must do; nothing is written that it lacks. Default: "1.30".'),
    clusterDomain: text('a host name')
      .regex(hostName, { error: 'expected a host name such as cluster.local' })
      .optional()
      .describe('What the cluster appends to the names of services. Default: cluster.local.'),
    expose: z
      .enum(exposures, { error: `expected ${exposures.slice(0, -1).join(', ')} or ${exposures.at(-1) ?? ''}` })
      .optional()
      .describe(
        "How requests come in. loadBalancer, nodePort: a Service before Berth's edge. hostPort: ports 80 and 443 of the nodes. gateway, ingress: what the cluster has, without the edge. Default: loadBalancer.",
      ),
    class: objectName('the name of a class').optional().describe('GatewayClass or IngressClass; needed for expose: gateway and ingress.'),
    controllerNamespace: objectName('a namespace')
      .optional()
      .describe('Where that controller runs. Default: any namespace may reach the applications.'),
    nodePorts: z
      .strictObject({ http: nodePort, https: nodePort })
      .optional()
      .describe('Ports of the nodes for expose: nodePort. Default: the cluster chooses.'),
    storageClass: text('the name of a storage class')
      .regex(hostName, { error: 'expected the name of a storage class' })
      .optional()
      .describe("Class of every volume. Default: the cluster's default class."),
    certificate: z
      .enum(['own', 'cert-manager'], { error: 'expected own or cert-manager' })
      .optional()
      .describe(
        "own: drawn by Berth, or yours as an existing Secret tls. cert-manager: issued and renewed by it, from Berth's authority. Default: own.",
      ),
    existingSecrets: z
      .record(text('a service'), text('the name of a Secret').regex(hostName, { error: 'expected the name of a Secret' }))
      .optional()
      .describe(
        'Secrets that somebody else manages, by service (or tls): Berth refers to them and writes none. SITE.md lists the keys each must have.',
      ),
    pullSecret: text('the name of a Secret')
      .regex(hostName, { error: 'expected the name of a Secret' })
      .optional()
      .describe('A Secret with the credentials of your registry.'),
  })
  .meta({ id: 'Kubernetes' });

export const writtenSpec = z.strictObject({
  apiVersion: z.literal('berth/v1', { error: 'expected berth/v1' }).describe('The form of this file.'),
  name: label.max(30, { error: 'expected at most 30 characters' }).describe('Name of the site: the Compose project or the namespace.'),
  profile: z
    .enum(['minimum', 'recommended', 'high-performance'], { error: 'expected minimum, recommended or high-performance' })
    .describe('How large the site is: what each role gets before it is fitted to the host.'),
  target: z
    .enum(['compose', 'kubernetes'], { error: 'expected compose or kubernetes' })
    .optional()
    .describe('Where it runs. Default: compose.'),
  domain: text('a host name')
    .regex(hostName, { error: 'expected a host name such as app.example.com, in lower case' })
    .optional()
    .describe('The name the edge answers to. Default: localhost.'),
  host: host.optional().describe('The machine this site is sized for; `berth init` measured it.'),
  network: text('a subnet')
    .regex(/^\d{1,3}(\.\d{1,3}){3}\/22$/, { error: 'expected a subnet of 1024 addresses such as 10.201.4.0/22' })
    .optional()
    .describe('Addresses for the four networks of the site; `berth init` chose one that the host does not use. Default: 10.201.0.0/22.'),
  services: z.record(serviceName, service).describe('The applications, by name.'),
  databases: z.record(serviceName, database).optional().describe('Databases in the stack, by name.'),
  caches: z.record(serviceName, cache).optional().describe('Caches in the stack, by name.'),
  stores: z.record(serviceName, store).optional().describe('Object stores in the stack, by name.'),
  edge: edge.optional().describe('The one way in.'),
  kubernetes: kubernetes.optional().describe('What only a cluster needs to know; without effect on Compose.'),
});

export type WrittenSpec = z.infer<typeof writtenSpec>;
export type WrittenService = WrittenSpec['services'][string];
