import { BerthError } from '../../model/errors.ts';
import { slots } from '../../model/release.ts';
import type { Release, SlotRelease, WrittenRelease } from '../../model/release.ts';
import { servedOf } from '../../model/stack-spec.ts';
import type { AppSpec } from '../../model/app-spec.ts';
import type { StackSpec } from '../../model/stack-spec.ts';

/** The first release of a site: every service in its blue slot. */
export const firstRelease = (spec: StackSpec): WrittenRelease => ({
  apiVersion: 'berth/v1',
  services: Object.fromEntries(servedOf(spec).map((app) => [app.name, { blue: { image: app.image, weight: 100 } }])),
});

/**
 * Fill in the replicas: all of them for the slot with the most weight, one (the surge replica) for the other.
 * @throws BerthError `capacity` when the services would run more replicas than the host was divided for.
 */
export function resolveRelease(written: WrittenRelease, spec: StackSpec, replicas: (service: string) => number): Release {
  const surplus: string[] = [];
  const release = new Map(
    servedOf(spec).map((app) => {
      const service = (Object.hasOwn(written.services, app.name) ? written.services[app.name] : undefined) ?? {};
      const filled = slots.flatMap((slot) => {
        const found = service[slot];
        return found ? [{ slot, ...found }] : [];
      });
      const live = [...filled].sort((a, b) => b.weight - a.weight)[0]?.slot;
      const migrating = service.migrations ?? filled[0]?.slot;
      const resolved = filled.map(({ slot, image, weight, replicas: asked }): SlotRelease => ({
        slot,
        image,
        weight,
        migrates: slot === migrating,
        replicas: asked ?? (slot === live ? replicas(app.name) : 1),
      }));
      const sum = resolved.reduce((all, { replicas: count }) => all + count, 0);
      if (sum > replicas(app.name) + 1)
        throw new BerthError(
          'capacity',
          `release.yaml runs ${sum} replicas of ${app.name} at once; the host is divided for ${replicas(app.name)} and one surge replica`,
          `lower services.${app.name}.*.replicas in release.yaml, or raise services.${app.name}.replicas in berth.yaml`,
        );
      if (sum > replicas(app.name)) surplus.push(app.name);
      return [app.name, resolved] as const;
    }),
  );
  if (surplus.length > 1)
    throw new BerthError(
      'capacity',
      `release.yaml runs one more replica of ${surplus.join(' and of ')} at once; the host is divided for one surge replica of one service`,
      'change one service at a time: in all but one, empty the slot that is not live or give it replicas: 0',
    );
  return release;
}

/** The image that an application without slots runs: its own, or that of the slot with the most weight of the service that it follows. */
export function imageOf(app: AppSpec, release: Release): string {
  const [live] = [...(release.get(app.follows ?? '') ?? [])].sort((a, b) => b.weight - a.weight);
  return live?.image ?? app.image;
}
