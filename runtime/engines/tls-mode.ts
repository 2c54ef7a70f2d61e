/** How a server is known that is reached by TLS. */
export type TlsMode = 'own' | 'known' | 'unchecked';

/** What puts a certificate right that is not believed. */
export const certificateCure = ({ host, tls }: { readonly host: string; readonly tls?: TlsMode }): string =>
  tls === 'own' || tls === undefined
    ? `see that the certificate of ${host} is of the authority of this site: \`berth generate\`, then start both anew`
    : `see that ${host} speaks TLS by a certificate for that name, of an authority that everybody knows or that trust in berth.yaml names`;
