import type { sqlserverEditions } from '../../../model/engines/sqlserver.ts';
import type { BackedUpEngine } from '../../ports/engine.ts';
import { usualLimits } from '../table-facts.ts';
import { usualQuietMs } from '../to-be-said.ts';
import type { EngineOptions } from '../tools.ts';
import { scratchIn } from '../scratch-place.ts';
import type { SqlServerAccess } from './access.ts';
import { sqlserverChain } from './chain-rules.ts';
import { sqlserverLogSource } from './log-source.ts';
import { sqlserverDifferential, sqlserverProducer } from './producer.ts';
import { sqlserverScratch } from './scratch.ts';

export interface SqlServerOptions extends EngineOptions<SqlServerAccess> {
  /** A folder that the server has under the same path. */
  readonly exchange: string;
  readonly edition: keyof typeof sqlserverEditions;
}

/** One database of a SQL Server, with the usual limits. */
export const sqlserverEngine = ({ folder, memoryMiB, edition, uid, ...tools }: SqlServerOptions): BackedUpEngine => ({
  producer: sqlserverProducer({ ...tools, limits: usualLimits }),
  increment: (parent) => sqlserverDifferential({ ...tools, limits: usualLimits }, parent),
  incrementsRestOn: 'full',
  logs: sqlserverLogSource({ ...tools, quietMs: usualQuietMs }),
  scratch: sqlserverScratch({
    ...tools,
    folder: scratchIn(folder),
    memoryMiB,
    limits: usualLimits,
    uid,
    edition,
    database: tools.access.database,
  }),
  rules: sqlserverChain,
});
