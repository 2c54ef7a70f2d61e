import { quote } from './quote.ts';

/** What YAML can hold, without tags and anchors. `undefined` leaves a key out. */
export type Yaml = string | number | boolean | null | readonly Yaml[] | { readonly [key: string]: Yaml | undefined };

/** Text that every YAML reader takes for text as it stands. All else is quoted: no, 1.30, 0x1f, 12:30, ~, e0 and the like. */
const plain =
  /^(?!(?:true|false|yes|no|on|off|null|y|n|e-?[0-9]+)$)(?:[A-Za-z_/][A-Za-z0-9_./@-]*(?::[A-Za-z0-9_./@-]+)*|[1-9][0-9]*(?:m|Mi|Gi|Ti))$/i;

function scalar(value: string | number | boolean | null): string {
  if (typeof value !== 'string') return String(value);
  return plain.test(value) ? value : quote('yaml', value);
}

const isMap = (value: Yaml): value is { readonly [key: string]: Yaml | undefined } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isEmpty = (value: Yaml): boolean =>
  Array.isArray(value) ? value.length === 0 : isMap(value) && Object.values(value).every((inner) => inner === undefined);

/** Texts of several lines stand as they are, in a block: scripts and configurations stay readable. */
function block(value: string, indent: string): string | undefined {
  if (!value.includes('\n') || /[^\n\t\x20-\x7e\u00a1-\ud7ff]|\t|[ ]\n|^[ \n]/.test(value)) return undefined;
  const [text, chomp] = value.endsWith('\n') ? [value.slice(0, -1), ''] : [value, '-'];
  if (text.endsWith('\n')) return undefined;
  return `|${chomp}\n${text
    .split('\n')
    .map((line) => (line === '' ? '' : `${indent}${line}`))
    .join('\n')}`;
}

function write(value: Yaml, indent: string): string {
  if (typeof value === 'string') return block(value, indent) ?? scalar(value);
  if (typeof value !== 'object' || value === null) return scalar(value);
  if (isEmpty(value)) return Array.isArray(value) ? '[]' : '{}';
  if (Array.isArray(value))
    return (value as readonly Yaml[])
      .map((item) => {
        const text = write(item, `${indent}  `);
        return `- ${text}`;
      })
      .join(`\n${indent}`);
  return Object.entries(value)
    .flatMap(([key, inner]) => {
      if (inner === undefined) return [];
      const nested = typeof inner === 'object' && inner !== null && !isEmpty(inner);
      const inside = `${indent}  `;
      return [`${scalar(key)}:${nested ? `\n${inside}` : ' '}${write(inner, inside)}`];
    })
    .join(`\n${indent}`);
}

/** A value as block-style YAML, keys in the order given. */
export const writeYaml = (value: Yaml): string => `${write(value, '')}\n`;

export interface YamlDocument {
  /** Lines above it, without the #. */
  readonly comment?: string;
  readonly body: Yaml;
}

/** Several documents in one file, each under its comment. */
export const writeDocuments = (header: string, documents: readonly YamlDocument[]): string =>
  [
    ...(header === '' ? [] : [commented(header)]),
    ...documents.map(({ comment, body }) => `---\n${comment === undefined ? '' : commented(comment)}${writeYaml(body)}`),
  ].join('');

const commented = (text: string): string =>
  text
    .split('\n')
    .map((line) => (line === '' ? '#\n' : `# ${line}\n`))
    .join('');
