import { createHash } from 'node:crypto';
import type { Plan, PlannedService } from '../../model/plan.ts';
import { composeServices } from './compose.ts';

/** Files of the site that a service has mounted and reads only when it starts. */
const mountedPaths = (service: PlannedService, contents: ReadonlyMap<string, string>): readonly string[] =>
  [...contents.keys()].filter((path) => service.mounts.some((mount) => mount.restarts && path.startsWith(`${mount.source}/`))).sort();

/** Secrets of the ledger that a service receives, by file or by variable. */
function secretsOf(plan: Plan, service: PlannedService): readonly string[] {
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
      const hash = createHash('sha256');
      for (const path of mountedPaths(service, contents)) hash.update(`${path}\0${contents.get(path) ?? ''}\0`);
      for (const secret of secretsOf(plan, service)) hash.update(`${secret}\0${secretVersion(secret)}\0`);
      // What is made of a secret may change while the secret does not.
      for (const file of plan.secretFiles.filter(({ name: file }) => service.secretFiles.includes(file)))
        hash.update(`${file.name}\0${JSON.stringify(file.text)}\0`);
      // The shape of a variable made of secrets is not in compose.yaml, so it enters here.
      for (const [variable, text] of Object.entries(service.secretEnv)) hash.update(`${variable}\0${JSON.stringify(text)}\0`);
      return [name, hash.digest('hex').slice(0, 16)] as const;
    }),
  );
}
