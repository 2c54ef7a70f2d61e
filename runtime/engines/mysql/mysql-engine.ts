import { join } from 'node:path';
import type { BackedUpEngine } from '../../ports/engine.ts';
import { usualLimits } from '../table-facts.ts';
import { usualQuietMs } from '../to-be-said.ts';
import type { EngineOptions } from '../tools.ts';
import { scratchIn } from '../scratch-place.ts';
import type { MysqlAccess } from './access.ts';
import { mysqlChain } from './chain-rules.ts';
import { dialects, type Dialect } from './dialect.ts';
import { mysqlLogSource } from './log-source.ts';
import { mysqlProducer } from './producer.ts';
import { mysqlScratch } from './scratch.ts';
import type { CloneTools } from './tools.ts';

/** Whoever waits for the lock makes all writers wait: seldom, and not often. */
const limits = { ...usualLimits, attempts: 3, pauseMs: 10_000 };

type MysqlOptions = EngineOptions<MysqlAccess> & Pick<CloneTools, 'dataFolders'>;

/** One server of MySQL or MariaDB, with the usual limits. */
export const mysqlEngine = (
  engine: Dialect['engine'],
  { folder, memoryMiB, tag, uid, dataFolders, ...rest }: MysqlOptions,
): BackedUpEngine => {
  const dialect = dialects[engine];
  const tools = { ...rest, dialect };
  const clones = { ...tools, folder: scratchIn(folder), memoryMiB, limits, tag, uid, dataFolders };
  return {
    producer: mysqlProducer({ ...tools, limits, clones }),
    logs: mysqlLogSource({ ...tools, quietMs: usualQuietMs, spool: join(folder, 'spool') }),
    scratch: mysqlScratch(clones),
    rules: mysqlChain(dialect),
  };
};
