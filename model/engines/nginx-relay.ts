/** Facts about nginx as it leads services outside. Sources: its manual, the stream module; measurements as they are named. */
export const nginxRelay = {
  /** Master and worker without connections: measured 3 MiB, and as much again for names, logs and a reload. */
  baseMiB: 8,
  /** Of one connection that is led on: proxy_buffer_size for each way. */
  connectionKiB: 32,
  /** A connection that is led on is one to the service and one to the place. */
  connectionsEach: 2,
  connections: 2048,
  memoryMiB: 64,
  /** Descriptors beside those of connections: listeners, DNS, logs. */
  ownFiles: 1024,
  folderMiB: 4,
} as const;
