/** TLS between the services of a site: what stands where. Names are those of files at /run/secrets. */

/** Whom services of the site trust when they speak to each other: its authority and nobody else, as some of them ask for no name and no password besides. */
export const authorityName = 'site-ca';
export const authorityFile = `/run/secrets/${authorityName}`;

/** For programs that read one file for all that they speak to: the same, and behind it whom the spec names. */
export const bundleName = 'site-trust';
export const bundleFile = `/run/secrets/${bundleName}`;

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
