import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import type { Artifact } from '../../model/artifact.ts';
import type { CertificatePiece, SecretFile, SecretForm } from '../../model/planned-secret.ts';
import type { Plan } from '../../model/plan.ts';
import { tlsFiles } from './certificates.ts';
import { askedSecret, formatLedger, ledgerPath, revealText } from './ledger.ts';
import type { Ledger } from './ledger.ts';
import { sha256Crypt } from './sha256-crypt.ts';

/** RFC 5803 with PostgreSQL's default of 4096 rounds. The salt comes from the password itself, which holds 190 random bits, so that the same ledger gives the same file. */
function scramVerifier(password: string, account: string): string {
  const salt = createHash('sha256').update(`berth scram salt\0${account}\0${password}`).digest().subarray(0, 16);
  const salted = pbkdf2Sync(password, salt, 4096, 32, 'sha256');
  const hmac = (text: string) => createHmac('sha256', salted).update(text).digest();
  const storedKey = createHash('sha256').update(hmac('Client Key')).digest('base64');
  return `SCRAM-SHA-256$4096:${salt.toString('base64')}$${storedKey}:${hmac('Server Key').toString('base64')}`;
}

/** As MySQL stores a password: rounds in thousands, a salt of 20 characters, SHA-256 crypt. The salt comes from the password, for the same reason. */
function cachingSha2Verifier(password: string): string {
  const salt = createHash('sha256').update(`berth caching_sha2 salt\0${password}`).digest('base64url').slice(0, 20);
  return `$A$005$${salt}${sha256Crypt(password, salt, 5000)}`;
}

/** The hash of the hash: what a client proves that it knows is the inner one, which nobody can make of this. */
function nativeVerifier(password: string): string {
  const inner = createHash('sha1').update(password).digest();
  return `*${createHash('sha1').update(inner).digest('hex').toUpperCase()}`;
}

/** As SQL Server 2012 to 2022 store a password: a version, a salt of four bytes, SHA-512 of the password in UTF-16 and the salt. The salt comes from the password, as above. */
function mssqlVerifier(password: string): string {
  const salt = createHash('sha256').update(`berth mssql salt\0${password}`).digest().subarray(0, 4);
  const digest = createHash('sha512').update(Buffer.from(password, 'utf16le')).update(salt).digest('hex');
  return `0x0200${salt.toString('hex')}${digest}`;
}

const shape: Readonly<Record<SecretForm, (value: string, account: string) => string>> = {
  'plain': (value) => value,
  // A line of its file of users: whoever does not count is not in it.
  'pgbouncer-user': (value, account) => `"${account}" "${scramVerifier(value, account)}"\n`,
  'sha256': (value) => createHash('sha256').update(value).digest('hex'),
  'scram-sha-256': scramVerifier,
  'caching-sha2': cachingSha2Verifier,
  'mysql-native': nativeVerifier,
  'mssql': mssqlVerifier,
};

const secretFile = (path: string, content: string, mode: Artifact['mode']): Artifact => ({ path, content, mode, policy: 'secret' });

function certificateText(piece: CertificatePiece, { authority, servers }: Ledger): string {
  const root = authority?.certificate ?? '';
  if (piece.part === 'authority') return root;
  const pair = servers?.get(piece.server);
  if (pair === undefined) throw new Error(`${piece.server} has no certificate`);
  return piece.part === 'key' ? pair.key.reveal() : pair.certificate + root;
}

/** A file whose secret has not been supplied yet, or does not count any more, is there and empty: what mounts it would not start otherwise, and says itself what it misses. */
export function textOf(file: SecretFile, ledger: Ledger): string {
  return file.text
    .map((piece) => {
      if (typeof piece === 'string') return piece;
      if ('part' in piece) return certificateText(piece, ledger);
      const value = askedSecret(ledger, piece.secret, piece.version)?.reveal();
      return value === undefined ? '' : shape[piece.form](value, piece.account ?? '');
    })
    .join('');
}

/**
 * Two files cannot change at the same moment, and a handshake in between would be given a key that does not belong to its certificate. So the key is named
 * after its certificate, and templates/nginx/certificate.js looks for it by that. By its name it also is in place before `site.crt`.
 */
export const keyFileOf = (chain: string): string => `secrets/tls/site-${createHash('sha256').update(chain).digest('hex').slice(0, 16)}.key`;

const certificateFile = 'secrets/tls/site.crt';
const keyFile = /^secrets\/tls\/site-[0-9a-f]{16}\.key$/;

/**
 * The key of the certificate before, as it lies there: a handshake that has read that certificate asks for it a moment later, on a busy host after the run that
 * wrote the new one. It goes when the certificate changes once more.
 *
 * @param current - The files of the site by their paths.
 */
export function formerKey(ledger: Ledger, current: ReadonlyMap<string, string>): readonly Artifact[] {
  const [chain, served] = [tlsFiles(ledger)?.chain, current.get(certificateFile)];
  if (chain === undefined || served === undefined) return [];
  const own = keyFileOf(chain);
  const kept = served === chain ? [...current.keys()].filter((path) => keyFile.test(path) && path !== own) : [keyFileOf(served)];
  return kept.flatMap((path) => {
    const key = current.get(path);
    return key === undefined ? [] : [secretFile(path, key, 0o444)];
  });
}

/** What an env file takes as it is; everything else stands in single quotes, in which Compose replaces nothing. */
const plainValue = /^[A-Za-z0-9_.,:;/@+=?&%~*-]*$/;

/**
 * secrets/: mounted files are 0444 in a folder that only the operator may enter, so that a container of any uid reads them and nobody else on the host does;
 * env files and the ledger, which only Compose and Berth read, are 0600.
 */
export function renderSecretFiles(plan: Plan, ledger: Ledger): readonly Artifact[] {
  const envFiles = plan.services
    .filter((service) => Object.keys(service.secretEnv).length > 0)
    .map((service) => {
      const lines = Object.entries(service.secretEnv).flatMap(([name, text]) => {
        const value = revealText(text, ledger);
        return value === undefined ? [] : [`${name}=${plainValue.test(value) ? value : `'${value}'`}\n`];
      });
      return secretFile(`secrets/${service.name}.env`, lines.join(''), 0o600);
    });
  const files = tlsFiles(ledger);
  const tls = files
    ? [
        secretFile('secrets/tls/ca.crt', files.root, 0o444),
        secretFile(certificateFile, files.chain, 0o444),
        secretFile(keyFileOf(files.chain), files.key, 0o444),
      ]
    : [];
  return [
    ...plan.secretFiles.map((file) => secretFile(`secrets/${file.name}`, textOf(file, ledger), 0o444)),
    ...envFiles,
    ...tls,
    secretFile(ledgerPath, formatLedger(ledger), 0o600),
  ];
}
