type Plain = string | number | boolean | null | Plain[] | { [key: string]: Plain };

/** Nothing may hide in the text: no tab, no carriage return, no other control character, no mark that some reader takes for a line break. */
const strange = /[^\n\u0020-\u007e\u00a0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd]/;
const keyed = /^([A-Za-z_][A-Za-z0-9_./-]{0,99}):(?: +(.*))?$/;
/** Keys that YAML reads as something else than text, and the one that JavaScript would lose. */
const oddKey = /^(?:true|false|null|__proto__)$/i;
const quoted = /"(?:[^"\\]|\\["\\/bfnrt]|\\u(?![dD][89a-fA-F])[0-9a-fA-F]{4})*"/y;
const word = /[A-Za-z0-9_./$](?:[A-Za-z0-9_./$@+%~-]|:(?![ ,\]}]|$))*/y;
/** A variable of Compose; between brackets YAML would take its braces for a map. */
const variable = /\$\{[A-Z0-9_]+\}(?= |$)/y;
const number = /^(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,6})?$/;
const oddWord =
  /^(?:true|false|null|[-+]?(?:0x[0-9a-f]+|0o[0-7]+|[0-9]+|(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:e[-+]?[0-9]+)?|\.(?:inf|nan)))$/i;
const deepest = 20;

/** Thrown and caught in this file only. */
const notPlain = new Error('not plain YAML');
const giveUp = (): never => {
  throw notPlain;
};

/** What stands on one line: a word, a quoted text, or a list or map in brackets. */
class LineReader {
  readonly #text: string;
  #at = 0;
  constructor(text: string) {
    this.#text = text;
  }

  /** The only value of the line; nothing but a comment may follow it. */
  whole(): Plain {
    const value = this.#value(0);
    const rest = this.#text.slice(this.#at);
    return rest === '' || /^ +(?:#.*)?$/.test(rest) ? value : giveUp();
  }

  #value(depth: number): Plain {
    if (depth > deepest) giveUp();
    const first = this.#text[this.#at];
    if (first === '[') return this.#list(depth);
    if (first === '{') return this.#map(depth);
    if (first === '"') return JSON.parse(this.#take(quoted)) as string;
    if (depth === 0 && this.#text.startsWith('${')) return this.#take(variable);
    return wordValue(this.#take(word));
  }

  #list(depth: number): Plain[] {
    const items: Plain[] = [];
    for (let more = this.#open(']'); more; more = this.#next(']')) items.push(this.#value(depth + 1));
    return items;
  }

  #map(depth: number): Plain {
    const map: { [key: string]: Plain } = {};
    for (let more = this.#open('}'); more; more = this.#next('}')) {
      const key = this.#take(/[A-Za-z_][A-Za-z0-9_-]{0,99}(?=: )/y);
      this.#at += 1;
      this.#skip();
      add(map, key, this.#value(depth + 1));
    }
    return map;
  }

  /** Whether there is something between the brackets. */
  #open(end: string): boolean {
    this.#at += 1;
    this.#skip();
    return !this.#ends(end);
  }

  #next(end: string): boolean {
    this.#skip();
    if (this.#ends(end)) return false;
    if (this.#text[this.#at] !== ',') giveUp();
    this.#at += 1;
    this.#skip();
    return true;
  }

  #ends(end: string): boolean {
    if (this.#text[this.#at] !== end) return false;
    this.#at += 1;
    return true;
  }

  #skip(): void {
    while (this.#text[this.#at] === ' ') this.#at += 1;
  }

  #take(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found === undefined) return giveUp();
    this.#at += found.length;
    return found;
  }
}

function wordValue(text: string): Plain {
  if (text === 'true' || text === 'false') return text === 'true';
  if (number.test(text)) return Number(text);
  return oddWord.test(text) ? giveUp() : text;
}

function add(map: { [key: string]: Plain }, key: string, value: Plain): void {
  if (oddKey.test(key) || Object.hasOwn(map, key)) giveUp();
  map[key] = value;
}

interface Line {
  readonly indent: number;
  readonly text: string;
}

/** Lines that say something, with their indentation taken off; comments are dropped where they have a line of their own. */
function linesOf(text: string): Line[] {
  return text.split('\n').flatMap((line) => {
    const indent = line.search(/[^ ]|$/);
    return indent === line.length || line[indent] === '#' ? [] : [{ indent, text: line.slice(indent).replace(/ +$/, '') }];
  });
}

class BlockReader {
  readonly #lines: Line[];
  #at = 0;
  constructor(text: string) {
    this.#lines = linesOf(text);
  }

  document(): Plain {
    const value = this.#lines[0]?.indent === 0 && !this.#lines[0].text.startsWith('- ') ? this.#map(0, 0) : giveUp();
    return this.#at === this.#lines.length ? value : giveUp();
  }

  /** All keys that stand at this indentation. */
  #map(indent: number, depth: number): Plain {
    if (depth > deepest) giveUp();
    const map: { [key: string]: Plain } = {};
    for (let line = this.#lines[this.#at]; line !== undefined && line.indent >= indent; line = this.#lines[this.#at]) {
      const [, key, rest] = (line.indent === indent ? keyed.exec(line.text) : undefined) ?? giveUp();
      this.#at += 1;
      add(map, key ?? '', rest === undefined || rest.startsWith('#') ? this.#below(indent, depth) : new LineReader(rest).whole());
    }
    return map;
  }

  /** What is indented more than its key. A list at the indentation of its key is YAML, but not plain. */
  #below(indent: number, depth: number): Plain {
    const line = this.#lines[this.#at];
    if (line === undefined || line.indent < indent) return null;
    const item = line.text.startsWith('- ');
    if (line.indent === indent) return item ? giveUp() : null;
    return item ? this.#list(line.indent, depth + 1) : this.#map(line.indent, depth + 1);
  }

  #list(indent: number, depth: number): Plain[] {
    if (depth > deepest) giveUp();
    const items: Plain[] = [];
    for (let line = this.#lines[this.#at]; line !== undefined && line.indent >= indent; line = this.#lines[this.#at]) {
      if (line.indent !== indent || !line.text.startsWith('- ')) giveUp();
      const text = line.text.slice(2).replace(/^ +/, '');
      const inner = line.indent + line.text.length - text.length;
      if (keyed.test(text)) {
        // The first key of a map stands beside the dash; as if it stood on a line of its own.
        this.#lines[this.#at] = { indent: inner, text };
        items.push(this.#map(inner, depth + 1));
      } else {
        this.#at += 1;
        items.push(new LineReader(text).whole());
      }
    }
    return items;
  }
}

/**
 * Reads YAML of the plain kind that Berth itself writes and most people do: keys, words, whole and decimal numbers, double quotes, lists and maps.
 * A whole parser takes fifty milliseconds for a compose.yaml in a fresh process, this reader two.
 * @returns the value that every YAML 1.2 parser gives; `undefined` for a text that is wrong, or right and not plain: ask a whole parser then.
 */
export function readPlainYaml(text: string): unknown {
  if (strange.test(text)) return undefined;
  try {
    return new BlockReader(text).document();
  } catch (error) {
    if (error !== notPlain) throw error;
    return undefined;
  }
}
