import type { Problem } from '../../../model/errors.ts';
import type { StackSpec } from '../../../model/stack-spec.ts';
import { parseSpec } from '../../../generator/spec/parse-spec.ts';

/** A complete small spec; tests replace pieces of it. */
export const hello = `apiVersion: berth/v1
name: hello
profile: minimum
services:
  web:
    image: registry.example/hello:1.0.0
    port: 3000
    runtime: node
    uses: [database, cache, files]
databases:
  database: { engine: postgres }
caches:
  cache: { engine: valkey }
stores:
  files: { engine: minio, buckets: { uploads: {} } }
`;

/** A spec with one service and `lines` in it. */
export const web = (lines: string): string =>
  `apiVersion: berth/v1\nname: hello\nprofile: minimum\nservices:\n  web:\n    image: registry.example/hello:1.0.0\n    port: 3000\n${lines
    .split('\n')
    .map((line) => `    ${line}`)
    .join('\n')}\n`;

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

export function problemsOf(text: string | Uint8Array): readonly Problem[] {
  const parsed = parseSpec(typeof text === 'string' ? bytes(text) : text, 'berth.yaml');
  return parsed.ok ? [] : parsed.problems;
}

/** The only problem of a spec, as `line:column path: message | hint`. */
export function onlyProblem(text: string | Uint8Array): string {
  const problems = problemsOf(text);
  const [problem] = problems;
  if (!problem || problems.length > 1) throw new Error(`expected one problem, got ${JSON.stringify(problems, null, 1)}`);
  return oneLine(problem);
}

export const oneLine = ({ line, column, path, message, hint }: Problem): string =>
  `${line}:${column} ${path}: ${message}${hint === undefined ? '' : ` | ${hint}`}`;

export function specOf(text: string): StackSpec {
  const parsed = parseSpec(bytes(text), 'berth.yaml');
  if (!parsed.ok) throw new Error(parsed.problems.map(oneLine).join('\n'));
  return parsed.value;
}
