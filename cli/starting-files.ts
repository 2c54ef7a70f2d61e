import { basename } from 'node:path';
import type { Artifact } from '../model/artifact.ts';
import { BerthError } from '../model/errors.ts';
import { profileNames } from '../model/profile.ts';
import type { StackSpec } from '../model/stack-spec.ts';
import { listExamples, readExample } from '../generator/io/examples.ts';
import { chooseNetwork, readRoutes } from '../generator/io/host-facts.ts';
import { readSpecBytes } from '../generator/io/read-spec-bytes.ts';
import { decodeText, parsePlaced } from '../generator/spec/document.ts';
import { layersOf } from '../generator/spec/environments.ts';
import { commandLine, editSpec } from '../generator/spec/edit-spec.ts';
import type { SpecEdit } from '../generator/spec/edit-spec.ts';
import { parseSpec } from '../generator/spec/parse-spec.ts';
import type { Parsed } from '../generator/spec/parse-spec.ts';
import type { Context } from './context.ts';
import { clusterEdits, hostEdits } from './host-edits.ts';
import { defaultExample, isExample } from './init-options.ts';
import type { InitOptions } from './init-options.ts';
import { expectParsed, specFile } from './site.ts';

const unwritten = `${specFile} (not written yet)`;

interface Source {
  /** What the operator calls it. */
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly files: readonly Artifact[];
}

/** The spec with what the command line says, and the files an example brings along. All are written once and then the operator's. */
export function startingFiles(
  site: string,
  options: InitOptions,
  context: Context,
): { readonly spec: StackSpec; readonly files: readonly Artifact[] } {
  const { name, bytes, files } = source(options.from ?? defaultExample, context);
  const text = decodeText(bytes, name);
  const { text: content, problems } =
    typeof text === 'string'
      ? editSpec(
          text,
          name,
          [
            ...fromFlags(options),
            ...(isForCluster(text, options) ? clusterEdits(options) : hostEdits(site, options)),
            ...options.set.map(parseSet),
          ],
          identity(site, text, options),
        )
      : { text: '', problems: [text] };
  if (problems.some(({ file }) => file === commandLine))
    throw new BerthError('usage', problems.map(({ path, message }) => `--set ${path}: ${message}`).join('; '), problems[0]?.hint ?? '');
  const parsed: Parsed<StackSpec> =
    problems.length > 0 ? { ok: false, problems } : inSource(parseSpec(Buffer.from(content), unwritten), { name, bytes, files });
  const spec =
    !parsed.ok && parsed.problems.every(({ file }) => file === unwritten)
      ? expectParsed<StackSpec>(parsed, `${specFile} as the options make it`, 'correct the options')
      : expectParsed(parsed, name);
  return { spec, files: [{ path: specFile, content, mode: 0o644, policy: 'once' }, ...files] };
}

/** What is wrong in the spec that was started from, too, is told by its place there: that is the file to correct. */
function inSource(parsed: Parsed<StackSpec>, { name, bytes }: Source): Parsed<StackSpec> {
  if (parsed.ok) return parsed;
  const original = parseSpec(bytes, name);
  const known = original.ok ? [] : original.problems;
  return {
    ok: false,
    problems: parsed.problems.map(
      (problem) => known.find(({ path, message }) => path === problem.path && message === problem.message) ?? problem,
    ),
  };
}

function source(from: string, context: Context): Source {
  const example = /^example:(.*)$/.exec(from)?.[1];
  if (example === undefined) return { name: from, bytes: readSpecBytes(from.startsWith('/') ? '/' : context.cwd, from), files: [] };
  const known = listExamples(context.root);
  if (!known.includes(example))
    throw new BerthError(
      'usage',
      `there is no example "${example}"`,
      `name one of ${known.map((name) => `example:${name}`).join(', ')}, or a file`,
    );
  const { text, files } = readExample(context.root, example);
  return { name: from, bytes: Buffer.from(text), files };
}

/** The target that a spec says; an environment may say another one. */
function targetOf(text: string, environment: string | undefined): unknown {
  const document = parsePlaced(text, specFile);
  const value = 'value' in document ? document.value : undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  const { chosen } = layersOf(environment === undefined ? value : { ...value, environment });
  return (chosen.value as { readonly target?: unknown }).target;
}

const isForCluster = (text: string, { target, set, environment }: InitOptions): boolean =>
  (set.find((one) => one.startsWith('target='))?.slice('target='.length) ?? target ?? targetOf(text, environment)) === 'kubernetes';

/** A site of its own name and network; a spec that is not an example keeps what it says. */
function identity(site: string, text: string, options: InitOptions): readonly SpecEdit[] {
  const name =
    basename(site)
      .toLowerCase()
      .replaceAll(/[^a-z0-9-]+/g, '-')
      .replaceAll(/^-+|-+$/g, '')
      .slice(0, 30)
      .replace(/-+$/, '') || 'site';
  const named = isExample(options) ? name : (/^name:\s*"?([a-z0-9-]+)/m.exec(text)?.[1] ?? name);
  return [
    { path: ['name'], value: named, only: isExample(options) ? 'always' : 'when absent' },
    // A cluster has addresses of its own.
    ...(isForCluster(text, options)
      ? []
      : [{ path: ['network'], value: chooseNetwork(named, readRoutes()), only: 'when absent' } as const]),
  ];
}

function fromFlags(options: InitOptions): readonly SpecEdit[] {
  if (options.profile !== undefined && !profileNames.some((name) => name === options.profile))
    throw new BerthError('usage', `there is no profile "${options.profile}"`, `name one of ${profileNames.join(', ')}`);
  if (options.target !== undefined && options.target !== 'compose' && options.target !== 'kubernetes')
    throw new BerthError('usage', `there is no target "${options.target}"`, 'name compose or kubernetes');
  return [
    ...(options.profile ? [{ path: ['profile'], value: options.profile, only: 'always' as const }] : []),
    ...(options.target ? [{ path: ['target'], value: options.target, only: 'always' as const }] : []),
    ...(options.environment ? [{ path: ['environment'], value: options.environment, only: 'always' as const }] : []),
    ...(options.kubernetesVersion ? [{ path: ['kubernetes', 'version'], value: options.kubernetesVersion, only: 'always' as const }] : []),
  ];
}

function parseSet(text: string): SpecEdit {
  const cut = text.indexOf('=');
  if (cut < 1) throw new BerthError('usage', `--set ${text}: expected PATH=VALUE`, 'for example --set domain=app.example.com');
  return { path: text.slice(0, cut).split('.'), yaml: text.slice(cut + 1), only: 'always' };
}
