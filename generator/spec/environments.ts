import { suggest } from './describe-issue.ts';
import type { Path } from './document.ts';
import type { Finding } from './finding.ts';

type Map = Readonly<Record<string, unknown>>;
const isMap = (value: unknown): value is Map => typeof value === 'object' && value !== null && !Array.isArray(value);

/** What tells the items of a list from one another: the path of a route, the time of a schedule. */
const names = ['path', 'at'] as const;
/** Keys of the whole file; an environment cannot change them. */
const ofTheFile = ['apiVersion', 'environment', 'environments'];

/** The base, what an environment says over it, or both, each with its place in the file. */
interface Sides {
  readonly base?: { readonly value: unknown; readonly path: Path };
  readonly over?: { readonly value: unknown; readonly path: Path };
}

/** By which key the items of two lists are matched; `undefined` for lists that replace one another. */
function nameOf(base: unknown, over: unknown): (typeof names)[number] | undefined {
  if (!Array.isArray(base) || !Array.isArray(over)) return undefined;
  return names.find((name) =>
    [...(base as unknown[]), ...(over as unknown[])].every((item) => isMap(item) && typeof item[name] === 'string'),
  );
}

/** Items of two lists side by side: those of the base in their order, then what only the environment has. */
function itemsOf({ base, over }: Required<Sides>, name: (typeof names)[number]): readonly Sides[] {
  const [below, above] = [base.value as readonly Map[], over.value as readonly Map[]];
  const side = (list: readonly Map[], path: Path, index: number) => ({ value: list[index], path: [...path, index] });
  return [
    ...below.map((item, index): Sides => {
      const other = above.findIndex((one) => one[name] === item[name]);
      return { base: side(below, base.path, index), ...(other < 0 ? {} : { over: side(above, over.path, other) }) };
    }),
    ...above.flatMap((item, index): readonly Sides[] =>
      below.some((one) => one[name] === item[name]) ? [] : [{ over: side(above, over.path, index) }],
    ),
  ];
}

/** The part of both sides below a key or a number. */
function step({ base, over }: Sides, part: PropertyKey): Sides {
  if (base && over && typeof part === 'number') {
    const name = nameOf(base.value, over.value);
    if (name) return itemsOf({ base, over }, name)[part] ?? {};
  }
  const both = base && over && isMap(base.value) && isMap(over.value);
  const within = (side: Sides['base']): Sides['base'] => {
    const value = side?.value;
    if (!side || typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    return { value: (value as Record<PropertyKey, unknown>)[part], path: [...side.path, part] };
  };
  // What is no map on both sides is replaced as a whole.
  const [below, above] = [over && !both ? undefined : within(base), within(over)];
  return { ...(below ? { base: below } : {}), ...(above ? { over: above } : {}) };
}

/** Maps are merged, named items of lists by their name; everything else is replaced, and `null` takes a key away. */
function merged(sides: Sides): unknown {
  const { base, over } = sides;
  if (!over) return base?.value;
  if (!base) return over.value;
  const name = nameOf(base.value, over.value);
  if (name) return itemsOf({ base, over }, name).map(merged);
  if (!isMap(base.value) || !isMap(over.value)) return over.value;
  const above = over.value;
  const keys = [...new Set([...Object.keys(base.value), ...Object.keys(above)])].filter((key) => above[key] !== null);
  return Object.fromEntries(keys.map((key) => [key, merged(step(sides, key))]));
}

/** A spec as it is with one environment over it. */
export interface Layer {
  readonly value: unknown;
  /** Where in the file the value at a path was written. */
  readonly origin: (path: Path) => Path;
}

function layerOf(value: Map, name: string): Layer {
  const { environments, ...rest } = value;
  const sides: Sides = { base: { value: rest, path: [] }, over: { value: (environments as Map)[name], path: ['environments', name] } };
  return {
    value: merged(sides),
    origin(path) {
      let at = sides;
      let place: Path = [];
      for (const [index, part] of path.entries()) {
        at = step(at, part);
        const side = at.over ?? at.base;
        // What is missing is missing in what encloses it.
        if (!side) return [...place, ...path.slice(index)];
        place = side.path;
      }
      return place;
    },
  };
}

function findingsOf(value: Map): readonly Finding[] {
  const { environment, environments } = value;
  const known = isMap(environments) ? Object.keys(environments) : [];
  const near = typeof environment === 'string' ? suggest(environment, known) : undefined;
  return [
    ...(typeof environment === 'string' && !known.includes(environment)
      ? [
          {
            path: ['environment'],
            message: `there is no environment "${environment}"`,
            hint: near ? `did you mean "${near}"?` : known.length > 0 ? `known: ${known.join(', ')}` : 'add it under environments',
          },
        ]
      : []),
    ...known.flatMap((name) =>
      ofTheFile
        .filter((key) => Object.hasOwn((environments as Map)[name] ?? {}, key))
        .map((key) => ({
          path: ['environments', name],
          key,
          message: 'is said for the whole file, not for an environment',
          hint: 'remove it here',
        })),
    ),
  ];
}

/** The spec that holds, the others that could be chosen instead, and what is wrong with the choice. */
export interface Layers {
  readonly chosen: Layer;
  readonly others: readonly Layer[];
  readonly findings: readonly Finding[];
}

const itself: Layer['origin'] = (path) => path;

/** What a file says in each of its environments. A file without any is one layer, as it stands. */
export function layersOf(value: unknown): Layers {
  const plain: Layers = { chosen: { value, origin: itself }, others: [], findings: [] };
  if (!isMap(value)) return plain;
  const { environment, environments, ...base } = value;
  if (environments === undefined) return { ...plain, findings: findingsOf(value) };
  // What is no map of maps is for the schema to say.
  if (!isMap(environments) || !Object.values(environments).every(isMap)) return plain;
  const known = Object.keys(environments);
  const written = { chosen: environment, layers: known.map((name) => [name, layerOf(value, name)] as const) };
  const found = written.layers.find(([name]) => name === written.chosen)?.[1];
  return {
    chosen: found ?? { value: environment === undefined ? base : { ...base, environment }, origin: itself },
    others: written.layers.flatMap(([name, layer]) => (name === environment ? [] : [layer])),
    findings: findingsOf(value),
  };
}
