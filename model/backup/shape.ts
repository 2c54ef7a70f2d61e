/** Gives a value of unknown origin its type. @throws ShapeError with the place and what was expected there. */
export type Shape<T> = (value: unknown, path: string) => T;

/** What a shape gives. */
export type Shaped<S> = S extends Shape<infer T> ? T : never;

export class ShapeError extends Error {
  override readonly name = 'ShapeError';
  constructor(path: string, expected: string) {
    super(`${path === '' ? 'the whole' : path} should be ${expected}`);
  }
}

export const text =
  (pattern: RegExp, expected: string): Shape<string> =>
  (value, path) => {
    if (typeof value !== 'string' || !pattern.test(value)) throw new ShapeError(path, expected);
    return value;
  };

/** A whole number from `least` up that JavaScript can hold exactly. */
export const count =
  (least = 0): Shape<number> =>
  (value, path) => {
    if (!Number.isSafeInteger(value) || (value as number) < least) throw new ShapeError(path, `a whole number of at least ${least}`);
    return value as number;
  };

export const oneOf =
  <const T extends string | number>(...values: readonly T[]): Shape<T> =>
  (value, path) => {
    const found = values.find((each) => each === value);
    if (found === undefined) throw new ShapeError(path, values.map((each) => JSON.stringify(each)).join(' or '));
    return found;
  };

export const nullable =
  <T>(shape: Shape<T>): Shape<T | null> =>
  (value, path) =>
    value === null ? null : shape(value, path);

export const list =
  <T>(shape: Shape<T>, least = 0): Shape<readonly T[]> =>
  (value, path) => {
    if (!Array.isArray(value) || value.length < least) throw new ShapeError(path, `a list of at least ${least}`);
    return value.map((each, index) => shape(each, `${path}[${index}]`));
  };

type Fields = Readonly<Record<string, Shape<unknown>>>;

/** An object with these fields. Others are ignored: a later writer may add some without a new version. */
export const fields =
  <F extends Fields>(shapes: F): Shape<{ readonly [K in keyof F]: Shaped<F[K]> }> =>
  (value, path) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new ShapeError(path, 'an object');
    const found = value as Readonly<Record<string, unknown>>;
    const entries = Object.entries(shapes).map(([name, shape]) => [name, shape(found[name], path === '' ? name : `${path}.${name}`)]);
    return Object.fromEntries(entries) as { readonly [K in keyof F]: Shaped<F[K]> };
  };

/** What JSON can hold, as it is. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/** Values of which only the writer knows the meaning. */
export const anyFields: Shape<{ readonly [name: string]: Json }> = (value, path) => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new ShapeError(path, 'an object');
  return value as { readonly [name: string]: Json };
};
