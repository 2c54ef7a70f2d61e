import type { BackupJob } from '../model/runtime-config.ts';
import { cacheProducer } from './engines/cache/cache-producer.ts';
import { readAuthority, readPassword } from './keys/read-keys.ts';
import type { Producer } from './ports/producer.ts';

/** Copies a cache. */
export type CacheJob = BackupJob & { readonly kind: 'valkey' | 'redis'; readonly cache: NonNullable<BackupJob['cache']> };

export const isCache = (job: BackupJob): job is CacheJob => job.cache !== undefined;

/** The password is read each time: it may have been drawn anew. */
export const producerOf = ({ kind, cache }: CacheJob): Producer => ({
  engine: kind,
  open: (signal) => {
    const { shards, port, user, password, ca } = cache;
    return cacheProducer({
      engine: kind,
      shards,
      port,
      user,
      password: readPassword(password),
      ...(ca === undefined ? {} : { ca: readAuthority(ca) }),
    }).open(signal);
  },
});
