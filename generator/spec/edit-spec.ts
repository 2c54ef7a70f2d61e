import { isMap, isScalar, parse, parseDocument } from 'yaml';
import type { Document } from 'yaml';
import type { Problem } from '../../model/errors.ts';
import { parsePlaced } from './document.ts';

/** One key to set. `value` is taken as it is, `yaml` is read as YAML so that numbers and lists can be typed. */
export type SpecEdit = { readonly path: readonly string[]; readonly only: 'always' | 'when absent'; readonly comment?: string } & ({ readonly value: unknown } | { readonly yaml: string });

const valueOf = (edit: SpecEdit): unknown => {
  if ('value' in edit) return edit.value;
  try {
    // Text that is no YAML is meant as it was typed.
    return parse(edit.yaml, { maxAliasCount: 0 }) ?? '';
  } catch {
    return edit.yaml;
  }
};

/** `routes.0.path` means the first of a list where there is a list. */
const keysFor = (document: Document, path: readonly string[]): readonly (string | number)[] =>
  path.map((part, index) => (/^\d+$/.test(part) && !isMap(document.getIn(path.slice(0, index), true)) ? Number(part) : part));

function apply(document: Document, edit: SpecEdit): Problem | undefined {
  const keys = keysFor(document, edit.path);
  if (edit.only === 'when absent' && document.hasIn(keys)) return undefined;
  const parent = keys.slice(0, -1).findIndex((_, index) => isScalar(document.getIn(keys.slice(0, index + 1), true)));
  if (parent >= 0) return { file: 'the command line', line: 1, column: 1, path: edit.path.join('.'), message: `${keys.slice(0, parent + 1).join('.')} is a plain value and has no keys`, hint: 'check the path after --set' };
  const existing = document.getIn(keys, true);
  const node = document.createNode(valueOf(edit));
  // Comments at the end of a line belong to the line, not to the value.
  if (isScalar(existing) && isScalar(node) && existing.comment) node.comment = existing.comment;
  if (edit.comment) node.commentBefore = edit.comment;
  document.setIn(keys, node);
  return undefined;
}

/** Where keys that `init` adds stand in the file, so that it reads from the general to the particular. */
const order = ['apiVersion', 'name', 'profile', 'target', 'domain', 'host', 'network', 'services', 'databases', 'caches', 'stores', 'edge'];

function sortTop(document: Document): void {
  if (!isMap(document.contents)) return;
  const rank = (key: unknown) => { const index = order.indexOf(isScalar(key) ? String(key.value) : String(key)); return index < 0 ? order.length : index; };
  document.contents.items.sort((a, b) => rank(a.key) - rank(b.key));
}

/** A spec with some keys changed and its comments kept. Nothing is checked here beyond what editing needs. */
export function editSpec(text: string, edits: readonly SpecEdit[], first: readonly SpecEdit[]): { readonly text: string; readonly problems: readonly Problem[] } {
  const placed = parsePlaced(text, 'the spec to start from');
  if (!('value' in placed)) return { text, problems: placed };
  const document = parseDocument(text);
  const problems = [...first, ...edits].flatMap((edit) => apply(document, edit) ?? []);
  sortTop(document);
  return { text: document.toString({ lineWidth: 0, flowCollectionPadding: true }), problems };
}
