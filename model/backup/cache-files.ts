/** The file of a shard in a copy of a cache: of one that is not divided the one that its server would look for. */
export const rdbOf = (shard: number, shards: number): string => (shards === 1 ? 'dump.rdb' : `shard-${shard}.rdb`);
