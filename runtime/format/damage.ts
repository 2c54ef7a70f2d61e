import { BerthError } from '../../model/errors.ts';

/** A finding that no retry will change: these bytes are not what was written. `what` completes "is damaged:". */
export const damaged = (subject: string, what: string, options?: ErrorOptions): BerthError =>
  new BerthError(
    'damaged',
    `${subject} is damaged: ${what}`,
    'restore from the second store, or from an earlier point; `berth backup verify` finds what else is affected',
    options,
  );
