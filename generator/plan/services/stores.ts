import type { StackSpec } from '../../../model/stack-spec.ts';
import type { StoreEngineName, StoreSpec } from '../../../model/store-spec.ts';
import { minioEngine } from './minio.ts';
import { seaweedfsEngine } from './seaweedfs.ts';
import { schemeOf } from './store-engine.ts';
import type { Spoken, StoreEngine } from './store-engine.ts';

/** Every engine that `stores.*.engine` may name. */
export const storeEngines: Readonly<Record<StoreEngineName, StoreEngine>> = { minio: minioEngine, seaweedfs: seaweedfsEngine };

/** Where services of the site reach a store of it. */
export const endpointOf = ({ name, engine }: StoreSpec, spec: Spoken): string => `${schemeOf(spec)}://${name}:${storeEngines[engine].port}`;

/** A store of the site, by its name. */
export function storeNamed(name: string, { stores }: Pick<StackSpec, 'stores'>): StoreSpec {
  const found = stores.find((store) => store.name === name);
  if (!found) throw new Error(`there is no store ${name}`);
  return found;
}
