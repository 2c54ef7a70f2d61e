import { BerthError } from '../model/errors.ts';
import type { ClusterContext } from './cluster.ts';
import type { Context } from './context.ts';

/** What a verb of the runtime may know of the world around it, beside what all may. */
export type RuntimeContext = Context & Pick<ClusterContext, 'env' | 'abortable' | 'exit' | 'clock'>;

/** Runs until it is done or a signal comes. @throws BerthError `interrupted`, unless what was begun could not be undone. */
export const stoppable = <T>(context: RuntimeContext, work: (signal: AbortSignal) => Promise<T>, said?: string): Promise<T> =>
  context.abortable(async (signal) => {
    try {
      return await work(signal);
    } catch (error) {
      if (!signal.aborted || (error instanceof BerthError && error.kind === 'unfinished')) throw error;
      throw new BerthError('interrupted', 'stopped', 'what was whole before stays whole; run the same command again', { cause: error });
    }
  }, said);
