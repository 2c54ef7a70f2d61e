/** Time as an argument. */
export interface Clock {
  /** What the host believes the time to be. May be set forward or back at any moment. */
  now: () => Date;
  /** Milliseconds since some fixed moment. Never goes back; may or may not stand still while the host sleeps. */
  elapsed: () => number;
  /** Milliseconds since some fixed moment, in steps of some ten. Never goes back, and goes on while the host sleeps. */
  sinceBoot: () => number;
  /** Resolves after about so long, sooner or later by chance; at once when `signal` is aborted. Never rejects. */
  sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}
