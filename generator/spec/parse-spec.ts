import * as z from 'zod';
import type { Problem } from '../../model/errors.ts';
import { readPlainYaml } from '../../model/plain-yaml.ts';
import { writtenSpec } from '../../model/written-spec.ts';
import type { StackSpec } from '../../model/stack-spec.ts';
import { checkReferences } from './check-references.ts';
import { readable } from './readable.ts';
import { layersOf } from './environments.ts';
import type { Layer, Layers } from './environments.ts';
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

const placeFinding = (finding: Finding, document: PlacedDocument, file: string): Problem => {
  const whole = document.origin(finding.key === undefined ? finding.path : [...finding.path, finding.key]);
  return {
    file,
    ...(finding.key === undefined ? document.locate(finding.path) : document.locate(finding.path, finding.key)),
    path: joinPath(whole),
    message: finding.message,
    ...(finding.hint ? { hint: finding.hint } : {}),
  };
};

/** One of several forms that a document has. */
const throughLayer = (document: PlacedDocument, { value, origin }: Layer): PlacedDocument => ({
  value,
  origin,
  locate: (path, key) => {
    if (key === undefined) return document.locate(origin(path));
    const whole = origin([...path, key]);
    return document.locate(whole.slice(0, -1), String(whole.at(-1)));
  },
});

const asItStands = (value: unknown): Layers => ({ chosen: { value, origin: (path) => path }, others: [], findings: [] });

/**
 * Bytes → a value that fits the schema and passes `check`, or all problems with their places.
 * `salvage` makes of a value that does not fit the schema what `check` can still read, so that one run shows both kinds of problems.
 * `layers` are the forms that the document has: all have to be sound, one is given back.
 */
export function parseDocumentAs<S extends z.ZodType>(
  bytes: Uint8Array,
  file: string,
  schema: S,
  check: (value: z.infer<S>) => readonly Finding[],
  salvage?: (value: unknown) => z.infer<S>,
  layers: (value: unknown) => Layers = asItStands,
): Parsed<z.infer<S>> {
  const text = decodeText(bytes, file);
  if (typeof text !== 'string') return failed([text]);
  const sound = soundValue(readPlainYaml(text), schema, check, layers);
  // Places are for problems: without any, nobody asks where a value stands.
  if (sound) return { ok: true, value: sound.value };
  const document = parsePlaced(text, file);
  if (!('value' in document)) return failed(document);
  const { chosen, others, findings } = layers(document.value);
  const problemsOf = (layer: Layer): readonly Problem[] => {
    const placed = throughLayer(document, layer);
    const result = schema.safeParse(layer.value);
    const found = (value: z.infer<S>) => check(value).map((finding) => placeFinding(finding, placed, file));
    if (result.success) return found(result.data);
    const keysAt = knownKeys(schema);
    return [
      ...result.error.issues.flatMap((issue) => describeIssue(issue, placed, file, keysAt)),
      ...(salvage ? found(salvage(layer.value)) : []),
    ];
  };
  const problems = [
    ...findings.map((finding) => placeFinding(finding, document, file)),
    ...problemsOf(chosen),
    // Of what is not chosen, only what its own lines bring about.
    ...others.flatMap((layer) => problemsOf(layer).filter(({ path }) => path.startsWith('environments.'))),
  ];
  // One problem for a value: who mends the first sees whether there is another.
  if (problems.length > 0)
    return failed(inOrder([...new Map([...problems].reverse().map((problem) => [problem.path, problem])).values()].reverse()));
  const value = schema.safeParse(chosen.value);
  return value.success ? { ok: true, value: value.data } : failed([]);
}

/** The value of a document in which nothing is wrong, in any of its forms. */
function soundValue<S extends z.ZodType>(
  plain: unknown,
  schema: S,
  check: (value: z.infer<S>) => readonly Finding[],
  layers: (value: unknown) => Layers,
): { readonly value: z.infer<S> } | undefined {
  const { chosen, others, findings } = layers(plain);
  if (findings.length > 0) return undefined;
  const [first, ...rest] = [chosen, ...others].map(({ value }) => schema.safeParse(value));
  const good = [first, ...rest].every((result) => result?.success === true && check(result.data).length === 0);
  return good && first?.success === true ? { value: first.data } : undefined;
}

/** berth.yaml → the resolved spec, or every problem at once. */
export function parseSpec(bytes: Uint8Array, file: string): Parsed<StackSpec> {
  const parsed = parseDocumentAs(bytes, file, writtenSpec, checkReferences, readable, layersOf);
  return parsed.ok ? { ok: true, value: resolveSpec(parsed.value) } : parsed;
}
