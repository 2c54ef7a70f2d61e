import { expect, test } from 'vitest';
import { reasonOf, TimedOut, within } from '../../../examples/hello/app/reason.ts';
import { Unavailable } from '../../../examples/hello/app/services.ts';

const named = (name: string, message: string): Error => Object.assign(new Error(message), { name });
const coded = (code: unknown, message = 'connect to 10.0.0.5:5432 with hello:s3cr3t'): Error => Object.assign(new Error(message), { code });

test.each<[string, unknown, string]>([
  ['a refused connection', coded('ECONNREFUSED'), 'ECONNREFUSED'],
  ['an SQLSTATE', coded('28P01'), '28P01'],
  ['an S3 error', coded('NoSuchBucket'), 'NoSuchBucket'],
  ['an unavailable dependency', new Unavailable('redis', 'LOADING'), 'LOADING'],
  ['a Redis reply', named('ReplyError', 'WRONGPASS invalid username-password pair'), 'WRONGPASS'],
  ['a cancelled request', named('AbortError', 'The operation was aborted'), 'ETIMEDOUT'],
  ['our own limit', new TimedOut('no answer'), 'ETIMEDOUT'],
  ['a full pool', new Error('timeout exceeded when trying to connect'), 'ETIMEDOUT'],
  ['a dropped session', new Error('Connection terminated unexpectedly'), 'ECONNRESET'],
  ['no connection yet', new Error("Stream isn't writeable and enableOfflineQueue options is false"), 'ENOTCONN'],
  ['an S3 status', new Error('Request failed after 0 retries: Error: Retryable HTTP status: 503'), 'HTTP_503'],
  ['a code that is a sentence', coded('postgres://hello:s3cr3t@database'), 'Error'],
  ['a name that is a sentence', named('at 10.0.0.5', 's3cr3t'), 'Error'],
  ['what is no error', 's3cr3t', 'Error'],
])('%s becomes one public word', (_, error, word) => {
  expect(reasonOf(error)).toBe(word);
});

test('work that is late is no longer waited for, and its failure afterwards disturbs nobody', async () => {
  const { promise, reject } = Promise.withResolvers<never>();
  await expect(within(5, promise)).rejects.toThrow('no answer within 5 ms');
  reject(new Error('late'));
});
