import * as z from 'zod';
import { suiteNames } from './backup/suites.ts';
import { hostPath } from './names.ts';
import { sqlserverEditions } from './engines/sqlserver.ts';
import { bucketOfBackups, keepRules, lockOfBackups, recipients } from './written-backups.ts';
import { cronTime, port, text, timeZone, wholeNumber } from './written-values.ts';

const name = text('a name').regex(/^[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?$/, {
  error: 'expected a name of small letters, digits, dots and dashes',
});
/** A store and a bucket have one together. */
const source = text('a name').regex(/^[a-z0-9](?:[a-z0-9._-]{0,125}[a-z0-9])?$/, {
  error: 'expected a name of small letters, digits, dots and dashes',
});
/** Below the folder that holds runtime.yaml; an agent in a container has what it needs in several places, and names them whole. */
const inside = text('a path').regex(/^(?!.*(?:^|\/)\.{1,2}(?:\/|$))\/?[A-Za-z0-9._-]+(?:\/[A-Za-z0-9._-]+)*$/, {
  error: 'expected a path below the folder of this file, such as backup/recipients, or a whole one',
});

const { endpoint, name: bucket, accessKey, region, addressing, lease } = bucketOfBackups;
const place = {
  /** How far it is from what it protects: 0 is lost with it. */
  tier: wholeNumber(0, 2, 'a tier'),
  folder: text('an absolute path').regex(hostPath, { error: 'expected an absolute path such as /srv/backups' }).optional(),
  /** As whom an agent in a container writes into the folder. */
  owner: text('a user')
    .regex(/^\d+:\d+$/, { error: 'expected the numbers of a user and a group such as 999:999' })
    .optional(),
  bucket: z
    .strictObject({
      endpoint,
      name: bucket,
      accessKey,
      region,
      addressing,
      secretKey: inside,
      ca: inside.optional(),
      lock: z.strictObject(lockOfBackups).optional(),
    })
    .optional(),
  /** What keeps two agents apart. */
  lease,
};

/** A server that is copied over the network, by the programs of its own image. */
const database = z.strictObject({
  host: text('a host name'),
  port,
  user: text('an account'),
  password: inside,
  /** Whom to trust, where it is reached by TLS. */
  ca: inside.optional(),
  /** For the log on its way, and for the server that a restore is tried in. */
  folder: inside,
  /** MiB that this server may take. */
  memory: wholeNumber(64, 1_048_576, 'a number of MiB'),
  /** When what changed since the newest backup is copied; without it each is a full one. */
  increments: cronTime.optional(),
  /** When the newest full backup, or increment with what it rests on, is restored and compared. */
  prove: cronTime,
  /** Seconds that the log may be behind. */
  rpo: wholeNumber(6, 3600, 'a number of seconds'),
  /** Of one that is somebody else's. */
  elsewhere: z
    .strictObject({
      /** How it is spoken to; to be verified, by whoever Node trusts. */
      tls: z.enum(['off', 'require', 'verify'], { error: 'expected off, require or verify' }),
      /** Whether its log is received. */
      log: z.boolean({ error: 'expected true or false' }),
      /** Of PostgreSQL: by which its log is kept there, or was until it was no longer to be received. */
      slot: text('a slot')
        .regex(/^[a-z0-9_]{1,63}$/, { error: 'expected a slot: small letters, digits and _' })
        .optional(),
    })
    .optional(),
  /** Of SQL Server, which writes its backups to its own disk. */
  sqlserver: z
    .strictObject({
      /** The one database that is copied. */
      name,
      /** A folder that the server and its agent have under the same path. */
      exchange: inside,
      /** Of the server, and of the one that a restore is tried in. */
      edition: z.enum(Object.keys(sqlserverEditions) as [keyof typeof sqlserverEditions], { error: 'expected an edition' }),
    })
    .optional(),
});

/** A bucket that is copied over the network. */
const copiedBucket = z.strictObject({
  endpoint,
  name: bucket,
  accessKey,
  region,
  addressing,
  secretKey: inside,
  /** When all of the newest point is restored and compared. */
  prove: cronTime,
  /** Who may write to it, for a restore: for whoever starts that at the site, and not for the agent. */
  writer: z.strictObject({ accessKey, secretKey: inside }).optional(),
});

/** A cache that is copied as a replica copies it. */
const copiedCache = z.strictObject({
  /** Those that hold the same keys stand together; there are several such groups in a cluster alone. */
  shards: z.array(z.array(text('a host name'), { error: 'expected a list of hosts' }).min(1, { error: 'expected at least one host' }), {
    error: 'expected a list of lists of hosts',
  }),
  port,
  user: text('an account'),
  password: inside,
  /** Whom to trust, where it is reached by TLS. */
  ca: inside.optional(),
});

/** Files of services, as they are mounted. */
const copiedVolume = z.strictObject({ folder: inside });

/** By which key a job says what it copies, where it is no folder of the site. */
const copiedBy: Readonly<Record<string, 'database' | 'bucket' | 'cache' | 'volume'>> = {
  postgres: 'database',
  mysql: 'database',
  mariadb: 'database',
  mongodb: 'database',
  sqlserver: 'database',
  bucket: 'bucket',
  valkey: 'cache',
  redis: 'cache',
  volume: 'volume',
};
const isWhole = ({
  kind,
  ...job
}: {
  readonly kind: string;
  readonly database?: unknown;
  readonly bucket?: unknown;
  readonly cache?: unknown;
  readonly volume?: unknown;
}): boolean => (['database', 'bucket', 'cache', 'volume'] as const).every((key) => (job[key] !== undefined) === (copiedBy[kind] === key));

const job = z
  .strictObject({
    name: source,
    kind: z.enum(
      ['configuration', 'secrets', 'postgres', 'mysql', 'mariadb', 'mongodb', 'sqlserver', 'bucket', 'valkey', 'redis', 'volume'],
      { error: 'expected configuration, secrets, postgres, mysql, mariadb, mongodb, sqlserver, bucket, valkey, redis or volume' },
    ),
    /** The service in whose container it is done; without it by the runtime that reads this file. */
    agent: name.optional(),
    database: database.optional(),
    bucket: copiedBucket.optional(),
    cache: copiedCache.optional(),
    volume: copiedVolume.optional(),
    schedule: cronTime,
    timeZone,
    /** A run that takes longer is given up, in seconds. */
    timeout: wholeNumber(1, 7 * 86_400, 'a number of seconds'),
    /** What is kept; without it everything. */
    keep: keepRules.optional(),
    recipients: recipients.optional(),
  })
  .refine(({ kind, database: copied }) => (kind === 'sqlserver') === (copied?.sqlserver !== undefined), {
    error: 'expected database.sqlserver beside the kind sqlserver, and beside no other',
  })
  .refine(isWhole, { error: 'expected database, bucket, cache or volume beside a kind that copies one, and beside no other' });

const backups = z.strictObject({
  store: z.strictObject(place),
  /** Where all of it is copied to. */
  offsite: z.strictObject({ ...place, schedule: cronTime, timeZone }).optional(),
  /** How what is made is encrypted; without it as it always was. */
  suite: z.enum(suiteNames, { error: 'expected aes256 or age' }).optional(),
  /** A folder: each file is the public key of one who can open what is made. */
  recipients: inside,
  /** The private key with which an agent tries restores; it draws one when there is none, and its own backups alone can be opened with it. */
  identity: inside.optional(),
  /** The private key that signs. */
  signer: inside,
  /** Public keys of all who signed here, the newest first. */
  signers: inside,
  /** What the runtime remembers between two starts; may be lost. */
  state: inside,
  jobs: z.array(job, { error: 'expected a list of jobs' }),
  /** After how many days without a drill that passed it is said. */
  drill: z.strictObject({ every: wholeNumber(1, 3660, 'a number of days') }).optional(),
  verify: z.strictObject({ schedule: cronTime, timeZone }),
  prune: z.strictObject({ schedule: cronTime, timeZone }),
});

/**
 * runtime.yaml, the one contract between generator and runtime. `version` rises when a reader of the old form would misread it.
 */
export const runtimeConfig = z.strictObject({
  version: z.literal(1, { error: 'expected 1, which is what this version of Berth reads' }),
  site: name,
  target: z.enum(['compose', 'kubernetes'], { error: 'expected compose or kubernetes' }),
  /** In a cluster, where the site stands. */
  namespace: name.optional(),
  timezone: z.literal('UTC', { error: 'expected UTC' }),
  /** What `berth runtime` does here. */
  roles: z.array(z.enum(['agent'], { error: 'expected agent' }), { error: 'expected a list of roles' }),
  services: z.array(
    z.strictObject({
      name,
      role: text('a role'),
      engine: text('an engine').optional(),
      hosts: z.array(text('a host name')),
      /** Where it answers; a worker answers nowhere. */
      port: port.optional(),
    }),
    { error: 'expected a list of services' },
  ),
  backups: backups.optional(),
});

export type RuntimeConfig = z.infer<typeof runtimeConfig>;
export type BackupsConfig = z.infer<typeof backups>;
export type BackupJob = z.infer<typeof job>;
