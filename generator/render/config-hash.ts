import type { Plan } from '../../model/plan.ts';
import type { PlannedService } from '../../model/planned-service.ts';
import { composeServices } from './compose.ts';
import { hash, secretsOf, shapesOf } from './hash.ts';

/** Files of the site that a service has mounted and reads only when it starts. */
const mountedPaths = (service: PlannedService, contents: ReadonlyMap<string, string>): readonly string[] =>
  [...contents.keys()].filter((path) => service.mounts.some((mount) => mount.restarts && path.startsWith(`${mount.source}/`))).sort();

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
