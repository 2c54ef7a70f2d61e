import { join } from 'node:path';
import type { BackedUpEngine } from '../../ports/engine.ts';
import { usualLimits } from '../table-facts.ts';
import type { EngineOptions } from '../tools.ts';
import { scratchIn } from '../scratch-place.ts';
import type { PostgresAccess } from './access.ts';
import { postgresChain } from './chain-rules.ts';
import { postgresIncrement } from './increment.ts';
import { postgresLogSource, usualLogLimits } from './log-source.ts';
import { postgresProducer, type PostgresTools } from './producer.ts';
import { postgresScratch } from './scratch.ts';

type PostgresOptions = EngineOptions<PostgresAccess> & Pick<PostgresTools, 'slot' | 'unusedSlot'>;

/** One server of PostgreSQL, with the usual limits. */
export const postgresEngine = ({ folder, memoryMiB, tag, uid, ...tools }: PostgresOptions): BackedUpEngine => ({
  producer: postgresProducer({ ...tools, limits: usualLimits, tag }),
  increment: (parent) => postgresIncrement({ ...tools, limits: usualLimits, tag, folder: scratchIn(folder) }, parent),
  logs: postgresLogSource({ ...tools, ...usualLogLimits, spool: join(folder, 'spool') }),
  scratch: postgresScratch({ ...tools, folder: scratchIn(folder), memoryMiB, limits: usualLimits, tag, uid }),
  rules: postgresChain,
});
