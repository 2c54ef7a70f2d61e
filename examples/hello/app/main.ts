import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { createApp } from './app.ts';
import { openCache } from './cache.ts';
import { ConfigError, readConfig, type Config } from './config.ts';
import { openDatabase } from './database.ts';
import { jsonLog } from './log.ts';
import { reasonOf, within } from './reason.ts';
import { openStorage } from './storage.ts';

const EXIT = { failed: 1, misconfigured: 78 } as const;
const CLOSING_MS = 2000;

/** The only place that knows the process: its environment, its signals, its output and its end. */
function main(): void {
  const config = configOrExit();
  const now = (): Date => new Date();
  const log = jsonLog((line) => process.stdout.write(line), now, { version: config.version, slot: config.slot });
  process.stdout.on('error', () => {}); // whoever read our log has gone; that is no reason to go too

  const services = {
    database: openDatabase({ ...config.database, log }),
    cache: openCache({ ...config.redis, log }),
    storage: openStorage(config.s3),
  };
  const { version, slot, domain } = config;
  const poolSize = config.database.poolSize;
  const elapsed = (): number => performance.now();
  const app = createApp({ services, version, slot, domain, host: hostname(), poolSize, log, now, elapsed, newId: randomUUID });

  app.server.once('error', (error) => {
    process.stderr.write(`hello: cannot listen on port ${config.port} (${reasonOf(error)}): choose another with PORT\n`);
    process.exit(EXIT.failed);
  });
  app.server.listen(config.port, () => {
    const address = app.server.address();
    log('info', 'listening', { port: typeof address === 'object' ? address?.port : config.port });
  });

  const end = async (): Promise<void> => {
    await app.stop();
    await within(CLOSING_MS, Promise.all([services.database.close(), services.cache.close(), services.storage.close()])).catch(() => {});
    process.exit(0);
  };
  process.on('SIGTERM', () => void end());
  process.on('SIGINT', () => void end());
}

function configOrExit(): Config {
  try {
    return readConfig(process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(error.problems.map((problem) => `hello: cannot start: ${problem}\n`).join(''));
    process.exit(EXIT.misconfigured);
  }
}

main();
