const name = String.raw`(?:${'`'}(?:[^${'`'}]|${'`'}${'`'})+${'`'}|"(?:[^"]|"")+"|[\w$\u0080-\uffff]+)`;
const qualified = String.raw`(${name}(?:\s*\.\s*${name})?)`;
const kinds =
  'TABLE|VIEW|DATABASE|SCHEMA|INDEX|TRIGGER|PROCEDURE|FUNCTION|PACKAGE\\s+BODY|PACKAGE|LIBRARY|EVENT|SEQUENCE|TABLESPACE|SERVER';
const made = new RegExp(
  String.raw`^(CREATE|ALTER|DROP|RENAME|TRUNCATE|ANALYZE|OPTIMIZE|REPAIR)\s+((?:(?:OR\s+REPLACE|TEMPORARY|UNIQUE|FULLTEXT|SPATIAL|AGGREGATE|UNDO|ONLINE|IGNORE|DEFINER\s*=\s*\S+|ALGORITHM\s*=\s*\w+|SQL\s+SECURITY\s+\w+|NO_WRITE_TO_BINLOG|LOCAL)\s+)*)(${kinds})S?(?:\s+IF\s+(?:NOT\s+)?EXISTS)?\s+`,
  'i',
);
const emptied = /^TRUNCATE\s+/i;
const changed =
  /^(INSERT|REPLACE|UPDATE|DELETE)\s+(?:(?:LOW_PRIORITY|DELAYED|HIGH_PRIORITY|QUICK|IGNORE)\s+)*(?:HISTORY\s+(?=FROM\b))?(?:(?:INTO|FROM)\s+)?/i;
/** Of a `DELETE` that says first whose rows go, often by other names that its tables have there. */
const deletedFrom = /^DELETE\s.*?\bFROM\s+/is;
const joined = /\b(?:STRAIGHT_)?JOIN\b|\bUSING\b/i;
/** Say nothing by themselves. */
const frames = /^(?:BEGIN|COMMIT|ROLLBACK|SAVEPOINT|START\s+TRANSACTION|XA)\b/i;
/** What is quoted, and what stands around a statement: comments, and the bounds of those that a server reads all the same. */
const asides =
  /('(?:[^'\\]|\\(?:.|$))*(?:'|$)|"(?:[^"\\]|\\(?:.|$))*(?:"|$)|`[^`]*(?:`|$))|\/\*M?!\d*|\*\/|\/\*.*?(?:\*\/|$)|--(?=\s)[^\n]*|#[^\n]*/gs;
const quotes = /'(?:[^'\\]|\\(?:.|$))*(?:'|$)|"(?:[^"\\]|\\(?:.|$))*(?:"|$)/gs;
/** Settings of MariaDB that hold for the statement behind them. */
const settings = /^SET\s+STATEMENT\s(?:'[^']*'|"[^"]*"|[^'"])*?\sFOR\s+/i;
const account = /^(CREATE|ALTER|DROP|RENAME)\s+(?:OR\s+REPLACE\s+)?(USER|ROLE)\b/i;
/** Objects that belong to no database. */
const global = /^(?:DATABASE|SCHEMA|TABLESPACE|SERVER)$/i;
const nextName = new RegExp(qualified, 'y');
const betweenNames = /\s*(?:,|(?:WAIT\s+\d+\s+|NOWAIT\s+)?TO\s)\s*/iy;
/** A second table in an `ALTER TABLE`: its new name, or the one with which a part changes places. */
const otherTable = new RegExp(
  String.raw`\b(?:RENAME\s+(?:(?:TO|AS)\s+|=\s*)?(?!(?:TO|AS|COLUMN|INDEX|KEY)\b)|(?:WITH|TO|CONVERT)\s+TABLE\s+)${qualified}`,
  'gi',
);
const partition = /\b(DROP|TRUNCATE)\s+PARTITION\b/i;
const indexed = new RegExp(String.raw`^\s+ON\s+${qualified}`, 'i');
/** Neither change a table nor remove one, whatever stands behind them. */
const harmless = /^(?:GRANT|REVOKE|SET|FLUSH|INSTALL|UNINSTALL|CREATE(?!\s+OR\s+REPLACE))\b/i;

interface Said {
  /** What it does, and to what, each ending with one name: `DROP TABLE shop.orders`. None of what only begins or ends a transaction. */
  readonly subjects: readonly string[];
  /** It may be about more than what is named. */
  readonly isVague: boolean;
}

const parts = (object: string): readonly string[] =>
  [...object.matchAll(new RegExp(name, 'g'))].map(([part]) => {
    const quote = part[0] ?? '';
    return quote === '`' || quote === '"' ? part.slice(1, -1).replaceAll(quote + quote, quote) : part;
  });

/** Names that stand one after the other, and what comes behind them. */
function namesIn(text: string): { readonly names: readonly string[]; readonly rest: string } {
  const names: string[] = [];
  let end = 0;
  for (let at = 0; ; at = betweenNames.lastIndex) {
    nextName.lastIndex = at;
    const [found] = nextName.exec(text) ?? [];
    if (found === undefined) break;
    names.push(found);
    betweenNames.lastIndex = end = nextName.lastIndex;
    if (!betweenNames.test(text)) break;
  }
  return { names, rest: text.slice(end) };
}

/**
 * What a statement does, and to what. Nothing else of it is given on, as anything may stand there: passwords, rows, people.
 *
 * @param schema - The database in which it was given.
 * @param isCut - Its end is not there.
 */
export function subjectsOf(text: string, schema: string, isCut = false): Said {
  const statement = text
    .replaceAll(asides, (_, quoted?: string) => quoted ?? ' ')
    .trim()
    .replace(settings, '');
  if (statement === '' || frames.test(statement)) return { subjects: [], isVague: false };
  const [whole, act = '', kind = ''] = account.exec(statement) ?? [];
  // Accounts are people.
  if (whole !== undefined) return { subjects: [wordsOf(`${act} ${kind}`)], isVague: false };
  const within = (object: string): string => {
    const names = parts(object);
    return (schema === '' || names.length > 1 ? names : [schema, ...names]).join('.');
  };
  const said = aboutObjects(statement, within, isCut) ?? aboutRows(statement, within, isCut);
  if (said !== undefined) return said;
  const [word] = /^[a-z]+/i.exec(statement) ?? [];
  return { subjects: [word?.toUpperCase() ?? 'another statement'], isVague: !harmless.test(statement) };
}

const wordsOf = (text: string): string => text.replaceAll(/\s+/g, ' ').toUpperCase();

function aboutObjects(statement: string, within: (object: string) => string, isCut: boolean): Said | undefined {
  const [opening, verb = '', modifiers = '', kind = ''] = made.exec(statement) ?? [];
  if (opening === undefined) return undefined;
  const { names, rest } = namesIn(statement.slice(opening.length));
  const kept = ['OR REPLACE', 'TEMPORARY'].filter((each) => wordsOf(` ${modifiers}`).includes(` ${each} `));
  const words = wordsOf([verb, ...kept, kind].join(' '));
  const [first] = names;
  if (first === undefined) return { subjects: [words], isVague: true };
  const isVague = isCut && /^(?:ALTER|DROP|RENAME)$/i.test(verb);
  if (words === 'ALTER TABLE') return { subjects: altered(names, rest, within), isVague };
  const [, table] = /^INDEX$/i.test(kind) ? (indexed.exec(rest) ?? []) : [];
  if (table !== undefined) return { subjects: [`${words} ${parts(first).join('.')} ON ${within(table)}`], isVague };
  return { subjects: names.map((each) => `${words} ${global.test(kind) ? parts(each).join('.') : within(each)}`), isVague };
}

/** Of changes that were logged as what was typed, and of tables that were emptied. */
function aboutRows(statement: string, within: (object: string) => string, isCut: boolean): Said | undefined {
  const [start, act = 'TRUNCATE'] = emptied.exec(statement) ?? changed.exec(statement) ?? [];
  if (start === undefined) return undefined;
  const [found] = /^DELETE$/i.test(act) && !/\bFROM\s+$/i.test(start) ? (deletedFrom.exec(statement) ?? []) : [];
  const { names, rest } = namesIn(statement.slice((found ?? start).length));
  const isAdding = /^(?:INSERT|REPLACE)$/i.test(act);
  const bare = rest.replaceAll(quotes, '');
  const areSeveral = joined.test(bare) || (/^UPDATE$/i.test(act) && /^.*?(?=\bSET\b|$)/is.exec(bare)?.[0].includes(',') === true);
  const mayBeOthers = !isAdding && (isCut || found !== undefined || areSeveral);
  const words = wordsOf(act);
  return {
    subjects: names.length === 0 ? [words] : names.map((each) => `${words} ${within(each)}`),
    isVague: names.length === 0 || mayBeOthers,
  };
}

function altered(names: readonly string[], rest: string, within: (object: string) => string): readonly string[] {
  // A comment of a table is a text like any other.
  const bare = rest.replaceAll(quotes, ' ');
  const [, act] = partition.exec(bare) ?? [];
  const others = [...bare.matchAll(otherTable)].flatMap(([, other]) => (other === undefined ? [] : [`ALTER TABLE ${within(other)}`]));
  return [...names.map((each) => `${act === undefined ? 'ALTER TABLE' : `${act.toUpperCase()} PARTITION`} ${within(each)}`), ...others];
}
