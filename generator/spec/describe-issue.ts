import { distance } from 'fastest-levenshtein';
import type { z } from 'zod';
import type { Problem } from '../../model/errors.ts';
import { joinPath } from './document.ts';
import type { Path, PlacedDocument } from './document.ts';

type Issue = z.core.$ZodIssue;

/** The nearest of `known` to what was typed, when it is near enough to be meant. */
export function suggest(typed: string, known: readonly string[]): string | undefined {
  if (typed.length > 100) return undefined;
  const letters = (text: string) => [...text.toLowerCase()].sort().join('');
  // Two letters in each other's place are one slip of the hand, though two edits.
  const ranked = known
    .map((name) => ({ name, away: letters(name) === letters(typed) ? 1 : distance(typed.toLowerCase(), name.toLowerCase()) }))
    .sort((a, b) => a.away - b.away);
  const best = ranked[0];
  return best && best.away <= (best.name.length < 5 ? 1 : Math.max(2, Math.floor(best.name.length / 3))) ? best.name : undefined;
}

const at = (value: unknown, path: Path): unknown =>
  path.reduce<unknown>(
    (found, part) => (typeof found === 'object' && found !== null ? (found as Record<PropertyKey, unknown>)[part] : undefined),
    value,
  );

/** What was found, short enough for one line and for eyes. */
function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (value !== null && typeof value === 'object') return 'a map';
  // What was pasted by mistake must not reach a log.
  if (typeof value === 'string' && value.includes('PRIVATE KEY')) return 'a private key';
  // Nor a name and a password before the host of an address.
  const text = JSON.stringify(typeof value === 'string' ? value.replace(/^.*:.*@(?!sha256:)/s, '…@') : value);
  return text.length > 60 ? `${text.slice(0, 57)}…"` : text;
}

/** One zod issue → problems with their place, what was expected and what was found. `keysAt` names the keys that the schema knows at a path. */
export function describeIssue(
  issue: Issue,
  document: PlacedDocument,
  file: string,
  keysAt: (path: Path) => readonly string[],
): readonly Problem[] {
  const place = (path: Path, key?: string) => ({
    file,
    ...document.locate(path, key),
    path: joinPath(document.origin(key === undefined ? path : [...path, key])),
  });
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({ ...place(issue.path, key), message: 'unknown key', ...hintFor(key, keysAt(issue.path)) }));
  if (issue.code === 'invalid_key') {
    const key = String(issue.path.at(-1));
    return [
      { ...place(issue.path.slice(0, -1), key), message: `${issue.issues[0]?.message ?? 'expected another name'}, got ${show(key)}` },
    ];
  }
  const inside = issue.code === 'invalid_union' ? issue.errors.find((issues) => issues.every(({ path }) => path.length > 0)) : undefined;
  // One form of several was meant: what is wrong inside it helps more than a list of the forms.
  if (inside) return inside.flatMap((inner) => describeIssue({ ...inner, path: [...issue.path, ...inner.path] }, document, file, keysAt));
  const found = at(document.value, issue.path);
  const message = expected(issue);
  if (found === undefined) return [{ ...place(issue.path), message: `missing: ${message}` }];
  return [
    {
      ...place(issue.path),
      message: `${message}, got ${show(found)}`,
      ...(issue.code === 'invalid_value' && typeof found === 'string' ? hintFor(found, issue.values.map(String)) : {}),
    },
  ];
}

const hintFor = (typed: string, known: readonly string[]): { hint?: string } => {
  const near = suggest(typed, known);
  if (near !== undefined) return { hint: `did you mean "${near}"?` };
  return known.length > 0 && known.length <= 40 ? { hint: `known here: ${known.join(', ')}` } : {};
};

function expected(issue: Issue): string {
  if (issue.message.startsWith('expected')) return issue.message;
  if (issue.code === 'invalid_type')
    return `expected ${({ object: 'a map', record: 'a map', array: 'a list', string: 'text', int: 'a whole number' } as Record<string, string>)[issue.expected] ?? issue.expected}`;
  return issue.message;
}
