import { BerthError } from '../../../model/errors.ts';
import { textOf } from './xml.ts';

/** What the server said no with. */
export interface Refusal {
  readonly status: number;
  /** Of S3: `SlowDown`, `NoSuchKey`. Empty when there was none. */
  readonly code: string;
  readonly message: string;
  /** Seconds that the server asks us to wait. */
  readonly retryAfter?: number;
}

export class RefusedError extends Error {
  override readonly name = 'RefusedError';
  readonly refusal: Refusal;
  constructor(refusal: Refusal) {
    super([refusal.status, refusal.code, refusal.message].filter((part) => part !== '').join(' '));
    this.refusal = refusal;
  }
}

export function readRefusal(status: number, body: string, retryAfter: string | undefined): Refusal {
  const wait = Number(retryAfter);
  return {
    status,
    code: textOf(body, 'Code') ?? '',
    message: (textOf(body, 'Message') ?? '').slice(0, 500),
    ...(wait > 0 && { retryAfter: wait }),
  };
}

const passing = new Set([
  'InternalError',
  'SlowDown',
  'SlowDownRead',
  'SlowDownWrite',
  'ServiceUnavailable',
  'RequestTimeout',
  'OperationAborted',
  'BadDigest',
  'XAmzContentSHA256Mismatch',
  'IncompleteBody',
]);

/** Whether the same request may do better later. What is no answer at all, a broken connection for instance, may. */
export function mayPass(error: unknown): boolean {
  if (error instanceof RefusedError) {
    const { status, code } = error.refusal;
    return (
      passing.has(code) || (status === 409 && code === 'ConditionalRequestConflict') || [408, 429, 500, 502, 503, 504].includes(status)
    );
  }
  return error instanceof Error && !(error instanceof BerthError) && !lasting.has(codeOf(error));
}

const doubted = new Set([
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'ExpiredToken',
  'InvalidToken',
  'TokenRefreshRequired',
  'AccessDenied',
]);

/** Whether newer credentials may help. */
export const doubtsCredentials = (error: unknown): boolean =>
  error instanceof RefusedError &&
  [400, 401, 403].includes(error.refusal.status) &&
  (doubted.has(error.refusal.code) || error.refusal.code === '');

const codeOf = (error: Error): string => ('code' in error && typeof error.code === 'string' ? error.code : '');

/** Of certificates: no time heals them. */
const lasting = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'ERR_TLS_CERT_ALTNAME_INVALID',
]);

/** What to do about a code of S3. */
const cures: Readonly<Record<string, string>> = {
  RequestTimeTooSkewed:
    'the clocks of this host and of the store differ by more than 15 minutes: set the wrong one, and see that NTP runs on both',
  NoSuchBucket: 'create the bucket, or correct its name',
  InvalidAccessKeyId: 'the access key is not known there: see that it was not rotated or deleted, and that this is the right endpoint',
  SignatureDoesNotMatch: 'the secret key does not fit the access key, or a proxy changes the requests: put the secret in again',
  AccessDenied: 'give the account of the backups the right to read, write, list and delete under its prefix',
  QuotaExceeded: 'the quota of the bucket or of its user is used up: raise it, or keep fewer backups',
  XMinioStorageFull: 'the disks of the store are full: add some, or keep fewer backups',
  AuthorizationHeaderMalformed: 'the region is not that of the bucket: correct it',
  PermanentRedirect: 'the region or the endpoint is not that of the bucket: correct it',
};

/** An answer that is none: said by something that is not quite S3. */
export const misbehaves = (what: string): BerthError =>
  new BerthError(
    'unreachable',
    `the store does not do what S3 promises: ${what}`,
    'see its log, and what stands between it and this host, then try again',
  );

/** A failure that is left after all tries. @param deed - Completes "cannot …". */
export function explain(error: unknown, deed: string): unknown {
  if (!(error instanceof Error) || error instanceof BerthError || error.name === 'AbortError') return error;
  const options = { cause: error };
  if (error instanceof RefusedError) {
    const cure = cures[error.refusal.code] ?? (error.refusal.status === 403 ? cures['AccessDenied'] : undefined);
    return new BerthError(
      'unreachable',
      `cannot ${deed}: the store answers ${error.message}`,
      cure ?? 'see the log of the store, then try again',
      options,
    );
  }
  const code = codeOf(error);
  if (lasting.has(code))
    return new BerthError(
      'unreachable',
      `cannot ${deed}: the certificate of the store is not accepted: ${error.message}`,
      certificateCure(code),
      options,
    );
  return new BerthError(
    'unreachable',
    `cannot ${deed}: ${error.message === '' ? code : error.message}`,
    'see that the store runs and can be reached from here: its address, DNS, firewall, proxy',
    options,
  );
}

const certificateCure = (code: string): string =>
  code.startsWith('CERT_')
    ? 'renew the certificate of the store, and see that the clock of this host is right'
    : code === 'ERR_TLS_CERT_ALTNAME_INVALID'
      ? 'use a name that stands in the certificate of the store'
      : 'give Berth the certificate authority of the store';
