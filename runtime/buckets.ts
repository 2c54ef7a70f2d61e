import { basename } from 'node:path';
import { BerthError } from '../model/errors.ts';
import type { BackupJob } from '../model/runtime-config.ts';
import type { Secret } from '../model/secret.ts';
import { readPassword } from './keys/read-keys.ts';
import type { World } from './open-store.ts';
import { S3Bucket } from './stores/s3/s3-bucket.ts';

/** Copies a bucket. */
export type BucketJob = BackupJob & { readonly kind: 'bucket'; readonly bucket: NonNullable<BackupJob['bucket']> };

export const isBucket = (job: BackupJob): job is BucketJob => job.kind === 'bucket' && job.bucket !== undefined;

/** Who asks for what is in it. */
export interface BucketAccount {
  readonly accessKey: string;
  readonly secretKey: Secret;
}

/** The bucket of a job, as the account that may read it unless another one is given. */
export const openBucket = ({ bucket }: BucketJob, world: Pick<World, 'clock'>, account?: BucketAccount): S3Bucket =>
  new S3Bucket({
    endpoint: new URL(bucket.endpoint),
    bucket: bucket.name,
    region: bucket.region,
    pathStyle: bucket.addressing === 'path',
    // Asked for at every request: it may have been drawn anew.
    credentials: async () => ({
      accessKeyId: account?.accessKey ?? bucket.accessKey,
      secretAccessKey: account?.secretKey ?? readSupplied(bucket.secretKey),
    }),
    clock: world.clock,
    random: Math.random,
    idleMs: 60_000,
    patienceMs: 120_000,
  });

/** One of somebody else's server is a file that is empty until it was supplied. */
function readSupplied(file: string): Secret {
  const secret = readPassword(file);
  if (secret.reveal() !== '') return secret;
  throw new BerthError(
    'usage',
    `${file} is empty: nobody has supplied the secret key of that store`,
    `write it into secrets/supplied/${basename(file)}, then run \`berth generate\``,
  );
}
