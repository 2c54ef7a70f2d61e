import { at, entries, list, text } from './check.ts';
import type { Json } from './check.ts';

type Tree = Readonly<Record<string, Json>>;
const isTree = (value: Json): value is Tree => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Why a patch cannot be applied. */
export class PatchRefused extends Error {}

const refuse = (why: string): never => {
  throw new PatchRefused(why);
};

/** `/a/b~1c/0` → `a`, `b/c`, `0`. */
function stepsOf(pointer: string): readonly string[] {
  if (pointer === '') return [];
  if (!pointer.startsWith('/')) return refuse(`the path ${JSON.stringify(pointer)} does not begin with /`);
  return pointer
    .slice(1)
    .split('/')
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}

const indexIn = (items: readonly Json[], step: string): number => {
  const index = /^(0|[1-9]\d*)$/.test(step) ? Number(step) : -1;
  return index >= 0 && index < items.length ? index : refuse(`there is no ${step} in a list of ${items.length}`);
};

const read = (body: Json, steps: readonly string[]): Json =>
  steps.reduce<Json>((value, step) => {
    if (Array.isArray(value)) return (value as readonly Json[])[indexIn(value as readonly Json[], step)];
    return isTree(value) && step in value ? value[step] : refuse(`there is no /${steps.join('/')}`);
  }, body);

/** The same body with what stands at a path changed by `change`, which sees its parent and its last step. */
function edit(body: Json, steps: readonly string[], change: (parent: Tree | readonly Json[], step: string) => Json, whole = steps): Json {
  const [first, ...others] = steps;
  if (first === undefined) return refuse('it is for the object as a whole');
  if (!isTree(body) && !Array.isArray(body))
    return refuse(`there is nothing at /${whole.slice(0, -1).join('/')} to hold ${whole.at(-1) ?? ''}`);
  if (others.length === 0) return change(body as Tree | readonly Json[], first);
  if (Array.isArray(body)) {
    const items = body as readonly Json[];
    const index = indexIn(items, first);
    return items.map((item, position) => (position === index ? edit(item, others, change, whole) : item));
  }
  const tree = body as Tree;
  if (!(first in tree)) return refuse(`there is no /${whole.slice(0, whole.length - others.length).join('/')}`);
  return { ...tree, [first]: edit(tree[first], others, change, whole) };
}

const add = (body: Json, pointer: string, value: Json): Json =>
  edit(body, stepsOf(pointer), (parent, step) => {
    if (!Array.isArray(parent)) return { ...(parent as Tree), [step]: value };
    const items = parent as readonly Json[];
    const index = step === '-' || step === String(items.length) ? items.length : indexIn(items, step);
    return items.toSpliced(index, 0, value);
  });

const remove = (body: Json, pointer: string): Json =>
  edit(body, stepsOf(pointer), (parent, step) => {
    if (Array.isArray(parent)) return (parent as readonly Json[]).toSpliced(indexIn(parent as readonly Json[], step), 1);
    const { [step]: gone, ...others } = parent as Tree;
    return gone === undefined ? refuse(`there is no ${pointer} to remove`) : others;
  });

function apply(body: Json, operation: Json): Json {
  const [op, pointer, source] = ['op', 'path', 'from'].map((key) => text(at(operation, key))) as [string, string, string];
  const value = at(operation, 'value');
  switch (op) {
    case 'add':
      return add(body, pointer, value);
    case 'remove':
      return remove(body, pointer);
    case 'replace':
      read(body, stepsOf(pointer));
      return edit(body, stepsOf(pointer), (parent, step) =>
        Array.isArray(parent)
          ? (parent as readonly Json[]).with(indexIn(parent as readonly Json[], step), value)
          : { ...(parent as Tree), [step]: value },
      );
    case 'copy':
      return add(body, pointer, read(body, stepsOf(source)));
    case 'move':
      return add(remove(body, source), pointer, read(body, stepsOf(source)));
    case 'test':
      return JSON.stringify(read(body, stepsOf(pointer))) === JSON.stringify(value) ? body : refuse(`${pointer} is not what it tests for`);
    default:
      return refuse(`there is no operation ${op}`);
  }
}

/** A patch that is a list of operations (RFC 6902). @throws PatchRefused */
export const jsonPatch = (body: Json, operations: Json): Json => list(operations).reduce(apply, body);

/** How lists of pods are merged: by this field, as the API's own types say. Other lists are replaced. */
const mergeKeys: Readonly<Record<string, readonly string[]>> = {
  containers: ['name'],
  initContainers: ['name'],
  volumes: ['name'],
  env: ['name'],
  imagePullSecrets: ['name'],
  volumeMounts: ['mountPath'],
  ports: ['containerPort', 'port'],
  topologySpreadConstraints: ['topologyKey'],
  hostAliases: ['ip'],
};

const directive = (patch: Json): string => text(at(patch, '$patch'));
const withoutDirective = (patch: Tree): Tree => Object.fromEntries(Object.entries(patch).filter(([key]) => !key.startsWith('$')));

function mergeLists(key: string, before: readonly Json[], patch: readonly Json[]): readonly Json[] {
  const by = (mergeKeys[key] ?? []).find((field) => patch.every((item) => at(item, field) !== undefined));
  if (by === undefined || patch.some((item) => directive(item) === 'replace')) return patch.filter((item) => directive(item) === '');
  const items = [...before];
  for (const item of patch) {
    const index = items.findIndex((one) => at(one, by) === at(item, by));
    if (directive(item) !== 'delete')
      items.splice(index < 0 ? items.length : index, 1, mergePatch(index < 0 ? undefined : items[index], item));
    else if (index >= 0) items.splice(index, 1);
  }
  return items;
}

/** A patch that is a part of the object, merged into it as kustomize does it. */
export function mergePatch(body: Json, patch: Json): Json {
  if (!isTree(patch)) return patch;
  if (directive(patch) === 'replace' || !isTree(body)) return withoutDirective(patch);
  const merged = new Map(Object.entries(body));
  for (const [key, value] of entries(withoutDirective(patch))) {
    const before = merged.get(key);
    if (value === null || directive(value) === 'delete') merged.delete(key);
    else if (Array.isArray(value) && Array.isArray(before))
      merged.set(key, mergeLists(key, before as readonly Json[], value as readonly Json[]));
    else merged.set(key, mergePatch(before, value));
  }
  return Object.fromEntries(merged);
}

/** Whether a patch takes its whole object away. */
export const deletes = (patch: Json): boolean => directive(patch) === 'delete';
