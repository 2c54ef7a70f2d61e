import { createHash } from 'node:crypto';

const digestOf = (...parts: readonly Uint8Array[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/** `length` bytes of a digest, repeated as often as it takes. */
const stretched = (digest: Buffer, length: number): Buffer =>
  Buffer.concat(Array.from({ length: Math.ceil(length / digest.length) }, () => digest)).subarray(0, length);

const alphabet = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** In which order bytes of the digest become characters: three of them, in three series that run through it, give four. */
const triples = Array.from({ length: 10 }, (_, index): readonly [number, number, number] => {
  const [a, b, c] = [index, 10 + index, 20 + index];
  return index % 3 === 0 ? [a, b, c] : index % 3 === 1 ? [c, a, b] : [b, c, a];
});

function encode(digest: Buffer): string {
  const characters = (value: number, count: number): string =>
    Array.from({ length: count }, (_, index) => alphabet[(value >> (6 * index)) & 63]).join('');
  const at = (index: number): number => digest[index] ?? 0;
  return triples.map(([a, b, c]) => characters((at(a) << 16) | (at(b) << 8) | at(c), 4)).join('') + characters((at(31) << 8) | at(30), 3);
}

/** SHA-256 crypt as Ulrich Drepper specified it in 2008, without its prefix: 43 characters. The salt may be longer than the 16 that the C library takes. */
export function sha256Crypt(password: string, salt: string, rounds: number): string {
  const [key, salted] = [Buffer.from(password), Buffer.from(salt)];
  const inner = digestOf(key, salted, key);
  const bits: Buffer[] = [];
  for (let length = key.length; length > 0; length >>= 1) bits.push(length & 1 ? inner : key);
  const first = digestOf(key, salted, stretched(inner, key.length), ...bits);
  const P = stretched(digestOf(...Array.from({ length: key.length }, () => key)), key.length);
  const S = stretched(digestOf(...Array.from({ length: 16 + (first[0] ?? 0) }, () => salted)), salted.length);
  let digest = first;
  for (let round = 0; round < rounds; round++) {
    const odd = round % 2 === 1;
    digest = digestOf(odd ? P : digest, ...(round % 3 === 0 ? [] : [S]), ...(round % 7 === 0 ? [] : [P]), odd ? digest : P);
  }
  return encode(digest);
}
