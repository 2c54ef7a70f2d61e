/** Facts about Valkey, which kept the names and numbers of Redis. Source: the annotated configuration file of version 8. */
export const valkey = {
  title: 'Valkey',
  /** Key of images.yaml. */
  image: 'valkey',
  server: 'valkey-server',
  client: 'valkey-cli',
  port: 6379,
  dataFolder: '/data',
  /** Process, client table and replication buffers, beside the data. */
  overheadMiB: 16,
  /** Each of its folders in memory, whose pages count towards the limit: /tmp, and the data folder of a cache that keeps nothing. It writes to neither. */
  folderMiB: 8,
  /** Memory lost between allocated and used; the vendors of hosted caches count with the same tenth. */
  fragmentation: 0.1,
  /** Pages copied while a child saves, as a share of the data, for a load that writes moderately. */
  copyOnWrite: 0.15,
  /** As whom nodes and Sentinels know each other. No account of an application has that name. */
  peer: 'berth_nodes',
  /** What backups log in as, and all that it may do: take a copy as a replica does, and ask what there is. */
  backup: { account: 'berth_backup', rights: '-@all +ping +info +psync +replconf +cluster|nodes' },
  /** What nodes that copy each other have in common, beside the settings of one that stands alone. */
  sentinel: {
    nodes: 3,
    port: 26_379,
    /** Sentinels that must agree before one of them acts. */
    quorum: 2,
    /** Seconds of silence after which a node counts as dead, and after which a take-over that failed is tried again, twice. */
    downAfter: 5,
    failOver: 30,
    /** What one takes is measured: 10 MiB with its state, clients and /tmp. */
    memoryMiB: 48,
    /** Its state is a page of text. */
    diskMiB: 64,
  },
  /** What a cluster has instead: each shard serves its part of the keys from one node, and the other copies it. */
  cluster: {
    shards: 3,
    nodesPerShard: 2,
    /** Where nodes speak to each other: the port of clients and 10,000. */
    busPort: 16_379,
    /** Seconds of silence after which a node counts as dead. */
    nodeTimeout: 5,
  },
} as const;
