import { isCapability } from '../../model/loosened.ts';
import type { Capability, Loosening } from '../../model/loosened.ts';
import type { PlannedService } from '../../model/planned-service.ts';

type WithLoosened = Pick<PlannedService, 'loosened'>;

/** Whether a service does without this part of the hardening. */
export const isLoosened = ({ loosened = [] }: WithLoosened, what: Loosening): boolean => loosened.some((one) => one.what === what);

/** The capabilities that are not taken from it. */
export const capabilitiesOf = ({ loosened = [] }: WithLoosened): readonly Capability[] =>
  loosened.map(({ what }) => what).filter(isCapability);

const ruleOf = (what: Loosening): string =>
  isCapability(what) ? 'capabilities' : { writableRoot: 'read-only-root', newPrivileges: 'no-escalation' }[what];

/** Which checks of `berth lint` it may break, and why. */
export const looseningIgnores = ({ loosened = [] }: WithLoosened): readonly (readonly [id: string, reason: string])[] =>
  [...Map.groupBy(loosened, ({ what }) => ruleOf(what))].map(([id, all]) => [
    id,
    [...new Set(all.map(({ because }) => because))].join(', and '),
  ]);
