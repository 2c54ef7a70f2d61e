import type { KeyObject } from 'node:crypto';
import type { Bytes } from '../../streams/blocks.ts';
import { ByteReader } from '../../streams/byte-reader.ts';
import { damaged } from '../damage.ts';
import { checkSum, formatHeader, headerOf, hkdf, readHeader, type Stanza } from './header.ts';
import { chunkBytes, decryptPayload, encryptPayload, nonceBytes, openChunk, sealChunk, tagBytes } from './payload.ts';
import { fileKeyBytes, unwrapWithKey, unwrapWithPassphrase, usualWork, wrapForKey, wrapForPassphrase } from './wraps.ts';

/** Random bytes, fit for keys. */
type Random = (bytes: number) => Uint8Array;

/** A file of age, version 1, for the holder of one key: what `age -d -i KEY` opens. Memory is flat at any length. */
export async function* encryptFor(recipient: KeyObject, source: Bytes, random: Random): AsyncGenerator<Uint8Array> {
  const fileKey = random(fileKeyBytes);
  yield formatHeader([wrapForKey(fileKey, recipient, random)], fileKey);
  yield* encryptPayload(source, fileKey, random);
}

/** The way back. @throws BerthError `damaged` for anything that is not such a file, to its end, for this key. */
export async function* decryptWith(identity: KeyObject, source: Bytes): AsyncGenerator<Uint8Array> {
  await using reader = new ByteReader(source);
  const header = await readHeader(reader);
  const fileKey = unwrapWithKey(header.stanzas, identity);
  if (fileKey === undefined) throw damaged('a file of age', 'it was not made for this key');
  checkSum(header, fileKey);
  yield* decryptPayload(reader, fileKey);
}

/** The same for a key or a line or two, which are one chunk. */
export const wrapFor = (recipient: KeyObject, plain: Uint8Array, random: Random): Buffer =>
  small(plain, (fileKey) => wrapForKey(fileKey, recipient, random), random);

/** Nothing where it was not made for this key. */
export const unwrapFor = (identity: KeyObject, file: Buffer): Buffer | undefined =>
  openSmall(file, (stanzas) => unwrapWithKey(stanzas, identity));

/** For whoever knows the passphrase, as `age -p` does it. @param work - The logarithm of the rounds of scrypt. */
export const lock = (passphrase: string, plain: Uint8Array, random: Random, work = usualWork): Buffer =>
  small(plain, (fileKey) => wrapForPassphrase(fileKey, passphrase, work, random), random);

/** Nothing for another passphrase. */
export const unlock = (passphrase: string, file: Buffer): Buffer | undefined =>
  openSmall(file, (stanzas) => unwrapWithPassphrase(stanzas, passphrase));

function small(plain: Uint8Array, wrap: (fileKey: Uint8Array) => Stanza, random: Random): Buffer {
  if (plain.length > chunkBytes) throw new RangeError(`${plain.length} bytes are more than one chunk of age`);
  const fileKey = random(fileKeyBytes);
  const nonce = random(nonceBytes);
  const head = formatHeader([wrap(fileKey)], fileKey);
  return Buffer.concat([head, nonce, ...sealChunk(hkdf(fileKey, nonce, 'payload'), 0, true, [plain])]);
}

function openSmall(file: Buffer, unwrap: (stanzas: readonly Stanza[]) => Buffer | undefined): Buffer | undefined {
  const { header, end } = headerOf(file);
  const fileKey = unwrap(header.stanzas);
  if (fileKey === undefined) return undefined;
  checkSum(header, fileKey);
  const nonce = file.subarray(end, end + nonceBytes);
  const sealed = file.subarray(end + nonceBytes);
  if (sealed.length > chunkBytes + tagBytes) throw damaged('a file of age', 'it is longer than a key can be');
  return Buffer.from(openChunk(hkdf(fileKey, nonce, 'payload'), 0, true, sealed));
}
