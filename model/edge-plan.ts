import type { Route } from './route.ts';

export interface EdgePlan {
  readonly domain: string;
  readonly workers: number;
  readonly connections: number;
  readonly nofile: number;
  readonly perAddress: number;
  readonly hsts: boolean;
  readonly trustedProxies: readonly string[];
  /** Addresses that are refused everywhere. */
  readonly deny: readonly string[];
  /** Where its health check asks, when nobody but a proxy can speak to its other ports. */
  readonly proxyProtocol?: { readonly healthPort: number };
  readonly httpsPort: number;
  /** Addresses, beside its own, that may ask for a slot by name; on Compose the network of the edge, from whose gateway the host comes. */
  readonly operators: readonly string[];
  /** What is appended to the name of a service to look it up: nothing on Compose. */
  readonly hostSuffix: string;
  /** Directive that names the DNS server, or the file that does. */
  readonly resolver: { readonly address: string } | { readonly file: string };
  /** Replicas that are tried before a request is given up; only such as could not be reached. */
  readonly tries: number;
  readonly apps: readonly { readonly service: string; readonly port: number; readonly routes: readonly Route[] }[];
  /** Stores that visitors reach under a name of their own, and of them only these buckets. */
  readonly stores: readonly {
    readonly service: string;
    readonly port: number;
    readonly host: string;
    readonly buckets: readonly string[];
    readonly tls?: true;
  }[];
}
