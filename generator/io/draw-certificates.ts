import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import type { KeyPair } from './ledger.ts';
import type { Random } from './random-text.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
/** Clocks of other machines may be behind. */
const earlier = (now: Date): Date => new Date(now.getTime() - 3_600_000);

const serial = (random: Random): string => `01${Buffer.from(random(15)).toString('hex')}`;

async function privatePem(keys: webcrypto.CryptoKeyPair): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  return `-----BEGIN PRIVATE KEY-----\n${der.replaceAll(/(.{64})(?=.)/g, '$1\n')}\n-----END PRIVATE KEY-----\n`;
}

const privateKeyOf = (pem: string): Promise<webcrypto.CryptoKey> =>
  webcrypto.subtle.importKey('pkcs8', Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64'), algorithm, false, ['sign']);

const drawKeys = (): Promise<webcrypto.CryptoKeyPair> => webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
const pem = (certificate: x509.X509Certificate): string => `${certificate.toString('pem').trimEnd()}\n`;

/** A key pair as it was drawn, its key in plain text. */
export type DrawnPair = Omit<KeyPair, 'key'> & { readonly key: string };

interface Draw {
  readonly now: Date;
  readonly notAfter: Date;
  readonly random: Random;
  readonly version: number;
}

/** A self-signed authority that may sign leaves and nothing below them. */
export async function drawAuthority({ site, now, notAfter, random, version }: Draw & { readonly site: string }): Promise<DrawnPair> {
  const keys = await drawKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(random),
    name: `CN=${site} authority, O=Berth`,
    notBefore: earlier(now),
    notAfter,
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { key: await privatePem(keys), certificate: pem(certificate), names: [], notAfter: notAfter.toISOString(), version };
}

const isAddress = (name: string): boolean => /^\d+(\.\d+){3}$/.test(name);

/** Nobody looks at it who knows the names of today; whoever reads one that is longer than the standard lets it be may refuse the certificate. */
const commonName = (names: readonly string[]): string => names.find(({ length }) => length <= longestCommonName) ?? 'berth';
/** RFC 5280, ub-common-name. */
const longestCommonName = 64;

/** A server certificate for `names`, signed by `authority`; a `mutual` one is good for a client as well. */
export async function drawLeaf({
  authority,
  names,
  mutual = false,
  now,
  notAfter,
  random,
  version,
}: Draw & { readonly authority: KeyPair; readonly names: readonly string[]; readonly mutual?: boolean }): Promise<DrawnPair> {
  const keys = await drawKeys();
  const issuer = new x509.X509Certificate(authority.certificate);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serial(random),
    subject: `CN=${commonName(names)}`,
    issuer: issuer.subject,
    notBefore: earlier(now),
    notAfter,
    publicKey: keys.publicKey,
    signingKey: await privateKeyOf(authority.key.reveal()),
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, ...(mutual ? [x509.ExtendedKeyUsage.clientAuth] : [])]),
      new x509.SubjectAlternativeNameExtension(names.map((name) => ({ type: isAddress(name) ? 'ip' : 'dns', value: name }))),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  });
  return { key: await privatePem(keys), certificate: pem(certificate), names, notAfter: notAfter.toISOString(), version };
}
