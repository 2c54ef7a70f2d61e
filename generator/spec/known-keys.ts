import * as z from 'zod';
import type { Path } from './document.ts';

interface JsonSchema {
  readonly $ref?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
  readonly $defs?: Readonly<Record<string, JsonSchema>>;
}

/** The JSON Schema of a written document, for editors and for {@link knownKeys}. */
export const toJsonSchema = (schema: z.ZodType): JsonSchema =>
  z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema;

/** The keys that the schema knows at a path: what a mistyped one is compared with. */
export function knownKeys(schema: z.ZodType): (path: Path) => readonly string[] {
  let root: JsonSchema | undefined;
  return (path) => {
    const top = (root ??= toJsonSchema(schema));
    const follow = (node: JsonSchema | undefined): JsonSchema | undefined =>
      node?.$ref ? top.$defs?.[node.$ref.replace('#/$defs/', '')] : node;
    const reached = path.reduce<JsonSchema | undefined>((node, part) => {
      const here = follow(node);
      if (typeof part === 'number') return here?.items;
      return here?.properties?.[String(part)] ?? (typeof here?.additionalProperties === 'object' ? here.additionalProperties : undefined);
    }, top);
    return Object.keys(follow(reached)?.properties ?? {});
  };
}
