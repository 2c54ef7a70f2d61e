import type { Artifact } from '../../model/artifact.ts';
import { minio } from '../../model/engines/minio.ts';
import type { StorePlan } from '../../model/store-plan.ts';
import { fill } from './fill.ts';
import type { Templates } from './fill.ts';
import { generated } from './generated.ts';

/** What the application's account may do: everything with the objects of its own buckets, nothing else. */
const policyOf = (store: StorePlan): object => ({
  Version: '2012-10-17',
  Statement: [
    {
      Effect: 'Allow',
      Action: ['s3:ListBucket', 's3:ListBucketVersions', 's3:GetBucketLocation', 's3:GetBucketVersioning', 's3:ListBucketMultipartUploads'],
      Resource: store.buckets.map((bucket) => `arn:aws:s3:::${bucket.name}`),
    },
    {
      Effect: 'Allow',
      Action: [
        's3:GetObject',
        's3:GetObjectVersion',
        's3:GetObjectTagging',
        's3:PutObject',
        's3:PutObjectTagging',
        's3:DeleteObject',
        's3:DeleteObjectTagging',
        's3:AbortMultipartUpload',
        's3:ListMultipartUploadParts',
      ],
      Resource: store.buckets.map((bucket) => `arn:aws:s3:::${bucket.name}/*`),
    },
  ],
});

/** What the account of backups may do: list its buckets, and read what is in them. */
const readingPolicyOf = ({ backup: { buckets } }: StorePlan): object => ({
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Action: ['s3:ListBucket', 's3:GetBucketLocation'], Resource: buckets.map((bucket) => `arn:aws:s3:::${bucket}`) },
    { Effect: 'Allow', Action: ['s3:GetObject', 's3:GetObjectTagging'], Resource: buckets.map((bucket) => `arn:aws:s3:::${bucket}/*`) },
  ],
});

/** Rules of S3, which `mc` hands on. */
const lifecycleOf = ({ lifecycle }: StorePlan['buckets'][number]): object => ({
  Rules: lifecycle.map(({ prefix, expire, expireVersions }, index) => ({
    ID: `berth-${index + 1}`,
    Status: 'Enabled',
    Filter: { Prefix: prefix },
    ...(expire === undefined ? {} : { Expiration: { Days: expire } }),
    ...(expireVersions === undefined ? {} : { NoncurrentVersionExpiration: { NoncurrentDays: expireVersions } }),
  })),
});

/** The script of the task that makes buckets and accounts, and what it reads. */
export function renderMinio(store: StorePlan, templates: Templates): readonly Artifact[] {
  const { service, account, backup } = store;
  const view = {
    service,
    account,
    policy: `${account}-buckets`,
    port: minio.port,
    scheme: store.tls ? 'https' : 'http',
    rootFile: `/run/secrets/${service}-root`,
    appFile: `/run/secrets/${service}-app`,
    reader: backup.account,
    read: backup.buckets.join(' '),
    readerFile: `/run/secrets/${service}-backup`,
    written: store.buckets.map(({ name }) => name).join(' '),
    buckets: store.buckets.map(({ name, versioning, lifecycle }) => ({
      name,
      versioning: versioning ? 'enable' : 'suspend',
      expires: lifecycle.length > 0,
    })),
  };
  return [
    generated(`config/${service}-buckets/buckets.sh`, fill(templates, 'storage/buckets.sh.hbs', 'shell', view)),
    generated(`config/${service}-buckets/policy.json`, `${JSON.stringify(policyOf(store), null, 2)}\n`),
    ...(backup.buckets.length === 0
      ? []
      : [generated(`config/${service}-buckets/policy-backup.json`, `${JSON.stringify(readingPolicyOf(store), null, 2)}\n`)]),
    ...store.buckets
      .filter(({ lifecycle }) => lifecycle.length > 0)
      .map((bucket) =>
        generated(`config/${service}-buckets/lifecycle-${bucket.name}.json`, `${JSON.stringify(lifecycleOf(bucket), null, 2)}\n`),
      ),
  ];
}
