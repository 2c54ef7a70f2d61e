import { join } from 'node:path';
import type { BackedUpEngine } from '../../ports/engine.ts';
import { usualLimits } from '../table-facts.ts';
import { usualQuietMs } from '../to-be-said.ts';
import type { EngineOptions } from '../tools.ts';
import { scratchIn } from '../scratch-place.ts';
import type { MongoAccess } from './access.ts';
import { mongodbChain } from './chain-rules.ts';
import { mongodbLogSource, usualSliceBytes } from './log-source.ts';
import { mongodbProducer } from './producer.ts';
import { mongodbScratch } from './scratch.ts';

/** Each look reads everything once more. */
const limits = { ...usualLimits, attempts: 3, pauseMs: 1000 };

/** One MongoDB that is a replica set, with the usual limits. */
export const mongodbEngine = ({ folder, memoryMiB, tag, uid, ...rest }: EngineOptions<MongoAccess>): BackedUpEngine => {
  const spool = join(folder, 'spool');
  return {
    producer: mongodbProducer({ ...rest, folder: spool, limits }),
    logs: mongodbLogSource({ ...rest, folder: spool, spool, quietMs: usualQuietMs, sliceBytes: usualSliceBytes }),
    scratch: mongodbScratch({ ...rest, folder: scratchIn(folder), memoryMiB, limits, tag, uid }),
    rules: mongodbChain,
  };
};
