import type { PlannedService } from '../../model/plan.ts';
import { slots } from '../../model/release.ts';
import type { RuntimeConfig } from '../../model/runtime-config.ts';
import type { StackSpec } from '../../model/stack-spec.ts';

/** What the runtime will find at the site, under the names that containers have there. */
export const runtimeOf = (spec: StackSpec, services: readonly PlannedService[]): RuntimeConfig => ({
  version: 1,
  site: spec.name,
  target: spec.target,
  timezone: 'UTC',
  backups: [],
  services: services
    .filter((service) => service.kind === 'server')
    .map((service) => ({
      name: service.name,
      role: service.role,
      ...(service.role === 'app' ? {} : { engine: service.image }),
      hosts: service.slotted ? slots.map((slot) => `${service.name}-${slot}`) : [service.name],
      ...(service.port === undefined ? {} : { port: service.port }),
    })),
});
