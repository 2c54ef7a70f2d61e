import type { Refusal } from './refusals.ts';

/** How a server is known that is reached by TLS. */
export type TlsMode = 'own' | 'known' | 'unchecked';

interface Reached {
  readonly host: string;
  readonly tls?: TlsMode;
}

/** What Node, OpenSSL, GnuTLS, Go and the clients of the engines say where TLS does not come about, and what puts it right. */
export const tlsRefusals: readonly Refusal<Reached>[] = [
  { pattern: /does(?: not|n't) support (?:it\b|SSL|secure connection)/i, cure: lackCure },
  {
    pattern: /require_secure_transport|insecure transport/i,
    cure: ({ host }) =>
      `${host} lets in by TLS alone: where it is of this site, \`berth generate\` and start both anew; where it stands elsewhere, write \`tls: verify\` below its external in berth.yaml`,
  },
  {
    pattern:
      /certificate (?:verify failed|verification failure|validation failure|has expired|is not yet valid)|self[- ]signed certificate|unable to (?:verify|get (?:local )?issuer)|IP does not match|does not match host name|TLS\/SSL error|SSL connection error|SSL connections|tls: |x509: |ERR_TLS/i,
    cure: certificateCure,
  },
];

function certificateCure({ host, tls }: Reached): string {
  if (tls === 'own' || tls === undefined)
    return `see that the certificate of ${host} is of the authority of this site: \`berth generate\`, then start both anew`;
  return `see that ${host} speaks TLS by a certificate for that name, which is valid today and of an authority that everybody knows or that trust in berth.yaml names`;
}

function lackCure(reached: Reached): string {
  if (reached.tls === 'own' || reached.tls === undefined) return certificateCure(reached);
  return `turn TLS on at ${reached.host}, or write \`tls: off\` below its external in berth.yaml: then whoever is between reads along`;
}
