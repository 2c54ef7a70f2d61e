import 'reflect-metadata';
import { KeyObject, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

const day = 86_400_000;
const algorithms = {
  'P-256': { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  'RSA 2048': { name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' },
  'RSA 1024': { name: 'RSASSA-PKCS1-v1_5', modulusLength: 1024, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' },
  'Ed25519': { name: 'Ed25519' },
  'RSA SHA-1': { name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-1' },
} as const;
type KeyKind = keyof typeof algorithms;

interface Asked {
  readonly subject: string;
  readonly by?: Issued;
  readonly key?: KeyKind;
  readonly names?: readonly string[];
  /** Days from `now`. */
  readonly from?: number;
  readonly until?: number;
  readonly ca?: boolean;
  readonly uses?: readonly string[];
  readonly now: Date;
}

export interface Issued {
  readonly pem: string;
  readonly key: KeyObject;
  readonly keyPem: string;
  readonly subject: string;
  readonly kind: KeyKind;
  readonly signer: webcrypto.CryptoKey;
}

let serial = 0;

/** A certificate as an authority of a company would issue it; without `by` it signs itself. */
export async function issue({
  subject,
  by,
  key = 'P-256',
  names = [],
  from = -1,
  until = 90,
  ca = false,
  uses,
  now,
}: Asked): Promise<Issued> {
  const algorithm = algorithms[key];
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: `01${String((serial += 1)).padStart(6, '0')}`,
    subject: `CN=${subject}`,
    issuer: `CN=${by?.subject ?? subject}`,
    notBefore: new Date(now.getTime() + from * day),
    notAfter: new Date(now.getTime() + until * day),
    publicKey: keys.publicKey,
    signingKey: by?.signer ?? keys.privateKey,
    signingAlgorithm: algorithms[by?.kind ?? key],
    extensions: [
      new x509.BasicConstraintsExtension(ca, undefined, true),
      ...(uses ? [new x509.ExtendedKeyUsageExtension([...uses])] : []),
      ...(names.length > 0
        ? [new x509.SubjectAlternativeNameExtension(names.map((value) => ({ type: /^[\d.]+$/.test(value) ? 'ip' : 'dns', value })))]
        : []),
    ],
  });
  const own = KeyObject.from(keys.privateKey);
  return {
    pem: `${certificate.toString('pem').trimEnd()}\n`,
    key: own,
    keyPem: own.export({ type: 'pkcs8', format: 'pem' }).toString(),
    subject,
    kind: key,
    signer: keys.privateKey,
  };
}

export interface Company {
  readonly root: Issued;
  readonly intermediate: Issued;
  /** For shop.example.com, unless something else is asked for. */
  leaf: (more?: Partial<Asked>) => Promise<Issued>;
}

/** An authority of two storeys. */
export async function company(now: Date): Promise<Company> {
  const root = await issue({ subject: 'Company root', ca: true, until: 3650, now });
  const intermediate = await issue({ subject: 'Company servers', by: root, ca: true, until: 1000, now });
  return {
    root,
    intermediate,
    leaf: (more = {}) => issue({ subject: 'shop.example.com', by: intermediate, names: ['shop.example.com'], now, ...more }),
  };
}
