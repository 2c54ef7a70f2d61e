import { BerthError } from '../../model/errors.ts';

export const lostTo = (name: string, by: string): BerthError =>
  new BerthError(
    'locked',
    `another runtime has taken over the lease ${name}: ${by}`,
    'nothing was written; see that one agent alone runs for this site, and that this host does not stand still for minutes',
  );
