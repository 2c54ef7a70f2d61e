import type { ChainRules, LogSource } from './log-source.ts';
import type { Producer } from './producer.ts';
import type { Restorable, ScratchEngine } from './scratch-engine.ts';

/** All that the backups of one database are made with. */
export interface BackedUpEngine {
  readonly producer: Producer;
  /**
   * Copies what has changed since a backup, for engines that can; such a copy fails with `NoIncrement` where only a full one will do.
   *
   * @param parent - A full backup or an increment; nothing but it and what it rests on is needed beside what this makes.
   */
  readonly increment?: (parent: Restorable) => Producer;
  /** What each increment rests on, where that is not the newest backup: then it holds all that changed since the full one. */
  readonly incrementsRestOn?: 'full';
  readonly logs: LogSource;
  readonly scratch: ScratchEngine;
  readonly rules: ChainRules;
}
