import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const day = 86_400_000;

interface Pair {
  readonly certificate: string;
  readonly key: string;
}

export interface Authority extends Pair {
  issue: (asked: {
    readonly name: string;
    /** What an API server takes for the groups of a user. */
    readonly groups?: readonly string[];
    readonly addresses?: readonly string[];
    readonly for: 'server' | 'client';
    /** Days from now. */
    readonly from?: number;
    readonly to?: number;
  }) => Promise<Pair>;
}

async function keyPem(keys: webcrypto.CryptoKeyPair): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  return `-----BEGIN PRIVATE KEY-----\n${der.replaceAll(/(.{64})(?=.)/g, '$1\n')}\n-----END PRIVATE KEY-----\n`;
}

const drawKeys = (): Promise<webcrypto.CryptoKeyPair> => webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
const after = (days: number): Date => new Date(Date.now() + days * day);
let drawn = 0;
const serial = (): string => `01${(drawn += 1).toString(16).padStart(6, '0')}`;

/** An authority for one test, and what it signs. */
export async function makeAuthority(name = 'cluster'): Promise<Authority> {
  const keys = await drawKeys();
  const own = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name: `CN=${name} authority`,
    notBefore: after(-30),
    notAfter: after(30),
    keys,
    signingAlgorithm: algorithm,
    extensions: [new x509.BasicConstraintsExtension(true, 0, true), await x509.SubjectKeyIdentifierExtension.create(keys.publicKey)],
  });
  return {
    certificate: own.toString('pem'),
    key: await keyPem(keys),
    issue: async ({ name, groups = [], addresses = [], for: use, from = -1, to = 10 }) => {
      const leaf = await drawKeys();
      const certificate = await x509.X509CertificateGenerator.create({
        serialNumber: serial(),
        subject: [`CN=${name}`, ...groups.map((group) => `O=${group}`)].join(', '),
        issuer: own.subject,
        notBefore: after(from),
        notAfter: after(to),
        publicKey: leaf.publicKey,
        signingKey: keys.privateKey,
        signingAlgorithm: algorithm,
        extensions: [
          new x509.ExtendedKeyUsageExtension([use === 'server' ? x509.ExtendedKeyUsage.serverAuth : x509.ExtendedKeyUsage.clientAuth]),
          ...(addresses.length > 0
            ? [
                new x509.SubjectAlternativeNameExtension(
                  addresses.map((value) => ({ type: /^\d+(\.\d+){3}$/.test(value) ? ('ip' as const) : ('dns' as const), value })),
                ),
              ]
            : []),
          await x509.AuthorityKeyIdentifierExtension.create(own.publicKey),
        ],
      });
      return { certificate: certificate.toString('pem'), key: await keyPem(leaf) };
    },
  };
}
