const name = String.raw`(?:${'`'}(?:[^${'`'}]|${'`'}${'`'})+${'`'}|[\w$\u0080-\uffff]+)`;
const qualified = String.raw`(${name}(?:\s*\.\s*${name})?)`;
const kinds = 'TABLE|VIEW|DATABASE|SCHEMA|INDEX|TRIGGER|PROCEDURE|FUNCTION|EVENT|SEQUENCE|TABLESPACE|USER|ROLE|SERVER';
const made = new RegExp(
  String.raw`^(CREATE|ALTER|DROP|RENAME|TRUNCATE|ANALYZE|OPTIMIZE|REPAIR)\s+(?:(?:OR\s+REPLACE|TEMPORARY|UNIQUE|FULLTEXT|SPATIAL|AGGREGATE|UNDO|DEFINER\s*=\s*\S+|ALGORITHM\s*=\s*\w+|SQL\s+SECURITY\s+\w+|NO_WRITE_TO_BINLOG|LOCAL)\s+)*(${kinds})S?\s+(?:IF\s+(?:NOT\s+)?EXISTS\s+)?${qualified}`,
  'i',
);
const emptied = new RegExp(String.raw`^(TRUNCATE)\s+${qualified}`, 'i');
const changed = new RegExp(
  String.raw`^(INSERT|REPLACE|UPDATE|DELETE)\s+(?:(?:LOW_PRIORITY|DELAYED|HIGH_PRIORITY|QUICK|IGNORE|INTO|FROM)\s+)*${qualified}`,
  'i',
);
/** Say nothing by themselves. */
const frames = /^(?:BEGIN|COMMIT|ROLLBACK|SAVEPOINT|START\s+TRANSACTION|XA)\b/i;
/** Comments before a statement. */
const comments = /^(?:\s+|\/\*(?!!).*?\*\/|--\s[^\n]*\n|#[^\n]*\n)+/s;
/** Objects that belong to no database. */
const global = /^(?:DATABASE|SCHEMA|TABLESPACE|USER|ROLE|SERVER)$/i;

const clean = (text: string): string =>
  text
    .split(/\s*\.\s*(?=(?:[^`]*`[^`]*`)*[^`]*$)/)
    .map((part) => (part.startsWith('`') ? part.slice(1, -1).replaceAll('``', '`') : part))
    .join('.');

/**
 * What a statement does, and to what: `DROP TABLE shop.orders`. Nothing else of it is given on, as anything may stand there: passwords, rows, people.
 *
 * @param schema - The database in which it was given.
 * @returns nothing for what only begins or ends a transaction.
 */
export function subjectOf(text: string, schema: string): string | undefined {
  const statement = text.replace(comments, '');
  if (frames.test(statement)) return undefined;
  const within = (object: string): string => {
    const cleaned = clean(object);
    return schema === '' || object.replaceAll(/`[^`]*`/g, '').includes('.') ? cleaned : `${schema}.${cleaned}`;
  };
  const [, verb, kind, object] = made.exec(statement) ?? [];
  if (verb !== undefined && kind !== undefined && object !== undefined) {
    const name = global.test(kind) ? clean(object) : within(object);
    // Accounts are people.
    return `${verb} ${kind}${/^(?:USER|ROLE)$/i.test(kind) ? '' : ` ${name}`}`.replace(/^\w+ \w+/, (words) => words.toUpperCase());
  }
  const [, act, table] = emptied.exec(statement) ?? changed.exec(statement) ?? [];
  if (act !== undefined && table !== undefined) return `${act.toUpperCase()} ${within(table)}`;
  const [word] = /^[a-z]+/i.exec(statement) ?? [];
  return word === undefined ? 'another statement' : word.toUpperCase();
}
