import { createHash } from 'node:crypto';
import { seaweedfs as facts } from '../../model/engines/seaweedfs.ts';
import type { StorePlan } from '../../model/store-plan.ts';

const days = (of: string, name: string, value: number | undefined): string =>
  value === undefined ? '' : `    <${of}><${name}>${value}</${name}></${of}>\n`;

/** Rules of S3, as the store takes them; a prefix has no character that means something there. */
const lifecycleOf = ({ lifecycle }: StorePlan['buckets'][number]): string =>
  [
    '<LifecycleConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">\n',
    ...lifecycle.map(
      ({ prefix, expire, expireVersions }, index) =>
        `  <Rule>\n    <ID>berth-${index + 1}</ID>\n    <Status>Enabled</Status>\n    <Filter><Prefix>${prefix}</Prefix></Filter>\n${days('Expiration', 'Days', expire)}${days('NoncurrentVersionExpiration', 'NoncurrentDays', expireVersions)}  </Rule>\n`,
    ),
    '</LifecycleConfiguration>\n',
  ].join('');

/** What its templates are filled with. */
export interface SeaweedfsView {
  /** Of the script that starts the server. */
  readonly start: object;
  /** Of that of the task that makes buckets. */
  readonly task: object;
  /** What expires in a bucket, as the store is told. */
  readonly rules: readonly { readonly bucket: string; readonly text: string }[];
}

export function viewOfSeaweedfs(store: StorePlan): SeaweedfsView {
  const { service, account, backup } = store;
  const buckets = store.buckets.map((bucket) => ({ bucket, expires: bucket.lifecycle.length > 0, rules: lifecycleOf(bucket) }));
  const start = {
    identities: `/run/secrets/${service}-identities`,
    dataFolder: facts.dataFolder,
    port: facts.port,
    masterPort: facts.masterPort,
    filerPort: facts.filerPort,
    gatewayGrpcPort: facts.gatewayGrpcPort,
    shellMiB: facts.shellMiB,
    expires: buckets.some(({ expires }) => expires),
  };
  const task = {
    service,
    account,
    administrator: store.administrator,
    port: facts.port,
    scheme: store.tls ? 'https' : 'http',
    signature: `aws:amz:${facts.region}:s3`,
    rootFile: `/run/secrets/${service}-root`,
    appFile: `/run/secrets/${service}-app`,
    reader: backup.account,
    read: backup.buckets.join(' '),
    readerFile: `/run/secrets/${service}-backup`,
    written: store.buckets.map(({ name }) => name).join(' '),
    buckets: buckets.map(({ bucket: { name, versioning }, expires, rules }) => ({
      name,
      versioning: versioning ? 'Enabled' : 'Suspended',
      expires,
      digest: `Content-MD5: ${createHash('md5').update(rules).digest('base64')}`,
    })),
  };
  return {
    start,
    task,
    rules: buckets.filter(({ expires }) => expires).map(({ bucket, rules }) => ({ bucket: bucket.name, text: rules })),
  };
}
