/** Facts about nginx as the edge runs it. Sources: its manual; memory for each connection is a design figure, not a measurement. */
export const nginx = {
  httpPort: 8080,
  httpsPort: 8443,
  workerMiB: 32,
  /** Buffers of one proxied TLS request. */
  requestMiB: 0.1,
  /** A proxied request holds a connection on each side. */
  connectionsPerRequest: 2,
  fewestConnections: 1024,
  mostConnections: 16_384,
  /**
   * Numbers of workers to choose from, and a step that all of them divide: the sum over all workers is then exactly what was decided for the edge,
   * and one more worker never makes it less.
   */
  workerCounts: [1, 2, 3, 4, 6, 8, 12, 16, 24, 32],
  connectionStep: 96,
} as const;
