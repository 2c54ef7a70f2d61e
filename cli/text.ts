import type { Context } from './context.ts';

/** Rows as columns that line up; `right` names the columns of numbers. Nothing trails. */
export function table(rows: readonly (readonly string[])[], right: readonly number[] = [], indent = '  '): string {
  const widths = (rows[0] ?? []).map((_, index) => rows.reduce((most, row) => Math.max(most, [...(row[index] ?? '')].length), 0));
  const pad = (cell: string, index: number) =>
    right.includes(index)
      ? ' '.repeat((widths[index] ?? 0) - [...cell].length) + cell
      : cell + ' '.repeat((widths[index] ?? 0) - [...cell].length);
  return rows.map((row) => `${indent}${row.map(pad).join('  ')}`.trimEnd()).join('\n');
}

/** Break text at spaces to `width` columns; every line but the first is indented. */
export function wrap(text: string, width: number, indent: string): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = `${indent}${word}`;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].join('\n');
}

/** Break text to a column of `width` whose first line stands at its place already; the others are put there by `indent`. */
export const hang = (text: string, width: number, indent: string): string => wrap(text, width, '').replaceAll('\n', `\n${indent}`);

const codes = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const;

/** Colour where the terminal wants it, plain text elsewhere. */
export const paint =
  (color: boolean) =>
  (style: keyof typeof codes, text: string): string =>
    color ? `\u001b[${codes[style]}m${text}\u001b[0m` : text;

/** What a careful reader must know: a paragraph of its own. */
export const noteOf = (text: string, { color, columns }: Pick<Context, 'color' | 'columns'>): string =>
  `${paint(color)('yellow', 'note')}: ${hang(text, Math.min(columns, 110) - 6, '      ')}`;

/** A path as it must be typed in a shell. */
export const typed = (path: string): string =>
  /^[A-Za-z0-9_./~+,:@%][A-Za-z0-9_./~+,:@%-]*$/.test(path)
    ? path
    : `'${(path.startsWith('-') ? `./${path}` : path).replaceAll("'", `'\\''`)}'`;
