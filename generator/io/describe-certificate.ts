import { X509Certificate } from 'node:crypto';
import { subjectOf } from './certificate-chain.ts';
import { namesOf } from './check-supplied.ts';

const day = 86_400_000;

/** A certificate as it is shown; nothing of its key but the kind. */
export interface CertificateView {
  readonly subject: string;
  readonly issuer: string;
  readonly names: readonly string[];
  /** ISO 8601. */
  readonly from: string;
  readonly until: string;
  /** Whole days; negative once it has expired. */
  readonly daysLeft: number;
  readonly key: string;
  /** SHA-256. */
  readonly fingerprint: string;
}

function keyOf({ publicKey }: X509Certificate): string {
  const { asymmetricKeyType: type = 'unknown', asymmetricKeyDetails: details } = publicKey;
  const more = details?.namedCurve ?? details?.modulusLength;
  return more === undefined ? type : `${type} ${more}`;
}

export function viewCertificate(pem: string, now: Date): CertificateView {
  const certificate = new X509Certificate(pem);
  return {
    subject: subjectOf(certificate.subject),
    issuer: subjectOf(certificate.issuer),
    names: namesOf(certificate),
    from: certificate.validFromDate.toISOString(),
    until: certificate.validToDate.toISOString(),
    daysLeft: Math.floor((certificate.validToDate.getTime() - now.getTime()) / day),
    key: keyOf(certificate),
    fingerprint: certificate.fingerprint256,
  };
}

/** Every certificate of a text, in its order. */
export const viewChain = (text: string, now: Date): readonly CertificateView[] =>
  (text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []).map((pem) => viewCertificate(pem, now));
