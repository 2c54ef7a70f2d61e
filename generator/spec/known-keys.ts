import type * as z from 'zod';
import type { Path } from './document.ts';

/** What a schema says of its parts; of each kind of schema only some are there. */
interface Parts {
  readonly shape?: Readonly<Record<string, z.core.$ZodType>>;
  readonly valueType?: z.core.$ZodType;
  readonly keyType?: z.core.$ZodType;
  readonly entries?: Readonly<Record<string, string>>;
  readonly element?: z.core.$ZodType;
  readonly options?: readonly z.core.$ZodType[];
  readonly innerType?: z.core.$ZodType;
  readonly in?: z.core.$ZodType;
  readonly getter?: () => z.core.$ZodType;
}

/** What is written at a place may have one of several shapes; a wrapping that changes no shape is taken off. */
function shapesOf(schema: z.core.$ZodType): readonly Parts[] {
  const parts = schema._zod.def as Parts;
  const wrapped = parts.innerType ?? parts.in ?? parts.getter?.();
  return wrapped ? shapesOf(wrapped) : (parts.options?.flatMap(shapesOf) ?? [parts]);
}

const below = ({ shape, valueType, element }: Parts, part: Path[number]): z.core.$ZodType | undefined =>
  typeof part === 'string' ? ((shape && Object.hasOwn(shape, part) ? shape[part] : undefined) ?? valueType) : element;

/** The keys that the schema knows at a path: what a mistyped one is compared with. */
export const knownKeys =
  (schema: z.core.$ZodType): ((path: Path) => readonly string[]) =>
  (path) => {
    const reached = path.reduce<readonly z.core.$ZodType[]>(
      (schemas, part) => schemas.flatMap(shapesOf).flatMap((parts) => below(parts, part) ?? []),
      [schema],
    );
    // Of a map, those that are named: most take any name.
    const named = ({ keyType }: Parts) => (keyType ? shapesOf(keyType).flatMap(({ entries }) => Object.keys(entries ?? {})) : []);
    return [...new Set(reached.flatMap(shapesOf).flatMap((parts) => [...Object.keys(parts.shape ?? {}), ...named(parts)]))];
  };
