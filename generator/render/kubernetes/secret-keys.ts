import { stepsOf } from '../../../model/planned-service.ts';
import type { Gate, PlannedService } from '../../../model/planned-service.ts';
import type { SecretFile } from '../../../model/planned-secret.ts';

/** The key under which a variable of a gate lies in the Secret of its application. */
export const gateKey = (gate: Gate, variable: string): string => `${gate.name}.${variable}`;

/** The keys of the Secret that a service is given: its files, its variables, and those of what waits for it. */
export const keysOf = (service: PlannedService, files: readonly SecretFile[]): readonly string[] => [
  ...files.map(({ name }) => name).filter((name) => service.secretFiles.includes(name)),
  ...Object.keys(service.secretEnv),
  ...service.mounts.flatMap(({ keys }) => Object.keys(keys ?? {})),
  ...stepsOf(service).flatMap((gate) => Object.keys(gate.secretEnv).map((variable) => gateKey(gate, variable))),
];
