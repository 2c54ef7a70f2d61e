/**
 * Facts about the Go runtime. Measured on 1.24 in limited containers: it knows neither limit, and under GOMEMLIMIT=35MiB a program that makes much garbage
 * peaks at 36 MiB. From 1.25 on it takes GOMAXPROCS from the CPU limit by itself, at least 2; it never looks at the memory limit.
 */
export const go = {
  /** What GOMEMLIMIT does not count: the program's own file, and memory of C libraries. */
  uncountedMiB: 16,
  leastProcesses: 2,
} as const;
