import type { Programs } from '../ports/program.ts';

/** What the backups of any database are made with. */
export interface EngineTools<Access> {
  readonly access: Access;
  readonly programs: Programs;
  /** The image whose programs are run, for the record. */
  readonly image: string | null;
  readonly sleep: (milliseconds: number) => Promise<void>;
}

/** How an engine is set up at a site. */
export interface EngineOptions<Access> extends EngineTools<Access> {
  /** The agent's own folder, for what was received and for what is restored to be looked at. */
  readonly folder: string;
  /** For the scratch server. */
  readonly memoryMiB: number;
  /** Some digits and small letters, others each time. */
  readonly tag: () => string;
  /** Who we are. */
  readonly uid: number;
}
