import type { Json } from '../../../model/backup/shape.ts';
import type { LogPlace } from './dialect.ts';
import type { Identity } from './identity.ts';
import type { Session } from './session.ts';
import type { ProducerTools } from './tools.ts';

/** A copy of a whole server while it is made. */
export interface Begun {
  readonly tools: ProducerTools;
  readonly session: Session;
  readonly signal: AbortSignal;
  readonly identity: Identity;
  /** By the server's clock, before the snapshot: all that was committed by then is in it. */
  readonly at: Date;
}

/** What is said of it by whatever has copied it. */
export interface Copied {
  /** The program. */
  readonly tool: string;
  /** Where the log goes on behind it. */
  readonly place: LogPlace;
  /** Every transaction that is in it. */
  readonly gtids: string;
  readonly facts: { readonly [name: string]: Json };
}
