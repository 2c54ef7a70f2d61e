/** Facts about nginx as the edge runs it. Sources: its manual; memory for each connection is a design figure, not a measurement. */
export const nginx = {
  httpPort: 8080,
  httpsPort: 8443,
  /** Inside the container alone, for its health check where the other ports speak the PROXY protocol. */
  healthPort: 8081,
  workerMiB: 32,
  /**
   * What one proxied TLS request can hold, as nginx.conf and proxy.conf configure it, 224 KiB: 16 KiB of a TLS record, 16 KiB of a large header, 16 KiB of its body,
   * 16 KiB of the answer's header and 8 × 8 KiB of its body, and a quarter of gzip's 384 KiB (256 KiB of state and 32 × 4 KiB of output).
   * A quarter, as gzip's memory lives only while a compressible body is on its way; most open requests wait for the application, or carry what is not compressed.
   */
  requestMiB: (16 + 16 + 16 + 16 + 8 * 8 + (256 + 32 * 4) / 4) / 1024,
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
