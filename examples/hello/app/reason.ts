/** Thrown by {@link within}; its code is the one a socket would give. */
export class TimedOut extends Error {
  override readonly name = 'TimedOut';
  readonly code = 'ETIMEDOUT';
}

/** Waits at most `milliseconds`. The work is not cancelled, only no longer waited for; its late failure is not unhandled. */
export async function within<T>(milliseconds: number, work: Promise<T>): Promise<T> {
  const { promise: tooLate, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new TimedOut(`no answer within ${milliseconds} ms`)), milliseconds);
  try {
    return await Promise.race([work, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}

/** Messages of the drivers that carry no code, by what they mean. */
const meanings: readonly (readonly [RegExp, string])[] = [
  [/timeout|timed out|aborted due to/i, 'ETIMEDOUT'],
  [/connection (is closed|terminated|ended)|socket hang up/i, 'ECONNRESET'],
  [/stream isn't writeable/i, 'ENOTCONN'],
];

/**
 * Turn any failure into one word that may be shown in public: a system code (`ECONNREFUSED`), an SQLSTATE (`28P01`), a Redis or S3
 * error code (`LOADING`, `NoSuchBucket`), or else the class of the error. Messages may hold addresses and credentials, so none passes.
 */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'Error';
  if (error.name === 'AbortError' || error.name === 'TimeoutError') return 'ETIMEDOUT';
  if ('code' in error && typeof error.code === 'string' && /^[A-Za-z0-9_]{1,40}$/.test(error.code)) return error.code;
  if (error.name === 'ReplyError') return /^[A-Z]{2,20}(?= |$)/.exec(error.message)?.[0] ?? 'ReplyError';
  const status = /Retryable HTTP status: (\d{3})/.exec(error.message)?.[1];
  if (status !== undefined) return `HTTP_${status}`;
  const [, meaning] = meanings.find(([pattern]) => pattern.test(error.message)) ?? [];
  return meaning ?? (/^[A-Za-z]{1,40}$/.test(error.name) ? error.name : 'Error');
}
