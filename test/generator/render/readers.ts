/**
 * How the programs that read Berth's files take a quoted word: each reader does what its program's own lexer does, named above it,
 * and throws where the word ends early or goes on.
 */
type Reader = (word: string) => string;

/** Reads from an opening quote to its closing one. `escape` answers what stands for the characters after a backslash, and how many they were. */
function quoted(word: string, mark: string, escape: (rest: string) => readonly [text: string, length: number] | undefined): string {
  if (!word.startsWith(mark)) throw new Error(`${word} does not begin with ${mark}`);
  let text = '';
  for (let at = 1; at < word.length;) {
    const found = escape(word.slice(at));
    if (found) {
      text += found[0];
      at += found[1];
      continue;
    }
    if (word.startsWith(mark, at)) {
      if (at !== word.length - 1) throw new Error(`${word} goes on after its closing quote`);
      return text;
    }
    text += word.charAt(at);
    at += 1;
  }
  throw new Error(`${word} is not closed`);
}

/** ngx_conf_read_token in src/core/ngx_conf_file.c, then the variables of its values: a $ begins one, always. */
export const readNginx: Reader = (word) => {
  const text = quoted(word, '"', (rest) => {
    if (!rest.startsWith('\\')) return undefined;
    const next = rest.charAt(1);
    if ('"\'\\'.includes(next)) return [next, 2];
    return { t: ['\t', 2] as const, r: ['\r', 2] as const, n: ['\n', 2] as const }[next] ?? ['\\', 1];
  });
  if (text.includes('$')) throw new Error('a variable');
  return text;
};

/** DeescapeQuotedString in src/backend/utils/misc/guc-file.l: '' and backslash escapes, octal ones included. Ends at the line. */
export const readPostgres: Reader = (word) => {
  if (word.includes('\n')) throw new Error('two lines');
  return quoted(word, "'", (rest) => {
    if (rest.startsWith("''")) return ["'", 2];
    if (!rest.startsWith('\\')) return undefined;
    const octal = /^\\([0-7]{1,3})/.exec(rest);
    if (octal) return [String.fromCharCode(Number.parseInt(octal[1] ?? '', 8)), octal[0].length];
    const next = rest.charAt(1);
    return [{ b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }[next] ?? next, 2];
  });
};

/** find_end_comment and search_default_file_with_ext in mysys/my_default.cc: a comment ends a line outside quotes, the outer quotes go, escapes are read. */
export const readOptionFile: Reader = (word) => {
  if (/[\n\r]/.test(word)) throw new Error('two lines');
  let open = '';
  for (let at = 0; at < word.length; at++) {
    const character = word.charAt(at);
    if (open !== '' && character === '\\') at += 1;
    else if (character === '#' && open === '') throw new Error('a comment');
    else if (`"'`.includes(character)) open = open === '' ? character : open === character ? '' : open;
  }
  const bare = /^(["']).*\1$/s.test(word) ? word.slice(1, -1) : word.trim();
  return bare.replaceAll(
    /\\(.)/gs,
    (found, next: string) => ({ 'n': '\n', 't': '\t', 'r': '\r', 'b': '\b', 's': ' ', '"': '"', "'": "'", '\\': '\\' })[next] ?? found,
  );
};

/** get_text in sql/sql_lex.cc: '' and backslash escapes; one that means nothing stands for its character. */
export const readSql: Reader = (word) =>
  quoted(word, "'", (rest) => {
    if (rest.startsWith("''")) return ["'", 2];
    if (!rest.startsWith('\\')) return undefined;
    const next = rest.charAt(1);
    return [{ 0: '\u0000', b: '\b', n: '\n', r: '\r', t: '\t', Z: '\u001a' }[next] ?? next, 2];
  });

/** next_token in src/backend/libpq/hba.c: everything between two quotes, without any escape. */
export const readHba: Reader = (word) => {
  if (word.includes('\n')) throw new Error('two lines');
  return quoted(word, '"', () => undefined);
};

/** sdssplitargs in src/sds.c, inside double quotes. */
export const readValkey: Reader = (word) => {
  if (word.includes('\n')) throw new Error('two lines');
  return quoted(word, '"', (rest) => {
    if (!rest.startsWith('\\')) return undefined;
    const hex = /^\\x([0-9a-fA-F]{2})/.exec(rest);
    if (hex) return [String.fromCharCode(Number.parseInt(hex[1] ?? '', 16)), 4];
    const next = rest.charAt(1);
    return [{ n: '\n', r: '\r', t: '\t', b: '\b', a: '\u0007' }[next] ?? next, 2];
  });
};

/** parse_line in src/tools.c, inside single quotes: everything up to the next one. */
export const readHaproxy: Reader = (word) => {
  if (word.includes('\n')) throw new Error('two lines');
  return quoted(word, "'", () => undefined);
};

/** compose-go/dotenv: single quotes hold all but themselves and a backslash, which its parser takes for an escape; without quotes a value ends at a blank and knows variables. */
export const readDotenv: Reader = (word) => {
  if (word.startsWith("'")) {
    if (/[\\\n]/.test(word)) throw new Error('read in its own way');
    return quoted(word, "'", () => undefined);
  }
  if (/[\s$#"'\\]/.test(word)) throw new Error('read in its own way');
  return word;
};

/** Interpolation of compose-go/template, with no variable set: $$ is a dollar, anything else after one is a variable. */
export const readInterpolated: Reader = (text) =>
  text.replaceAll(/\$\$|\$/g, (found) => {
    if (found === '$') throw new Error('a variable');
    return '$';
  });

/** Backslash escapes of CommonMark; what would be markup in a table or a list must be escaped. */
export const readMarkdown: Reader = (text) => {
  if (text.includes('\n') || /(?<!\\)(?:\\\\)*[`*_[\]<>|]/.test(` ${text}`.replaceAll(/\\[\\`*_[\]<>|]/g, ''))) throw new Error('markup');
  return text.replaceAll(/\\([\\`*_[\]<>|])/g, '$1');
};
