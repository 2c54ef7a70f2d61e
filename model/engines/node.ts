/**
 * Facts about Node.js. Measured on 20.19 in limited containers: the default heap is 259 MiB under a limit of 256 MiB, and stays at 2096 MiB under 8 GiB,
 * so it is always set.
 */
export const node = {
  /** Buffers, code, stacks and native memory beside the heap. */
  overheadMiB: 64,
} as const;
