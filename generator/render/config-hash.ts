import { createHash } from 'node:crypto';
import type { Plan, PlannedService } from '../../model/plan.ts';
import { composeServices } from './compose.ts';

/** Files of the site that a service has mounted and reads only when it starts. */
const mountedPaths = (service: PlannedService, contents: ReadonlyMap<string, string>): readonly string[] =>
  [...contents.keys()].filter((path) => service.mounts.some((mount) => mount.restarts && path.startsWith(`${mount.source}/`))).sort();

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

/**
 * The hash of everything a Compose service has mounted, by its name in compose.yaml. Secrets enter it by their version alone.
 * Compose itself does not notice a changed file: this hash, in a label, is what makes it recreate exactly the services concerned.
 */
export function configHashes(
  plan: Plan,
  contents: ReadonlyMap<string, string>,
  secretVersion: (name: string) => number,
): ReadonlyMap<string, string> {
  return new Map(
    composeServices(plan).map(({ name, service }) => {
      // A task runs anew on every `up` and reads its files then. Recreating it would recreate its dependents, the edge among them.
      if (service.kind === 'task') return [name, 'read at every start'] as const;
      return [
        name,
        hash([
          ...mountedPaths(service, contents).flatMap((path) => [path, contents.get(path) ?? '']),
          ...secretsOf(plan, service).flatMap((secret) => [secret, String(secretVersion(secret))]),
          shapesOf(plan, service),
        ]),
      ] as const;
    }),
  );
}
