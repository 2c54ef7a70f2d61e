/** The formats Berth writes; each has its own way to make a value stand for itself and nothing else. */
export type Format =
  | 'compose'
  | 'yaml'
  | 'dotenv'
  | 'nginx'
  | 'postgres'
  | 'hba'
  | 'mycnf'
  | 'sql'
  | 'tsql'
  | 'valkey'
  | 'haproxy'
  | 'shell'
  | 'js'
  | 'markdown';

const refuse = (format: Format, value: string): never => {
  throw new Error(`no way to write ${JSON.stringify(value)} in a ${format} file; the spec should have refused it`);
};

/** A YAML double-quoted scalar: JSON's, with the characters escaped that YAML folds, forbids or takes for a byte order mark. */
const yaml = (value: string): string =>
  JSON.stringify(value).replaceAll(
    /[\u007f-\u00a0\u2028\u2029\ufeff\ufffe\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

const quoters: Readonly<Record<Format, (value: string) => string>> = {
  yaml,
  // Compose replaces $NAME after it has parsed the YAML; a doubled one stands for itself.
  compose: (value) => yaml(value).replaceAll('$', '$$$$'),
  // Compose's reader of .env knows escapes and variables inside double quotes, and none inside single ones.
  dotenv: (value) => (/^[A-Za-z0-9_.,:/@+-]*$/.test(value) ? value : /['\n\r\\]/.test(value) ? refuse('dotenv', value) : `'${value}'`),
  // nginx has no escape for $ at all, and control characters end a line of its log.
  nginx: (value) =>
    /[$\u0000-\u001f\u007f]/.test(value) ? refuse('nginx', value) : `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`,
  postgres: (value) =>
    /[\u0000-\u001f]/.test(value) ? refuse('postgres', value) : `'${value.replaceAll("'", "''").replaceAll('\\', '\\\\')}'`,
  // In pg_hba.conf quotes also take a name out of the reach of keywords such as all.
  hba: (value) => (/["\u0000-\u001f]/.test(value) ? refuse('hba', value) : `"${value}"`),
  // An option file of MySQL knows escapes with and without quotes, and no way to write a quote within its own kind for sure.
  mycnf: (value) =>
    /^[A-Za-z0-9_.,:/@+-]+$/.test(value)
      ? value
      : /["\u0000-\u001f]/.test(value)
        ? refuse('mycnf', value)
        : `"${value.replaceAll('\\', '\\\\')}"`,
  // Of MySQL and MariaDB, whose literals know escapes.
  sql: (value) => (/[\u0000-\u001f]/.test(value) ? refuse('sql', value) : `'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`),
  // Of SQL Server, whose literals know no escape but the doubled quote; control characters would end a line of its client.
  tsql: (value) => (/[\u0000-\u001f]/.test(value) ? refuse('tsql', value) : `N'${value.replaceAll("'", "''")}'`),
  valkey: (value) =>
    /[\u0000-\u001f]/.test(value) ? refuse('valkey', value) : `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`,
  // Single quotes hold all but themselves; a control character ends the line or the word.
  haproxy: (value) => (/['\u0000-\u001f]/.test(value) ? refuse('haproxy', value) : `'${value}'`),
  shell: (value) => (value.includes('\u0000') ? refuse('shell', value) : `'${value.replaceAll("'", `'\\''`)}'`),
  js: (value) => JSON.stringify(value),
  markdown: (value) => value.replaceAll(/([\\`*_[\]<>|])/g, '\\$1').replaceAll(/\s*\n\s*/g, ' '),
};

/** `value` as it must be typed in a file of `format` so that it is read back unchanged. */
export const quote = (format: Format, value: string | number | boolean): string => quoters[format](String(value));
