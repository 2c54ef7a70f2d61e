import { damaged } from '../damage.ts';

/** A file of age as text, which is how one is kept that a person looks at. */
const begin = '-----BEGIN AGE ENCRYPTED FILE-----';
const end = '-----END AGE ENCRYPTED FILE-----';
const columns = 64;

export const isArmored = (text: string): boolean => text.trimStart().startsWith(begin);

export const toArmor = (file: Uint8Array): string =>
  `${[
    begin,
    ...(Buffer.from(file)
      .toString('base64')
      .match(new RegExp(`.{1,${columns}}`, 'g')) ?? []),
    end,
  ].join('\n')}\n`;

/** @throws BerthError `damaged`. */
export function fromArmor(text: string): Buffer {
  const lines = text
    .trim()
    .split('\n')
    .map((line) => line.replace(/\r$/, ''));
  const body = lines.slice(1, -1);
  const base64 = body.join('');
  const file = Buffer.from(base64, 'base64');
  const isWhole = body.every(
    (line, index) => line.length === columns || (index === body.length - 1 && line.length > 0 && line.length < columns),
  );
  if (lines[0] !== begin || lines.at(-1) !== end || !isWhole || file.toString('base64') !== base64)
    throw damaged('a file of age', 'its text cannot be read');
  return file;
}
