/** The right to write, of which there is one. */
export interface Lease {
  /** Rises with every new holder; what an earlier one left can be told from it. */
  readonly epoch: number;
  /** Aborted as soon as it is known that somebody else may hold the lease by now. */
  readonly lost: AbortSignal;
  /**
   * To be awaited just before the one step that must not be done twice, such as writing a manifest.
   *
   * @throws BerthError `locked` when the lease is not ours any more.
   */
  readonly confirm: (signal: AbortSignal) => Promise<void>;
  /** Gives it back, so that the next one need not wait. May be called twice; never rejects. */
  readonly release: () => Promise<void>;
}

/** Who has the lease that was asked for. */
export interface Held {
  readonly heldBy: string;
}

export interface Leases {
  /**
   * Tries once and does not wait. A holder that died without giving back is known to be gone only after it was seen to be silent for a
   * while, so who needs the lease asks again, of the same object.
   */
  acquire: (name: string, signal: AbortSignal) => Promise<Lease | Held>;
}
