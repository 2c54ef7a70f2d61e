import type { MiB, Seconds } from './units.ts';

export interface RateLimit {
  /** As nginx writes it: `20r/s`. */
  readonly rate: string;
  /** `address`, `token`, `header:NAME` or `cookie:NAME`. */
  readonly by: string;
  readonly burst: number;
}

/** Which other origins may call a route from a browser. */
export interface Cors {
  readonly origins: readonly string[];
  readonly methods: readonly string[];
  readonly headers: readonly string[];
  readonly credentials: boolean;
  readonly maxAge: Seconds;
}

/** Who may call a route, by address: of two that hold one address, the narrower says. */
export interface AddressFilter {
  readonly allow: readonly string[];
  readonly deny: readonly string[];
}

export interface Route {
  readonly path: string;
  readonly rateLimits: readonly RateLimit[];
  readonly cors?: Cors;
  readonly methods?: readonly string[];
  readonly addresses?: AddressFilter;
  readonly body: MiB;
  readonly timeout: Seconds;
  readonly stream: boolean;
}
