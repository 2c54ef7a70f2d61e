/** Facts about nginx as the edge runs it. Sources: its manual; memory for each connection is a design figure, not a measurement. */
export const nginx = {
  httpPort: 8080,
  httpsPort: 8443,
  workerMiB: 32,
  /** Buffers of one proxied TLS request. */
  requestMiB: 0.1,
  /** A proxied request holds a connection on each side. */
  connectionsPerRequest: 2,
  fewestConnections: 256,
  mostConnections: 16_384,
} as const;
