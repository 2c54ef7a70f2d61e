import type { Lease } from '../ports/lease.ts';

/** Of who only looks: a plan changes nothing. */
export const noLease: Lease = {
  epoch: 0,
  lost: new AbortController().signal,
  confirm: async () => {
    throw new Error('a plan changes nothing, and so asks for no lease');
  },
  release: async () => undefined,
};
