import * as z from 'zod';
import { suiteNames } from './backup/suites.ts';
import { accountName, bucketName, hostName, hostPath, recipientName, sitePath } from './names.ts';
import { address, cronTime, imageSuchAs, text, timeZone, wholeNumber } from './written-values.ts';

const many = (what: string, most: number) => wholeNumber(1, most, `a number of ${what}`).optional();

/** How much of one kind is kept; also the form of runtime.yaml. */
export const keepRules = z
  .strictObject({
    last: many('backups', 10_000).describe('The newest so many.'),
    days: many('days', 36_500).describe('Everything that is at most so many days older than the newest.'),
    daily: many('days', 36_500).describe('The newest of each of so many days.'),
    weekly: many('weeks', 5200).describe('The newest of each of so many weeks.'),
    monthly: many('months', 1200).describe('The newest of each of so many months.'),
  })
  .refine((rules) => Object.keys(rules).length > 0, { error: 'expected at least one rule such as last: 30; `forever` keeps everything' })
  .meta({ id: 'Keep' });
const keep = z.union([z.literal('forever'), keepRules], { error: 'expected forever, or rules such as { last: 30, monthly: 12 }' });

export const recipients = z
  .array(text('the name of a recipient').regex(recipientName, { error: 'expected the name of a recipient such as operator' }), {
    error: 'expected a list of names such as [operator, escrow]',
  })
  .min(2, { error: 'expected at least two recipients: one key that is lost must not lose the backups' });

export const bucketOfBackups = {
  endpoint: address('https://s3.corp.example:9000').describe('Where the store answers.'),
  name: text('a bucket name')
    .regex(bucketName, { error: 'expected a bucket name: 3 to 63 lower-case letters, digits and -' })
    .describe('A bucket that is there and holds nothing but backups.'),
  accessKey: text('an access key').regex(accountName, { error: 'expected an access key: letters, digits and . _ @ -' }),
  region: text('a region').regex(accountName, { error: 'expected a region such as us-east-1' }),
  addressing: z.enum(['path', 'host'], { error: 'expected path or host' }),
  ca: text('a file of the site').regex(sitePath, { error: 'expected a file of the site such as ./certs/store-ca.pem' }),
  lease: z.enum(['store', 'file'], { error: 'expected store or file' }),
};

export const lockOfBackups = {
  days: wholeNumber(3, 3650, 'a number of days'),
  mode: z.enum(['governance', 'compliance'], { error: 'expected governance or compliance' }),
};

const lock = z
  .strictObject({
    days: lockOfBackups.days.describe('For so long nobody can remove what is written. What is kept is locked anew in half the time.'),
    mode: lockOfBackups.mode
      .optional()
      .describe(
        'governance: nobody but who has a right of its own for that, which the account above must not have. compliance: nobody at all, and not you either. Default: governance.',
      ),
  })
  .meta({ id: 'BackupLock' });

/** @param secret - The file below secrets/supplied with the secret key of its account. */
const bucketIn = (secret: string) =>
  z.strictObject({
    ...bucketOfBackups,
    accessKey: bucketOfBackups.accessKey.describe(
      `An account that may read and write this bucket and no other. Write its secret key into secrets/supplied/${secret}.`,
    ),
    region: bucketOfBackups.region.optional().describe('The region that requests are signed for. Default: us-east-1.'),
    addressing: bucketOfBackups.addressing
      .optional()
      .describe('Whether the bucket is a part of the path or of the host name, as AWS wants it. Default: path.'),
    ca: bucketOfBackups.ca.optional().describe('The authority of its certificate, where the system does not know it.'),
    lease: bucketOfBackups.lease
      .optional()
      .describe(
        'What keeps two agents apart. file: only on this host, for a store that overwrites where it is told not to. Default: store.',
      ),
    lock: lock
      .optional()
      .describe('Against somebody who has the key of this site, and removes its backups: a bucket that was made with object lock.'),
  });

const filesJob = (id: string, kept: string) =>
  z
    .strictObject({
      schedule: cronTime
        .optional()
        .describe('When to look whether something changed; a backup is made only where it did. Default: "*/5 * * * *".'),
      keep: keep.optional().describe(`How much is kept. Default: ${kept}.`),
      recipients: recipients
        .optional()
        .describe('Who may open it, by the names of the files in backup/recipients. Default: all that are there.'),
    })
    .meta({ id });

const databasesJob = z
  .strictObject({
    schedule: cronTime
      .optional()
      .describe('When a full backup is made. In between, what is written is copied all the time. Default: "30 1 * * *".'),
    increments: cronTime
      .optional()
      .describe(
        'When only what changed since the newest full backup or increment is copied, such as "30 1 * * *" beside schedule: "30 1 * * 0"; a time that both name is one of a full backup. For PostgreSQL and SQL Server alone. Default: never, each backup is a full one.',
      ),
    rpo: wholeNumber(6, 3600, 'a number of seconds')
      .optional()
      .describe('How far, in seconds, the copy may be behind: so much is lost with the host at most. Default: 60.'),
    keep: keep
      .optional()
      .describe(
        'How many full backups and increments are kept, each with what it rests on and the log that follows it. Default: { days: 14, weekly: 8, monthly: 12 }.',
      ),
    recipients: recipients
      .optional()
      .describe('Who may open them, by the names of the files in backup/recipients. Default: all that are there.'),
    prove: cronTime
      .optional()
      .describe(
        'When the newest full backup, or increment with what it rests on, is restored into a server of its own and compared. Default: "30 3 * * *".',
      ),
    storageClass: text('the name of a storage class')
      .regex(hostName, { error: 'expected the name of a storage class' })
      .optional()
      .describe(
        'Kubernetes, with SQL Server: a class whose volumes many nodes write to at once (ReadWriteMany), for what the server hands to its agent. Default: kubernetes.storageClass.',
      ),
  })
  .meta({ id: 'DatabasesBackup' });

const bucketsJob = z
  .strictObject({
    names: z
      .array(text('the name of a bucket'), { error: 'expected a list of buckets such as [files.uploads]' })
      .min(1, { error: 'expected at least one bucket; none in place of all this copies none' })
      .optional()
      .describe('Only these, each as STORE.BUCKET. Default: all.'),
    schedule: cronTime
      .optional()
      .describe('When it is looked what has changed; a point in time is made only where something did. Default: "7 * * * *".'),
    keep: keep
      .optional()
      .describe('How many points in time are kept, each whole. Default: { days: 2, daily: 14, weekly: 8, monthly: 12 }.'),
    recipients: recipients
      .optional()
      .describe('Who may open them, by the names of the files in backup/recipients. Default: all that are there.'),
    prove: cronTime
      .optional()
      .describe('When every object of the newest point is restored and compared, and nothing of it kept. Default: "37 4 * * 6".'),
  })
  .meta({ id: 'BucketsBackup' });

const cachesJob = z
  .strictObject({
    schedule: cronTime.optional().describe('When they are copied, each as a whole. Default: "23 * * * *".'),
    keep: keep.optional().describe('How many copies are kept. Default: { days: 2, daily: 14, weekly: 8 }.'),
    recipients: recipients
      .optional()
      .describe('Who may open them, by the names of the files in backup/recipients. Default: all that are there.'),
  })
  .meta({ id: 'CachesBackup' });

const volumesJob = z
  .strictObject({
    schedule: cronTime
      .optional()
      .describe('When they are looked at; one in which nothing changed is not copied again. Default: "53 1 * * *".'),
    keep: keep.optional().describe('How many copies are kept, each whole. Default: { days: 7, weekly: 8, monthly: 12 }.'),
    recipients: recipients
      .optional()
      .describe('Who may open them, by the names of the files in backup/recipients. Default: all that are there.'),
  })
  .meta({ id: 'VolumesBackup' });

export const backups = z
  .strictObject({
    folder: text('an absolute path')
      .regex(hostPath, { error: 'expected an absolute path such as /srv/backups, outside the site' })
      .optional()
      .describe(
        'A folder of this host. It is lost with the host (tier 0): for trying things out, or where it is copied elsewhere. In a cluster no pod reaches it, so databases, buckets and caches need a bucket there.',
      ),
    bucket: bucketIn('backup-store').meta({ id: 'BackupBucket' }).optional().describe('A bucket of an S3 server elsewhere (tier 1).'),
    offsite: z
      .strictObject({
        folder: text('an absolute path')
          .regex(hostPath, { error: 'expected an absolute path such as /mnt/offsite, outside the site' })
          .optional()
          .describe('A folder where the disk of another machine, or one that is carried away, is mounted (tier 1).'),
        bucket: bucketIn('backup-offsite')
          .meta({ id: 'OffsiteBucket' })
          .optional()
          .describe('A bucket of an S3 server at another place, with an account of its own (tier 2).'),
        schedule: cronTime.optional().describe('When what is new is copied there. Default: "*/10 * * * *".'),
      })
      .meta({ id: 'OffsiteBackup' })
      .optional()
      .describe(
        'A second place, to which every backup is copied as it is. What is removed from the first stays there until its own rules say so.',
      ),
    suite: z
      .enum(suiteNames, { error: 'expected aes256 or age' })
      .optional()
      .describe(
        'How what is made from now on is encrypted, and which keys open it. aes256: AES-256 and RSA, which openssl opens. age: what the program age opens, by keys that `berth backup keys create --into DIR` and `berth kit export --into DIR` draw then. Default: aes256.',
      ),
    timeZone: timeZone.optional().describe('Where the schedules hold, and whose days and months are kept. Default: UTC.'),
    configuration: filesJob('ConfigurationBackup', 'forever').optional().describe('The folder of the site without its secrets.'),
    secrets: filesJob('SecretsBackup', '{ last: 30 }').optional().describe('secrets/ with the ledger and the certificates.'),
    databases: z
      .union([z.literal('none'), databasesJob], {
        error: 'expected none, or when and how long: { schedule: "30 1 * * *", keep: { days: 14 } }',
      })
      .optional()
      .describe(
        'Every database of PostgreSQL, MySQL, MariaDB, MongoDB and SQL Server that this site runs; others are not copied yet, and the plan names them. none: you copy them yourself.',
      ),
    buckets: z
      .union([z.literal('none'), bucketsJob], {
        error: 'expected none, or when and how long: { schedule: "7 * * * *", keep: { daily: 14 } }',
      })
      .optional()
      .describe('The buckets of every store: what is new is copied, and each point in time can be restored. none: you copy them yourself.'),
    caches: z
      .union([z.literal('none'), cachesJob], {
        error: 'expected none, or when and how long: { schedule: "23 * * * *", keep: { daily: 14 } }',
      })
      .optional()
      .describe('The caches that hold sessions or queues; one that may forget is not copied. none: you copy them yourself.'),
    volumes: z
      .union([z.literal('none'), volumesJob], {
        error: 'expected none, or when and how long: { schedule: "53 1 * * *", keep: { daily: 14 } }',
      })
      .optional()
      .describe(
        'The volumes that services share, on one host, each as an archive with the owners of its files. none: you copy them yourself.',
      ),
    image: imageSuchAs('docker.io/library/debian:trixie-slim')
      .optional()
      .describe(
        'Where buckets, caches and volumes are copied: any image of yours with glibc and libstdc++. Default: that of the first PostgreSQL, MySQL or MariaDB that the site runs.',
      ),
    user: text('a user such as 1000:1000')
      .regex(/^[1-9]\d{0,8}:[1-9]\d{0,8}$/, { error: 'expected the numbers of a user and a group such as 1000:1000, and not root' })
      .optional()
      .describe(
        'As whom agents run: who owns `folder`, and may read the files in volumes. Default: the user of the image of the database, 999:999; in a site with a SQL Server 10001:10001, and no other.',
      ),
    drill: z
      .strictObject(
        {
          key: text('an absolute path')
            .regex(hostPath, {
              error: 'expected the absolute path of a private key on this host, such as /home/shop/keys/shop-operator.key',
            })
            .describe(
              'The private key of a recipient, which has to lie on this host for that: a file for its owner alone (mode 0400), outside of the site and of the store.',
            ),
          schedule: cronTime.optional().describe('When. Default: "15 4 1 * *".'),
          tight: z
            .boolean({ error: 'expected true or false' })
            .optional()
            .describe(
              'Also where less memory or disk is free than it may take: what runs here may become slow meanwhile. A site that fills its host needs it. Default: false, and the unit fails.',
            ),
          every: many('days', 3660).describe('`berth backup list` warns when the last one that passed is older. Default: 35.'),
        },
        { error: 'expected the key that opens the backups: { key: /home/shop/keys/shop-operator.key }' },
      )
      .meta({ id: 'Drill' })
      .optional()
      .describe('Drills of the whole site at set times, by a timer of systemd on one host. Without it they are made by hand.'),
    verify: cronTime.optional().describe('When every byte that lies there is compared with what was signed. Default: "47 3 * * 0".'),
    prune: cronTime.optional().describe('When what no rule keeps is removed, and what attempts left behind. Default: "17 4 * * *".'),
  })
  .meta({ id: 'Backups' });
