import type { BackupPlaceSpec } from '../../model/backups-spec.ts';
import type { ExternalSpec } from '../../model/external-spec.ts';
import type { OutsidePlace } from '../../model/outside-place.ts';
import type { StackSpec } from '../../model/stack-spec.ts';

const keys: Readonly<Record<ExternalSpec['kind'], string>> = { database: 'databases', cache: 'caches', store: 'stores' };

/** Of a bucket; a folder is on this host. */
function bucketPlace(name: string, path: string, place: BackupPlaceSpec | undefined): readonly OutsidePlace[] {
  if (place === undefined || !('bucket' in place.store)) return [];
  const { hostname, port, protocol } = new URL(place.store.bucket.endpoint);
  return [{ name, path, host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) || (protocol === 'http:' ? 80 : 443), needed: false }];
}

/** All that stands elsewhere, by where it is asked. */
export const outsidePlaces = ({ externals, backups }: StackSpec): readonly OutsidePlace[] => [
  ...externals.map(({ name, kind, host, port }) => ({ name, path: `${keys[kind]}.${name}.external`, host, port, needed: true })),
  ...bucketPlace('backups', 'backups.bucket', backups),
  ...bucketPlace('offsite', 'backups.offsite.bucket', backups?.offsite),
];
