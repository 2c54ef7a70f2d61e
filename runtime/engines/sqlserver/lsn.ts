/**
 * A place in the log of a database: the number of its virtual log file, of a block of 512 bytes in it, and of a record in that. The server writes all three as one
 * decimal number here, and as three hexadecimal ones there.
 */
const blocks = 10n ** 15n;
const records = 10n ** 5n;

export const lsnForm = /^[0-9a-f]{8}:[0-9a-f]{8}:[0-9a-f]{4}$/i;

/** Reads either form. @throws RangeError for anything else. */
export function parseLsn(text: string): bigint {
  if (/^\d{1,25}$/.test(text)) return BigInt(text);
  if (!lsnForm.test(text)) throw new RangeError(`${text} is no place in a log`);
  const [file = 0n, block = 0n, record = 0n] = text.split(':').map((part) => BigInt(`0x${part}`));
  return file * blocks + block * records + record;
}

/** Of a backup that names no place: before everything. */
export const lsnOr0 = (text: string | null): bigint => (text === null ? 0n : parseLsn(text));
