/** What an application may run on, so that Berth can size it from the inside. */
export const runtimes = ['node', 'python', 'java', 'go', 'other'] as const;
export type Runtime = (typeof runtimes)[number];

/** Variables by which a runtime learns of its limits. The spec may set its own under `env`; what it sets holds. */
export const runtimeVariables: Readonly<Record<Runtime, readonly string[]>> = {
  node: ['NODE_OPTIONS'],
  python: ['WEB_CONCURRENCY', 'PYTHON_CPU_COUNT', 'OMP_NUM_THREADS', 'MALLOC_ARENA_MAX', 'PYTHONUNBUFFERED'],
  java: ['JAVA_TOOL_OPTIONS'],
  go: ['GOMEMLIMIT', 'GOMAXPROCS'],
  other: [],
};
