import { BerthError } from '../../../model/errors.ts';

/** What the API server says about itself when it refuses: an object of the kind Status. */
interface Status {
  readonly message: string;
  readonly reason: string;
}

/** The words of a refusal, whatever its body was. */
export function statusOf(body: unknown): Status {
  const { message, reason } = (typeof body === 'object' && body !== null ? body : {}) as {
    readonly message?: unknown;
    readonly reason?: unknown;
  };
  const text = typeof message === 'string' ? message : typeof body === 'string' ? (body.split('\n')[0] ?? '').slice(0, 200) : '';
  return { message: text, reason: typeof reason === 'string' ? reason : '' };
}

/** Long runs of letters and digits in what somebody else's program printed may be a token; a name or a path seldom is that long. */
export const withoutTokens = (text: string): string => text.replaceAll(/[A-Za-z0-9_\-+/=.]{40,}/g, '[hidden]');

interface Meaning {
  readonly said: string;
  readonly cure: string;
}

const network: Readonly<Record<string, Meaning>> = {
  ECONNREFUSED: {
    said: 'nothing answers there: the connection was refused',
    cure: 'see whether the API server runs and the address and port in the kubeconfig are right',
  },
  ENOTFOUND: {
    said: 'its name is not known to the DNS',
    cure: 'correct the address in the kubeconfig, or connect to the network (VPN) that knows the name',
  },
  EAI_AGAIN: {
    said: 'its name could not be looked up: the DNS did not answer',
    cure: 'see whether this machine has a network and a DNS server',
  },
  EHOSTUNREACH: { said: 'there is no way to that host', cure: 'connect to the network (VPN) that the cluster is in' },
  ENETUNREACH: { said: 'there is no way to that network', cure: 'connect to the network (VPN) that the cluster is in' },
  ETIMEDOUT: {
    said: 'it does not answer at all',
    cure: 'see whether a firewall is between, or connect to the network (VPN) that the cluster is in',
  },
  ECONNRESET: {
    said: 'the connection was cut before the answer',
    cure: 'run the command again; when it happens again, see what stands between you and the API server (a proxy, a load balancer)',
  },
  EPIPE: { said: 'the connection was cut before the answer', cure: 'run the command again' },
};

const unknownAuthority: Meaning = {
  said: 'its certificate is signed by an authority that the kubeconfig does not name',
  cure: 'put the right `certificate-authority-data` into the kubeconfig: that of this cluster, or of the proxy that opens the connection',
};
const notTls: Meaning = { said: 'what answers there does not speak TLS', cure: 'correct the address and port in the kubeconfig' };
const refusedCertificate: Meaning = {
  said: 'it did not take the client certificate of the kubeconfig',
  cure: 'get a new kubeconfig from whoever runs the cluster',
};

const tls: Readonly<Record<string, Meaning>> = {
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE': unknownAuthority,
  'UNABLE_TO_GET_ISSUER_CERT': unknownAuthority,
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY': unknownAuthority,
  'SELF_SIGNED_CERT_IN_CHAIN': unknownAuthority,
  'DEPTH_ZERO_SELF_SIGNED_CERT': unknownAuthority,
  'CERT_SIGNATURE_FAILURE': unknownAuthority,
  'CERT_UNTRUSTED': unknownAuthority,
  'CERT_HAS_EXPIRED': {
    said: 'its certificate has expired',
    cure: "renew the API server's certificate (`kubeadm certs renew apiserver`), and see that this machine's clock is right",
  },
  'CERT_NOT_YET_VALID': { said: 'its certificate is not valid yet', cure: "see that this machine's clock is right" },
  'EPROTO': notTls,
  'ERR_SSL_WRONG_VERSION_NUMBER': notTls,
  'ERR_SSL_PACKET_LENGTH_TOO_LONG': notTls,
  'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED': refusedCertificate,
  'ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE': refusedCertificate,
  'ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED': refusedCertificate,
  'ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE': refusedCertificate,
  'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA': refusedCertificate,
};

function meaningOf(error: NodeJS.ErrnoException & { readonly reason?: string }): Meaning | undefined {
  const code = error.code ?? '';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return {
      said: `its certificate is for another name: ${error.reason ?? error.message}`,
      cure: 'use a name that the certificate has as `server`, or give one as `tls-server-name` in the kubeconfig',
    };
  return network[code] ?? tls[code];
}

/** A request that got no answer. `undefined` when the error is not about the connection: that is a defect of ours. */
export function connectionFailure(error: unknown, server: string): BerthError | undefined {
  if (error instanceof BerthError) return error;
  if (!(error instanceof Error)) return undefined;
  const meaning = meaningOf(error);
  const code = (error as NodeJS.ErrnoException).code;
  if (meaning)
    return new BerthError('unreachable', `cannot reach the cluster at ${server}: ${meaning.said}`, meaning.cure, { cause: error });
  if (code === undefined || !/^(ERR_(SSL|TLS|OSSL|CRYPTO)|[A-Z_]*CERT|CRL_|E[A-Z]+$|HPE_)/.test(code)) return undefined;
  return new BerthError(
    'unreachable',
    `cannot reach the cluster at ${server}: ${code}`,
    'see whether address, port and certificates in the kubeconfig are right',
    { cause: error },
  );
}

export const timeoutFailure = (deed: string, server: string, timeout: number): BerthError =>
  new BerthError(
    'unreachable',
    `the cluster at ${server} did not answer within ${timeout} s when asked to ${deed}`,
    'see whether it is overloaded or a firewall is between; give it longer with --timeout SECONDS',
  );

export const busyFailure = (deed: string, server: string, waited: string): BerthError =>
  new BerthError('unreachable', `the cluster at ${server} is too busy to ${deed}: ${waited}`, 'run the command again later');

/** An answer that is a refusal. `deed` completes "may not …" and "cannot …". */
export function refusal(status: number, body: unknown, deed: string, server: string): BerthError {
  const { message } = statusOf(body);
  const said = message === '' ? '' : `: ${withoutTokens(message)}`;
  const failure = (text: string, cure: string): BerthError => new BerthError('unreachable', `${text}${said}`, cure);
  switch (status) {
    case 401:
      return new BerthError(
        'unreachable',
        `the cluster at ${server} does not know you: token or certificate of the kubeconfig are not valid there`,
        'log in again, or get a new kubeconfig from whoever runs the cluster',
      );
    case 403:
      return failure(
        `you may not ${deed} in the cluster at ${server}`,
        'ask an administrator of the cluster for that right, or name another context with --context',
      );
    case 404:
      return failure(
        `cannot ${deed}: the cluster at ${server} has no such thing`,
        'see whether the kubeconfig names the right cluster and server address',
      );
    case 409:
      return failure(`cannot ${deed}: somebody else changes the same in the cluster at ${server} at this moment`, 'run the command again');
    case 422:
      return failure(`cannot ${deed}: the cluster at ${server} finds it invalid`, 'correct what it names');
    case 429:
    case 503:
      return failure(`cannot ${deed}: the cluster at ${server} is too busy or starts up`, 'run the command again later');
    default:
      return failure(
        `cannot ${deed}: the cluster at ${server} answered ${status}`,
        'see the log of the API server, or run the command again',
      );
  }
}
