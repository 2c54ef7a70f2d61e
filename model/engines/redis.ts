import { valkey } from './valkey.ts';

/** Facts about Redis 8: what Berth relies on is what Valkey took over from it. */
export const redis = { ...valkey, title: 'Redis', image: 'redis', server: 'redis-server', client: 'redis-cli' } as const;
