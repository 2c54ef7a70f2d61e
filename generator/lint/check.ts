/** Any parsed document; read with {@link at}, which never throws. */
export type Json = string | number | boolean | null | undefined | readonly Json[] | { readonly [key: string]: Json };

/** One place where a check found something. */
export interface Hit {
  /** `Deployment hello/web-blue`, `service web-blue`. */
  readonly object: string;
  /** `spec.template.spec.containers[0].image`. */
  readonly path: string;
  /** What is there. */
  readonly found: string;
}

/** One rule for what Berth writes, with its reason. `World` is what it looks at: all objects of a site. */
export interface Check<World> {
  /** Stable: ignores name it. */
  readonly id: string;
  /** What must hold. */
  readonly rule: string;
  readonly reason: string;
  readonly cure: string;
  readonly find: (world: World) => Iterable<Hit>;
}

export interface Finding extends Hit {
  readonly id: string;
  readonly rule: string;
  readonly cure: string;
}

/** What stands at a path; `undefined` when something on the way is missing. */
export function at(value: Json, ...path: readonly (string | number)[]): Json {
  let found: Json = value;
  for (const key of path) {
    if (typeof found !== 'object' || found === null) return undefined;
    found = (found as { readonly [key: string | number]: Json })[key];
  }
  return found;
}
export const list = (value: Json): readonly Json[] => (Array.isArray(value) ? (value as readonly Json[]) : []);
export const entries = (value: Json): readonly (readonly [string, Json])[] =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : [];
export const text = (value: Json): string => (typeof value === 'string' ? value : value === undefined ? '' : JSON.stringify(value));

/** An image whose tag names one version. */
export const namesVersion = (image: string): boolean => {
  const [name = '', digest] = image.split('@', 2);
  const tag = name.slice(name.lastIndexOf('/') + 1).split(':')[1];
  return digest !== undefined || (tag !== undefined && tag !== 'latest');
};

/** A variable whose name promises a secret; a path to one and the name of an account are none. */
export const namesSecret = (variable: string): boolean =>
  /PASSWORD|SECRET|TOKEN|PRIVATE_KEY|_KEY$/i.test(variable) && !/_FILE$|ACCESS_KEY(?:_ID)?$/i.test(variable);
