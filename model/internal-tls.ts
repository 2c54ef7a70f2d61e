/** TLS between the services of a site: what stands where. Names are those of files at /run/secrets. */

/** Whom all services trust: the authority of the site, and those that the spec names. */
export const authorityName = 'site-ca';
export const authorityFile = `/run/secrets/${authorityName}`;

/** The certificate of a server with the one above it, and its key. */
export const certificateName = (service: string): string => `${service}-certificate`;
export const keyName = (service: string): string => `${service}-key`;
export const certificateFile = (service: string): string => `/run/secrets/${certificateName(service)}`;
export const keyFile = (service: string): string => `/run/secrets/${keyName(service)}`;

/** How the ledger's key pairs are called where the versions of its secrets count: no secret has a colon in its name. */
const pairPrefix = 'tls:';
export const authorityPair = `${pairPrefix}authority`;
export const serverPair = (service: string): string => `${pairPrefix}server:${service}`;
export const serverOfPair = (name: string): string | undefined =>
  name.startsWith(serverPair('')) ? name.slice(serverPair('').length) : undefined;
