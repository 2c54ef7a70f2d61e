import type { ChainRules, LogSource } from './log-source.ts';
import type { Producer } from './producer.ts';
import type { ScratchEngine } from './scratch-engine.ts';

/** All that the backups of one database are made with. */
export interface BackedUpEngine {
  readonly producer: Producer;
  readonly logs: LogSource;
  readonly scratch: ScratchEngine;
  readonly rules: ChainRules;
}
