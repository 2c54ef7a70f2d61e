/**
 * Facts about a JVM. Measured on OpenJDK 21 in limited containers: by itself it takes a quarter of the limit for the heap and reserves 240 MiB for compiled
 * code under any limit; idle it holds 42 MiB, and 200 threads hold 20 MiB more. A percentage never makes a heap of less than 125 MiB. It reads its options from JAVA_TOOL_OPTIONS.
 */
export const java = {
  /** The virtual machine itself, idle. */
  baseMiB: 48,
  /** Threads of a usual server, and what their stacks hold when calls are deep. */
  threads: 200,
  threadMiB: 0.25,
  /** Of the heap, what its collectors keep beside it. */
  collectorShare: 0.05,
  /** Classes, compiled code, and buffers outside the heap: their part of the limit, no less and no more than. */
  metaspace: { part: 8, least: 96, most: 256 },
  code: { part: 16, least: 48, most: 240 },
  direct: { part: 16, least: 32, most: 256 },
} as const;
