/** Facts about Memcached. Sources: its manual page, doc/protocol.txt and slabs.c of version 1.6; memory measured on 1.6.38. */
export const memcached = {
  title: 'Memcached',
  /** Key of images.yaml. */
  image: 'memcached',
  server: 'memcached',
  port: 11211,
  /** Program and libraries, and the tables of connections and of items that it begins with. */
  baseMiB: 8,
  /** Beside the working threads: listening, upkeep of the lists, moving pages, growing the table, logging. Each with a stack and buffers of its own. */
  otherThreads: 6,
  threadMiB: 1,
  /** A request that is being read and answered holds two buffers of 16 KiB; one that rests holds neither. */
  connectionMiB: 0.04,
  /** Sizes that items are sorted by. Each may have one page of 1 MiB even when the memory for items is spent. */
  slabClasses: 40,
  pageMiB: 1,
  /** Table of items, as a share of the memory for them, when all of them are of the smallest size and the table is just being doubled. */
  tableShare: 1 / 6,
  /** It refuses a larger one; the rest of its pages would be of no use. */
  largestItem: '1m',
} as const;
