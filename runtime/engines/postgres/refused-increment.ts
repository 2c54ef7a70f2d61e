import { NoIncrement } from '../../ports/producer.ts';

/** Where the server says that it has not got the summaries of its log any more, does not make them, or is not the one that the manifest is of. What the program itself complains of, such as a connection that broke, is no reason for a full backup. */
export const refusedIncrement = (stderr: string): NoIncrement | undefined => {
  const [, because] = /^.*ERROR: +(.*(?:WAL summar|incremental backup|manifest).*)/m.exec(stderr) ?? [];
  return because === undefined ? undefined : new NoIncrement(because);
};
