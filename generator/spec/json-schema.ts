import { writtenSpec } from '../../model/written-spec.ts';
import { toJsonSchema } from './known-keys.ts';

/** The JSON Schema of berth.yaml, which editors use to complete and check it. */
export const specJsonSchema = (): string => `${JSON.stringify({ $id: 'https://berth.example/berth.schema.json', title: 'berth.yaml', ...toJsonSchema(writtenSpec) }, null, 2)}\n`;
