import { YAMLMap, YAMLSeq, isAlias, isMap, isScalar, isSeq, parseDocument } from 'yaml';
import type { Document } from 'yaml';
import type { Problem } from '../../model/errors.ts';
import { readPlainYaml } from '../../model/plain-yaml.ts';
import { parsePlaced } from './document.ts';

/** One key to set. `value` is taken as it is, `yaml` is read as YAML so that numbers and lists can be typed. */
export type SpecEdit = { readonly path: readonly string[]; readonly only: 'always' | 'when absent'; readonly comment?: string } & (
  { readonly value: unknown } | { readonly yaml: string }
);

/** The `file` of a problem that lies in the options, not in the spec. */
export const commandLine = 'the command line';

const valueOf = (edit: SpecEdit): unknown => {
  if ('value' in edit) return edit.value;
  const document = parseDocument(edit.yaml);
  // Text that is no plain YAML is meant as it was typed.
  if (document.errors.length + document.warnings.length > 0) return edit.yaml;
  try {
    return document.toJS({ maxAliasCount: 0 }) ?? '';
  } catch {
    return edit.yaml;
  }
};

/** `routes.0.path` means the first of a list where there is a list. */
const keysFor = (document: Document, path: readonly string[]): readonly (string | number)[] =>
  path.map((part, index) => (/^\d+$/.test(part) && !isMap(document.getIn(path.slice(0, index), true)) ? Number(part) : part));

/** Why nothing can be set under these keys: something on the way holds no keys, or not these. */
function faultOf(document: Document, keys: readonly (string | number)[]): string | undefined {
  for (const [index, key] of keys.entries()) {
    const [holder, name] = [document.getIn(keys.slice(0, index), true), keys.slice(0, index).join('.')];
    if (isAlias(holder)) return `${name} is an alias; write it out in the spec first`;
    if (isScalar(holder) && holder.value === null)
      document.setIn(keys.slice(0, index), typeof key === 'number' ? new YAMLSeq(document.schema) : new YAMLMap(document.schema));
    else if (isScalar(holder)) return `${name} is a plain value and has no keys`;
    if (isSeq(holder) && !(typeof key === 'number' && key <= holder.items.length))
      return `${name} is a list: expected a number from 0 to ${holder.items.length} after it`;
    if (holder === undefined && typeof key === 'number' && key > 0) return `${name} is no list yet: expected 0 after it`;
  }
  return undefined;
}

function apply(document: Document, edit: SpecEdit): Problem | undefined {
  const keys = keysFor(document, edit.path);
  if (edit.only === 'when absent' && document.hasIn(keys)) return undefined;
  const fault = faultOf(document, keys);
  if (fault)
    return { file: commandLine, line: 1, column: 1, path: edit.path.join('.'), message: fault, hint: 'check the path after --set' };
  const existing = document.getIn(keys, true);
  const node = document.createNode(valueOf(edit));
  // Comments at the end of a line belong to the line, not to the value.
  if (isScalar(existing) && isScalar(node) && existing.comment) node.comment = existing.comment;
  if (edit.comment) node.commentBefore = edit.comment;
  document.setIn(keys, node);
  return undefined;
}

/** Where keys that `init` adds stand in the file, so that it reads from the general to the particular. */
const order = [
  'apiVersion',
  'name',
  'environment',
  'profile',
  'target',
  'domain',
  'host',
  'network',
  'registry',
  'proxy',
  'trust',
  'services',
  'databases',
  'caches',
  'stores',
  'volumes',
  'edge',
  'kubernetes',
  'environments',
];

function sortTop(document: Document): void {
  if (!isMap(document.contents)) return;
  const rank = (key: unknown) => {
    const index = order.indexOf(isScalar(key) ? String(key.value) : String(key));
    return index < 0 ? order.length : index;
  };
  document.contents.items.sort((a, b) => rank(a.key) - rank(b.key));
}

/** A spec with some keys changed and its comments kept. Nothing is checked here beyond what editing needs. `file` is what problems call the spec. */
export function editSpec(
  text: string,
  file: string,
  edits: readonly SpecEdit[],
  first: readonly SpecEdit[],
): { readonly text: string; readonly problems: readonly Problem[] } {
  const placed = readPlainYaml(text) === undefined ? parsePlaced(text, file) : undefined;
  if (placed && !('value' in placed)) return { text, problems: placed };
  const document = parseDocument(text);
  const problems = [...first, ...edits].flatMap((edit) => apply(document, edit) ?? []);
  sortTop(document);
  return { text: document.toString({ lineWidth: 0, flowCollectionPadding: true }), problems };
}
