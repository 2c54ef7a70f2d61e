type Level = 'info' | 'warn' | 'error';
export type Log = (level: Level, event: string, fields?: Readonly<Record<string, unknown>>) => void;

/** One JSON object a line: what collects container logs needs no parser of its own. */
export function jsonLog(write: (line: string) => void, now: () => Date, always: Readonly<Record<string, unknown>> = {}): Log {
  return (level, event, fields) => write(`${JSON.stringify({ time: now().toISOString(), level, event, ...always, ...fields })}\n`);
}
