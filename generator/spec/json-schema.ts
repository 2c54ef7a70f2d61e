import * as z from 'zod';
import { writtenSpec } from '../../model/written-spec.ts';

let made: string | undefined;

/**
 * The JSON Schema of berth.yaml, for editors and for the reference.
 * It knows every key and the spelling of every value; what takes more than one value to see, such as a name that stands twice, only `berth` itself finds.
 */
export function specJsonSchema(): string {
  made ??= makeSchema();
  return made;
}

function makeSchema(): string {
  const { $schema, ...rest } = z.toJSONSchema(writtenSpec, { io: 'input', unrepresentable: 'any' });
  return `${JSON.stringify({ $schema, $id: 'urn:berth:schema:v1', title: 'berth.yaml', ...rest }, null, 2)}\n`;
}
