import { X509Certificate } from 'node:crypto';
import { rootCertificates } from 'node:tls';

export interface Chain {
  /** From the leaf to the last authority below the root, each signed by the next. */
  readonly sent: readonly X509Certificate[];
  /** Whom clients trust; absent when nobody supplied it and no browser knows it. */
  readonly root: X509Certificate | undefined;
  /** Certificates that belong to no chain of this leaf. */
  readonly strays: readonly X509Certificate[];
}

export const isSelfSigned = (certificate: X509Certificate): boolean =>
  certificate.checkIssued(certificate) && certificate.verify(certificate.publicKey);

const signed = (issuer: X509Certificate, certificate: X509Certificate): boolean =>
  issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);

/** Among the roots that browsers know, as Node brings them along. */
function publicRoot(certificate: X509Certificate): X509Certificate | undefined {
  for (const pem of rootCertificates) {
    const root = new X509Certificate(pem);
    if (signed(root, certificate)) return root;
  }
  return undefined;
}

/** Puts certificates in the order in which a server sends them, whatever order they came in. */
export function chainOf(leaf: X509Certificate, others: readonly X509Certificate[]): Chain {
  const sent = [leaf];
  const left = new Set(others.filter((one) => one.fingerprint256 !== leaf.fingerprint256));
  for (;;) {
    const last = sent.at(-1) ?? leaf;
    if (isSelfSigned(last)) {
      const below = sent.length > 1 ? sent.slice(0, -1) : sent;
      return { sent: below, root: last, strays: [...left] };
    }
    const issuer = [...left].find((one) => signed(one, last));
    if (!issuer) return { sent, root: publicRoot(last), strays: [...left] };
    left.delete(issuer);
    sent.push(issuer);
  }
}

/** `CN=shop.example.com`, or all of the subject where it has no common name. */
export const subjectOf = (subject: string | undefined): string =>
  /^CN=(.*)$/m.exec(subject ?? '')?.[1] ?? (subject ?? '').replaceAll('\n', ', ');
