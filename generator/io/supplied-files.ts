import { X509Certificate, createPrivateKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Problem } from '../../model/errors.ts';
import { attempt } from './io-failure.ts';

/** Something that keeps a supplied file from being used, and the cure. */
export const complaint = (file: string, message: string, hint: string): Problem => ({ file, line: 0, column: 0, path: '', message, hint });

export type Supplied<T> = { readonly value: T } | { readonly problem: Problem };

/** @throws BerthError `io` when there is no such file. */
export const readSupplied = (file: string): Buffer => attempt(`read ${file}`, () => readFileSync(file));

const blocks = (text: string, label: RegExp): readonly string[] =>
  [...text.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----[^-]+-----END \1-----/g)]
    .filter(([, name = '']) => label.test(name))
    .map(([block]) => block);

/** A sequence of ASN.1, which is what a file holds that is no text. */
const isDer = (bytes: Buffer): boolean => bytes[0] === 0x30;

/** Every certificate of a file, in its order. */
export function parseCertificates(file: string, bytes: Buffer): Supplied<readonly X509Certificate[]> {
  const found = blocks(bytes.toString('latin1'), /^(?:X509 |TRUSTED )?CERTIFICATE$/);
  if (found.length === 0)
    return {
      problem: isDer(bytes)
        ? complaint(
            file,
            'is binary (DER or PKCS #12), and PEM is wanted',
            `convert it: \`openssl x509 -inform der -in ${file} -out ${file}.pem\`, or \`openssl pkcs12 -in ${file} -nodes -out ${file}.pem\` when it is a .p12 or .pfx`,
          )
        : complaint(file, 'holds no certificate', 'name the file that has `-----BEGIN CERTIFICATE-----` in it'),
    };
  try {
    return { value: found.map((block) => new X509Certificate(block)) };
  } catch {
    return {
      problem: complaint(file, 'holds a certificate that cannot be read', `see what \`openssl x509 -noout -text -in ${file}\` says of it`),
    };
  }
}

const encrypted = /BEGIN ENCRYPTED PRIVATE KEY|^Proc-Type: 4,ENCRYPTED/m;

/** The one key of a file. */
export function parseKey(file: string, bytes: Buffer): Supplied<KeyObject> {
  const text = bytes.toString('latin1');
  if (encrypted.test(text))
    return {
      problem: complaint(
        file,
        'is encrypted: the edge has nobody who would type its passphrase',
        `decrypt it: \`openssl pkey -in ${file} -out ${file}.plain\`, and name that file; remove it once it is imported`,
      ),
    };
  const [key, another] = blocks(text, /PRIVATE KEY$/);
  if (key === undefined)
    return {
      problem: isDer(bytes)
        ? complaint(file, 'is binary (DER), and PEM is wanted', `convert it: \`openssl pkey -inform der -in ${file} -out ${file}.pem\``)
        : complaint(file, 'holds no private key', 'name the file that has `-----BEGIN PRIVATE KEY-----` in it'),
    };
  if (another !== undefined)
    return { problem: complaint(file, 'holds more than one private key', 'leave the one that belongs to the certificate') };
  try {
    return { value: createPrivateKey(key) };
  } catch {
    return { problem: complaint(file, 'holds a key that cannot be read', `see what \`openssl pkey -noout -in ${file}\` says of it`) };
  }
}
