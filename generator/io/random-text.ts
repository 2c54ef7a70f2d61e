/** Gives `count` random bytes; `node:crypto`'s in production, a seeded one in tests. */
export type Random = (count: number) => Uint8Array;

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
/** The largest multiple of 62 in a byte: bytes from here on are drawn again, so that no letter is likelier than another. */
const fair = 248;

/** Letters and digits only: nothing that a shell, a URL, YAML or an env file could read as syntax. 32 of them hold 190 bits. */
export function drawText(length: number, random: Random): string {
  let text = '';
  while (text.length < length)
    for (const byte of random(length)) if (byte < fair && text.length < length) text += alphabet.charAt(byte % alphabet.length);
  return text;
}
