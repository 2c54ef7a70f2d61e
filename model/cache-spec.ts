import type { FixedState } from './fixed-size.ts';

export type CacheEngineName = 'valkey' | 'redis' | 'memcached';

export type CacheTopology = 'single' | 'sentinel' | 'cluster';

export interface CacheSpec extends FixedState {
  readonly name: string;
  readonly engine: CacheEngineName;
  readonly use: 'cache' | 'sessions' | 'queue';
  /** As the operator wrote it; without it the profile's, where the host can. Once a plan begins it is decided. */
  readonly topology?: CacheTopology;
  /** What its clients speak. */
  readonly client: 'single' | 'sentinel' | 'cluster';
}
