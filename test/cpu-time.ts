/** Milliseconds for which this thread was at work so far: other than time, they do not grow while others have the processor. */
export function cpuTime(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
