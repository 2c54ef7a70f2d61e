/**
 * Facts about MongoDB. Sources: the manual of version 8.0, its source where the manual is silent, and the Dockerfile of the official image.
 * Nothing here was measured: no server was at hand.
 */
export const mongodb = {
  title: 'MongoDB',
  /** Key of images.yaml. */
  image: 'mongodb',
  server: 'mongod',
  shell: 'mongosh',
  port: 27017,
  /** Mount point of the data, which the image declares as a volume. */
  volumeFolder: '/data/db',
  /** Below it, so that others can take their place in one step. */
  dataFolder: '/data/db/data',
  /** Data that were put back, and are to take the place of those that are there: `start.sh` does so where none are. */
  restoredFolder: '/data/db/data.restored',
  /** On their way into a folder of their own, from the volume itself, where an earlier version had them. */
  movingFolder: '/data/db/data.moving',
  /** Where an agent in the image has its own files: open to every user there, which the folder of the data is not. */
  agentFolder: '/var/tmp',
  /** The image declares it as well, and nothing uses it: a folder in memory covers it. */
  declaredFolder: '/data/configdb',
  declaredMiB: 1,
  /** Where the key file is copied to at every start, as the server takes only one that is its own and that nobody else may read; and where its shell writes. */
  tmpMiB: 16,
  keyFile: '/tmp/keyfile',
  /** And where its certificate stands with the key behind it, as it takes the two in one file. */
  certificateFile: '/tmp/server.pem',
  /** What drivers and programs read at the end of an address, before the file with those whom to trust; all of them check the name as well. */
  verified: 'tls=true&tlsCAFile=',
  configFolder: '/etc/berth/database',
  administrator: 'root',
  /** What backups log in as: it reads everything, the oplog too, and changes nothing but a setting of its own that the role brings along. */
  backup: { account: 'berth_backup', roles: ['backup', 'readAnyDatabase'] },
  /** A member of a set of one: transactions and change streams need a set. */
  replicaSet: 'rs0',
  /** Connections kept from the application: operators, the accounts one-shot, backups, monitoring. */
  ownConnections: 10,
  /** Of a set of three: each of two others asks how it is, and fetches what is new. */
  replicaConnections: 20,
  /** MiB a second at which a copy of the data is expected at least: half of what one spinning disk gives. */
  copySpeed: 50,
  /** Every driver watches each member with two connections beside its pool. */
  monitorsPerClient: 2,
  /** Open files; the server takes connections for four fifths of them. */
  openFiles: 64_000,
  mostConnections: 51_200,
  defaultConnections: 51_200,
  /** A thread with its stack for each connection, and what its operation holds. Source: the manual, production notes: up to 1 MiB each. */
  connectionMiB: 1,
  /** The program, its allocator, the catalogue of collections, statistics. */
  baseMiB: 320,
  /** mongosh is a whole Node.js: at the first start, and for an operator who is let in. */
  shellMiB: 192,
  /** All index builds together: the server's default. */
  indexBuildMiB: 200,
  /** One sort or group that does not use an index goes to disk beyond it: the server's default. Two at a time are counted. */
  sortMiB: 100,
  sorts: 2,
  /** What the cache takes beside itself, for pages that are being changed and for what the allocator cannot give back. */
  cacheOverhead: 0.1,
  /** The server refuses a smaller one. */
  smallestCacheMiB: 264,
  /** Threads beside connections: storage, replication, timers, listeners. */
  otherThreads: 160,
  /** The server refuses a smaller oplog, and by itself makes none above this. MiB. */
  smallestOplog: 990,
  largestOplog: 50 * 1024,
  /** A task or a gate runs mongosh. */
  taskMiB: 256,
  accounts: {
    application: {
      roles: ['dbAdmin', 'readWrite'],
      because: 'an application reads, writes and indexes its own database, and may do nothing in another or to accounts',
    },
  },
} as const;
