import { Cluster, Redis } from 'ioredis';
import type { CacheAddress } from './config.ts';
import type { Log } from './log.ts';
import { reasonOf } from './reason.ts';
import { Unavailable, type Cache } from './services.ts';

const HITS = 'hello:hits';

const common = {
  connectionName: 'hello',
  connectTimeout: 2000,
  commandTimeout: 1000,
  socketTimeout: 3000, // a peer that vanished without a word: drop the connection and make a new one
  autoResendUnfulfilledCommands: false, // a repeated INCR would count twice
};
const patience = (attempt: number): number => Math.min(100 * 2 ** Math.min(attempt, 10), 3000);

function connect(at: CacheAddress): Redis | Cluster {
  if ('url' in at)
    return new Redis(at.url, {
      ...common,
      maxRetriesPerRequest: 1,
      enableOfflineQueue: false,
      retryStrategy: patience,
      reconnectOnError: (error) => error.message.startsWith('READONLY'), // the primary became a replica: ask the address again who is it now
    });
  return new Cluster([...at.nodes], {
    enableOfflineQueue: false,
    maxRedirections: 3, // to where a key has moved; not until a shard is back
    clusterRetryStrategy: patience,
    slotsRefreshTimeout: 2000,
    // Whom to trust Node knows from NODE_EXTRA_CA_CERTS; it checks the name as well, which nodes are to be called by then and not by an address.
    ...(at.tls ? { dnsLookup: (name: string, answer: (error: null, name: string) => void) => answer(null, name) } : {}),
    redisOptions: { ...common, username: at.username, password: at.password, ...(at.tls ? { tls: {} } : {}) },
  });
}

/** Connects in the background and reconnects for ever. A command fails at once while there is no connection: a cache is not worth waiting for. */
export function openCache({ log, ...at }: CacheAddress & { readonly log: Log }): Cache {
  const redis = connect(at);

  // Commands that find no connection fail without saying why; the connection's last failure says it.
  let disconnected: string | undefined;
  redis.on('error', (error: Error) => {
    const reason = reasonOf(error);
    if (reason !== disconnected) log('warn', 'cache connection lost', { reason });
    disconnected = reason;
  });
  redis.on('ready', () => {
    disconnected = undefined;
    log('info', 'cache reached');
  });

  const run = async <T>(command: () => Promise<T>): Promise<T> => {
    try {
      return await command();
    } catch (error) {
      const reason = redis.status === 'ready' ? reasonOf(error) : (disconnected ?? reasonOf(error));
      throw new Unavailable('redis', reason, { cause: error });
    }
  };

  return {
    ping: () => run(async () => void (await redis.ping())),
    countHit: () => run(() => redis.incr(HITS)),
    async close() {
      redis.disconnect();
    },
  };
}
