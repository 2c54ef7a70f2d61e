import { createHash } from 'node:crypto';
import type { Plan } from '../../model/plan.ts';
import type { PlannedService } from '../../model/planned-service.ts';

/** Sixteen characters that change with any of `parts`. */
export function hash(parts: readonly string[]): string {
  const digest = createHash('sha256');
  for (const part of parts) digest.update(`${part}\0`);
  return digest.digest('hex').slice(0, 16);
}

/** What is made of secrets may change while the secrets do not: the form of a file, the text around a password. */
export const shapesOf = (plan: Plan, service: PlannedService): string =>
  hash([
    ...plan.secretFiles.filter(({ name }) => service.secretFiles.includes(name)).flatMap((file) => [file.name, JSON.stringify(file.text)]),
    ...Object.entries(service.secretEnv).flatMap(([variable, text]) => [variable, JSON.stringify(text)]),
  ]).slice(0, 8);

/** Secrets of the ledger that a service receives, by file or by variable. */
export function secretsOf(plan: Plan, service: PlannedService): readonly string[] {
  const byFile = plan.secretFiles.filter((file) => service.secretFiles.includes(file.name)).flatMap((file) => file.of);
  const byVariable = Object.values(service.secretEnv).flatMap((text) =>
    text.flatMap((piece) => (typeof piece === 'string' ? [] : [piece.secret])),
  );
  return [...new Set([...byFile, ...byVariable])].sort();
}
