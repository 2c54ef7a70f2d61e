import * as z from 'zod';
import type { Problem } from '../../model/errors.ts';
import { readPlainYaml } from '../../model/plain-yaml.ts';
import { writtenSpec } from '../../model/written-spec.ts';
import type { StackSpec } from '../../model/stack-spec.ts';
import { checkReferences, readable } from './check-references.ts';
import type { Finding } from './finding.ts';
import { describeIssue } from './describe-issue.ts';
import { decodeText, joinPath, parsePlaced } from './document.ts';
import type { PlacedDocument } from './document.ts';
import { knownKeys } from './known-keys.ts';
import { resolveSpec } from './resolve.ts';

/** A document that was read, or every reason why it cannot be. */
export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problems: readonly Problem[] };

const failed = (problems: readonly Problem[]): { readonly ok: false; readonly problems: readonly Problem[] } => ({ ok: false, problems });

/** More than this many problems are one: the file is of another kind. */
const most = 200;

/** Problems in the order a person reads the file. */
function inOrder(problems: readonly Problem[]): readonly Problem[] {
  const sorted = [...problems].sort((a, b) => a.line - b.line || a.column - b.column);
  const [next] = sorted.slice(most);
  return next
    ? [
        ...sorted.slice(0, most),
        { ...next, path: '', message: `${sorted.length - most} more problems from here on`, hint: 'check that this is the file you meant' },
      ]
    : sorted;
}

const placeFinding = (finding: Finding, document: PlacedDocument, file: string): Problem => ({
  file,
  ...document.locate(finding.path, finding.key),
  path: joinPath(finding.key === undefined ? finding.path : [...finding.path, finding.key]),
  message: finding.message,
  ...(finding.hint ? { hint: finding.hint } : {}),
});

/**
 * Bytes → a value that fits the schema and passes `check`, or all problems with their places.
 * `salvage` makes of a value that does not fit the schema what `check` can still read, so that one run shows both kinds of problems.
 */
export function parseDocumentAs<S extends z.ZodType>(
  bytes: Uint8Array,
  file: string,
  schema: S,
  check: (value: z.infer<S>) => readonly Finding[],
  salvage?: (value: unknown) => z.infer<S>,
): Parsed<z.infer<S>> {
  const text = decodeText(bytes, file);
  if (typeof text !== 'string') return failed([text]);
  const plain = schema.safeParse(readPlainYaml(text));
  // Places are for problems: without any, nobody asks where a value stands.
  if (plain.success && check(plain.data).length === 0) return { ok: true, value: plain.data };
  const document = parsePlaced(text, file);
  if (!('value' in document)) return failed(document);
  const result = schema.safeParse(document.value);
  const findings = (value: z.infer<S>) => check(value).map((finding) => placeFinding(finding, document, file));
  if (!result.success) {
    const keysAt = knownKeys(schema);
    const problems = [
      ...result.error.issues.flatMap((issue) => describeIssue(issue, document, file, keysAt)),
      ...(salvage ? findings(salvage(document.value)) : []),
    ];
    // One problem for a value: who mends the first sees whether there is another.
    return failed(inOrder([...new Map([...problems].reverse().map((problem) => [problem.path, problem])).values()].reverse()));
  }
  const found = findings(result.data);
  return found.length > 0 ? failed(inOrder(found)) : { ok: true, value: result.data };
}

/** berth.yaml → the resolved spec, or every problem at once. */
export function parseSpec(bytes: Uint8Array, file: string): Parsed<StackSpec> {
  const parsed = parseDocumentAs(bytes, file, writtenSpec, checkReferences, readable);
  return parsed.ok ? { ok: true, value: resolveSpec(parsed.value) } : parsed;
}
