import * as z from 'zod/mini';
import en from 'zod/v4/locales/en.js';

/**
 * Stands for zod in the built program: the same schemas and the same answers in half the time, by way of zod's own small edition.
 * It has the methods that the schemas of model/ use and no others. Descriptions are left out: the JSON Schema that shows them was made by the build.
 */
z.config({ ...en(), jitless: true });

type Schema = z.ZodMiniType & { readonly _zod: { readonly def: { readonly type: string } } };
type Params = { readonly error: string };

const sized = (schema: Schema): boolean => schema._zod.def.type !== 'number';
const methods = {
  regex(this: Schema, pattern: RegExp, params?: Params) {
    return checked(this, z.regex(pattern, params));
  },
  min(this: Schema, least: number, params?: Params) {
    return checked(this, sized(this) ? z.minLength(least, params) : z.minimum(least, params));
  },
  max(this: Schema, most: number, params?: Params) {
    return checked(this, sized(this) ? z.maxLength(most, params) : z.maximum(most, params));
  },
  refine(this: Schema, holds: (value: unknown) => unknown, params?: Params) {
    return checked(this, z.refine(holds, params));
  },
  optional(this: Schema) {
    return chained(z.optional(this));
  },
  describe(this: Schema) {
    return this;
  },
  meta(this: Schema) {
    return this;
  },
};

const checked = (schema: Schema, check: unknown): Schema => chained(schema.check(check as Parameters<Schema['check']>[0]));

/** Instances of a kind share a prototype, so the methods are put there once. */
function chained<S extends object>(schema: S): S {
  const prototype = Object.getPrototypeOf(schema) as object;
  if (!Object.hasOwn(prototype, 'describe'))
    for (const [name, value] of Object.entries(methods)) Object.defineProperty(prototype, name, { value });
  return schema;
}

const maker =
  <Args extends readonly unknown[], S extends object>(make: (...args: Args) => S) =>
  (...args: Args): S =>
    chained(make(...args));

export const array = maker(z.array as (...args: readonly unknown[]) => Schema);
export const boolean = maker(z.boolean);
export const int = maker(z.int);
export const literal = maker(z.literal as (...args: readonly unknown[]) => Schema);
export const number = maker(z.number);
export const partialRecord = maker(z.partialRecord as (...args: readonly unknown[]) => Schema);
export const record = maker(z.record as (...args: readonly unknown[]) => Schema);
export const strictObject = maker(z.strictObject);
export const string = maker(z.string);
export const unknown = maker(z.unknown as () => Schema);
export const union = maker(z.union as (...args: readonly unknown[]) => Schema);
const named = maker(z.enum as (...args: readonly unknown[]) => Schema);
export { named as enum };
export { config } from 'zod/mini';
