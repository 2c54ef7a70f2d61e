/** The form in which age writes keys: BIP 173, without its bound on the length. Written here, as the one package that has it alone brings all other alphabets along. */
const alphabet = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';
const checksumLength = 6;
const generators = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];

/** @returns In small letters. */
export function toBech32(prefix: string, bytes: Uint8Array): string {
  const data = regroup(bytes, 8, 5, true) ?? [];
  const sum = remainder([...expanded(prefix), ...data, ...Array.from({ length: checksumLength }, () => 0)]) ^ 1;
  const checksum = Array.from({ length: checksumLength }, (_, index) => (sum >> (5 * (checksumLength - 1 - index))) & 31);
  return `${prefix}1${[...data, ...checksum].map((value) => alphabet.charAt(value)).join('')}`;
}

/** The bytes behind this prefix; nothing where the text is another one, or was mistyped. */
export function fromBech32(prefix: string, text: string): Uint8Array | undefined {
  const lower = text.toLowerCase();
  if (text !== lower && text !== text.toUpperCase()) return undefined;
  if (!lower.startsWith(`${prefix}1`)) return undefined;
  const values = Array.from(lower.slice(prefix.length + 1), (letter) => alphabet.indexOf(letter));
  if (values.length < checksumLength || values.includes(-1) || remainder([...expanded(prefix), ...values]) !== 1) return undefined;
  const bytes = regroup(values.slice(0, -checksumLength), 5, 8, false);
  return bytes && Uint8Array.from(bytes);
}

const expanded = (prefix: string): readonly number[] => {
  const codes = [...prefix].map((letter) => letter.charCodeAt(0));
  return [...codes.map((code) => code >> 5), 0, ...codes.map((code) => code & 31)];
};

/** Of the text as a polynomial: 1 for one that is as it was written. */
function remainder(values: readonly number[]): number {
  let sum = 1;
  for (const value of values) {
    const top = sum >> 25;
    sum = ((sum & 0x1ffffff) << 5) ^ value;
    for (const [bit, generator] of generators.entries()) if (((top >> bit) & 1) === 1) sum ^= generator;
  }
  return sum;
}

/** The same bits in groups of another size. @param pads - Fills the last group; otherwise what is left must be nothing but zeros. */
function regroup(values: Iterable<number>, from: number, to: number, pads: boolean): readonly number[] | undefined {
  const groups: number[] = [];
  let held = 0;
  let bits = 0;
  for (const value of values) {
    held = ((held << from) | value) & 0xfff;
    bits += from;
    while (bits >= to) {
      bits -= to;
      groups.push((held >> bits) & ((1 << to) - 1));
    }
  }
  const rest = held & ((1 << bits) - 1);
  if (pads) return bits === 0 ? groups : [...groups, rest << (to - bits)];
  return bits >= from || rest !== 0 ? undefined : groups;
}
