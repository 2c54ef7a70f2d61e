import { isCapability } from '../../model/loosened.ts';
import type { Loosening } from '../../model/loosened.ts';
import type { PlannedService } from '../../model/planned-service.ts';

const loosely = (what: Loosening): string =>
  isCapability(what)
    ? `has the capability ${what}`
    : { writableRoot: 'can write to its root filesystem', newPrivileges: 'may gain rights by setuid programs and file capabilities' }[what];

/** One note for each thing that is loosened. It is loaded for sites where something is. */
export const loosenedNotes = (services: readonly PlannedService[]): readonly string[] =>
  services.flatMap(({ name, loosened = [] }) =>
    loosened.map(({ what, because }) => `the hardening of ${name} is loosened: it ${loosely(what)}, because ${because}`),
  );
