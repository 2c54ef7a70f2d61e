import type { KeyObject, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type { Problem } from '../../model/errors.ts';
import { chainOf, isSelfSigned, subjectOf } from './certificate-chain.ts';
import type { Chain } from './certificate-chain.ts';
import { complaint } from './supplied-files.ts';

const serverAuth = '1.3.6.1.5.5.7.3.1';
const curves = ['prime256v1', 'secp384r1', 'secp521r1'];
const leastRsa = 2048;

export interface SuppliedCertificate {
  readonly file: string;
  readonly keyFile: string;
  readonly certificates: readonly X509Certificate[];
  readonly key: KeyObject;
  readonly domain: string;
  readonly now: Date;
}

export interface CheckedCertificate {
  readonly leaf: X509Certificate;
  readonly chain: Chain;
  readonly problems: readonly Problem[];
}

function checkAlgorithm({ publicKey, signatureAlgorithm = '' }: X509Certificate, file: string): readonly Problem[] {
  const { asymmetricKeyType: type = 'unknown', asymmetricKeyDetails: details } = publicKey;
  const bits = details?.modulusLength ?? 0;
  const anew = 'make a key with `openssl ecparam -name prime256v1 -genkey -noout -out site.key`, and have a certificate issued for it';
  const weak = /md5|sha1/i.test(signatureAlgorithm)
    ? [complaint(file, `is signed with ${signatureAlgorithm}, which clients refuse`, 'have it issued again with SHA-256')]
    : [];
  if (type === 'rsa' && bits < leastRsa)
    return [...weak, complaint(file, `has an RSA key of ${bits} bits; clients want ${leastRsa} or more`, anew)];
  if (type === 'ec' && !curves.includes(details?.namedCurve ?? ''))
    return [...weak, complaint(file, `has a key on the curve ${details?.namedCurve ?? 'unknown'}, which browsers do not know`, anew)];
  if (type !== 'rsa' && type !== 'ec') return [...weak, complaint(file, `has a key of the kind ${type}, which browsers do not know`, anew)];
  return weak;
}

const date = (when: Date): string => when.toISOString().slice(0, 10);

function checkDates(certificate: X509Certificate, now: Date, file: string): readonly Problem[] {
  const name = subjectOf(certificate.subject);
  if (certificate.validToDate <= now)
    return [complaint(file, `${name} has expired on ${date(certificate.validToDate)}`, 'have it issued again, and import the new one')];
  if (certificate.validFromDate > now)
    return [
      complaint(
        file,
        `${name} is not valid before ${date(certificate.validFromDate)}`,
        'wait until then, or see whether the clock of this host is right (`berth doctor`)',
      ),
    ];
  return [];
}

function checkNames(leaf: X509Certificate, domain: string, file: string): readonly Problem[] {
  // The common name counts for no client any more.
  const covered = isIP(domain) === 0 ? leaf.checkHost(domain, { subject: 'never' }) : leaf.checkIP(domain);
  if (covered !== undefined) return [];
  const names = namesOf(leaf);
  return [
    complaint(
      file,
      `is not for ${domain}: ${names.length === 0 ? 'it has no names (subjectAltName)' : `it names ${names.join(', ')}`}`,
      `have it issued for ${domain}, or write the name it has as \`domain\` in berth.yaml and run \`berth generate\` first`,
    ),
  ];
}

function checkUse(leaf: X509Certificate, file: string): readonly Problem[] {
  // What `openssl req -x509` makes calls itself an authority.
  if (leaf.ca && !isSelfSigned(leaf))
    return [
      complaint(file, `${subjectOf(leaf.subject)} is the certificate of an authority`, 'name the certificate that was issued for the site'),
    ];
  const uses = leaf.keyUsage as readonly string[] | undefined;
  if (uses && uses.length > 0 && !uses.includes(serverAuth))
    return [
      complaint(
        file,
        'is not meant for servers (no serverAuth among its extended key usages)',
        'have it issued as a certificate of a TLS server',
      ),
    ];
  return [];
}

function checkChain({ sent, root }: Chain, file: string): readonly Problem[] {
  if (root) return [];
  const last = sent.at(-1);
  return [
    complaint(
      file,
      `the chain ends at ${subjectOf(last?.subject)}, issued by ${subjectOf(last?.issuer)}, which is not among the files`,
      'append that certificate to the file (`cat site.crt intermediate.crt > chain.crt`); name the root of a private authority with --ca FILE',
    ),
  ];
}

/** Names that a certificate is for, as it lists them: `shop.example.com`, `192.0.2.1`. */
export const namesOf = ({ subjectAltName = '' }: X509Certificate): readonly string[] =>
  [...subjectAltName.matchAll(/(?:DNS|IP Address):([^,\s]+)/g)].map(([, name = '']) => name);

/** Whether a certificate with its key will do for the site: every problem, each with its cure. `certificates` may be in any order. */
export function checkSupplied({
  file,
  keyFile,
  certificates,
  key,
  domain,
  now,
}: SuppliedCertificate): CheckedCertificate | { readonly problems: readonly Problem[] } {
  const leaf = certificates.find((one) => one.checkPrivateKey(key));
  const [first] = certificates;
  if (!leaf || !first) {
    const found = certificates.map(({ subject }) => subjectOf(subject)).join(', ');
    return {
      problems: [
        complaint(
          keyFile,
          `the key fits none of the certificates (${found})`,
          `compare what \`openssl pkey -in ${keyFile} -pubout\` and \`openssl x509 -in ${file} -noout -pubkey\` print: they must be the same`,
        ),
      ],
    };
  }
  const chain = chainOf(leaf, certificates);
  const used = chain.root && !chain.sent.includes(chain.root) ? [...chain.sent, chain.root] : chain.sent;
  return {
    leaf,
    chain,
    problems: [
      ...checkUse(leaf, file),
      ...checkNames(leaf, domain, file),
      ...checkAlgorithm(leaf, file),
      ...used.flatMap((one) => checkDates(one, now, file)),
      ...checkChain(chain, file),
    ],
  };
}
