import { join } from 'node:path';
import type { BackedUpEngine } from '../../ports/engine.ts';
import { postgresChain } from './chain-rules.ts';
import { usualLimits } from './facts.ts';
import { postgresLogSource, usualLogLimits } from './log-source.ts';
import { postgresProducer, type PostgresTools } from './producer.ts';
import { postgresScratch } from './scratch.ts';

export interface PostgresOptions extends PostgresTools {
  /** The agent's own folder, for what was received and for what is restored to be looked at. */
  readonly folder: string;
  /** For the scratch server. */
  readonly memoryMiB: number;
  /** Some digits and small letters, others each time. */
  readonly tag: () => string;
  /** Who we are. */
  readonly uid: number;
}

/** One server of PostgreSQL, with the usual limits. */
export const postgresEngine = ({ folder, memoryMiB, tag, uid, ...tools }: PostgresOptions): BackedUpEngine => ({
  producer: postgresProducer({ ...tools, limits: usualLimits, tag }),
  logs: postgresLogSource({ ...tools, ...usualLogLimits, spool: join(folder, 'spool') }),
  scratch: postgresScratch({ ...tools, folder: join(folder, 'scratch'), memoryMiB, limits: usualLimits, tag, uid }),
  rules: postgresChain,
});
