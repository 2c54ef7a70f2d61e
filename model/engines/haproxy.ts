/** Facts about HAProxy 3.2, which leads clients to the primary of a cache. Sources: its configuration manual, and measurements as they are named. */
export const haproxy = {
  title: 'HAProxy',
  image: 'haproxy',
  /** MiB of the process without connections, one thread: measured, and a half more. */
  baseMiB: 32,
  /** Of one connection: a buffer of 16 KiB for each way, and what the manual counts for the two sides of a session. */
  connectionKiB: 40,
  folderMiB: 8,
  /** Where it tells its own container, and nobody else, whether it knows the primary. */
  healthPort: 8404,
  /** File descriptors beside two for each connection: listeners, checks, DNS. */
  ownFiles: 128,
} as const;
