/** One value that differs. `undefined` is nothing at all. */
export interface Change {
  /** `spec.template.spec.containers[web].image` */
  readonly path: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

type Tree = Readonly<Record<string, unknown>>;
const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null && !Array.isArray(value);

export const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';
/** What the server writes by itself. */
const serverOwned = ['managedFields', 'resourceVersion', 'generation', 'uid', 'creationTimestamp', 'selfLink'];

/** An object without what says nothing about it. */
export function essence(object: unknown): Tree {
  const { status: _status, metadata, ...rest } = object as Tree;
  const { annotations, ...meta } = Object.fromEntries(
    Object.entries(isTree(metadata) ? metadata : {}).filter(([key]) => !serverOwned.includes(key)),
  );
  const kept = Object.entries(isTree(annotations) ? annotations : {}).filter(([key]) => key !== lastApplied);
  return { ...rest, metadata: { ...meta, ...(kept.length > 0 ? { annotations: Object.fromEntries(kept) } : {}) } };
}

const step = (key: string): string => (/^[A-Za-z_$][\w$-]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`);
const nameOf = (value: unknown): string | undefined => (isTree(value) && typeof value['name'] === 'string' ? value['name'] : undefined);

/** Lists whose items have names of their own are compared by these: a new one in front does not make all others different. */
function byName(list: readonly unknown[]): ReadonlyMap<string, unknown> | undefined {
  const names = list.map(nameOf);
  return names.every((name) => name !== undefined) && new Set(names).size === names.length
    ? new Map(names.map((name, index) => [name, list[index]]))
    : undefined;
}

function* pairs(before: unknown, after: unknown): Iterable<readonly [step: string, before: unknown, after: unknown]> {
  if (isTree(before) && isTree(after)) {
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) yield [step(key), before[key], after[key]];
    return;
  }
  const [left, right] = [before as readonly unknown[], after as readonly unknown[]];
  const [leftNames, rightNames] = [byName(left), byName(right)];
  if (leftNames && rightNames)
    for (const name of new Set([...leftNames.keys(), ...rightNames.keys()])) yield [`[${name}]`, leftNames.get(name), rightNames.get(name)];
  else for (let index = 0; index < Math.max(left.length, right.length); index += 1) yield [`[${index}]`, left[index], right[index]];
}

/** Every value that is not the same, by its path; the deepest place that tells. */
export function differences(before: unknown, after: unknown, path = ''): readonly Change[] {
  if (Object.is(before, after)) return [];
  const both = (isTree(before) && isTree(after)) || (Array.isArray(before) && Array.isArray(after));
  if (!both)
    return [{ path: path.replace(/^\./, ''), ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) }];
  return [...pairs(before, after)].flatMap(([key, left, right]) => differences(left, right, `${path}${key}`));
}

/**
 * What `kubectl apply` takes away: it stood in what was applied last, stands in what will be applied no more, and is still there.
 * A server-side dry run of another manager does not know of it.
 */
export function removals(live: unknown, applied: unknown, wanted: unknown, path = ''): readonly Change[] {
  if (applied === undefined || live === undefined) return [];
  if (wanted === undefined) return [{ path: path.replace(/^\./, ''), before: live }];
  if (isTree(applied) && isTree(wanted) && isTree(live))
    return Object.keys(applied).flatMap((key) =>
      applied[key] === null ? [] : removals(live[key], applied[key], wanted[key], `${path}${step(key)}`),
    );
  if (!Array.isArray(applied) || !Array.isArray(wanted) || !Array.isArray(live)) return [];
  const [was, is, will] = [byName(applied), byName(live), byName(wanted)];
  if (!was || !is || !will) return [];
  return [...was].flatMap(([name, item]) => removals(is.get(name), item, will.get(name), `${path}[${name}]`));
}
