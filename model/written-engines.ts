import * as z from 'zod';
import { bucketName, sqlName } from './names.ts';
import { cpu, size, text } from './written-values.ts';

export const database = z
  .strictObject({
    engine: z
      .enum(['postgres', 'mysql', 'mariadb'], { error: 'expected postgres, mysql or mariadb (other engines come with a later version)' })
      .describe('What runs it.'),
    name: text('a database name')
      .regex(sqlName, { error: 'expected a database name: lower-case letters, digits and _, at most 31' })
      .optional()
      .describe('Name of the database and of the account that owns it. Default: the name of the site.'),
    cpu: cpu.optional().describe("Most CPU, instead of the profile's."),
    memory: size.optional().describe("Memory limit, instead of the profile's."),
    disk: size
      .optional()
      .describe('Room for its data, instead of a share of the disk. On Kubernetes its claim, which cannot be changed later.'),
  })
  .meta({ id: 'Database' });

export const cache = z
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
export const store = z
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
