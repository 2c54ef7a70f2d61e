import { valkey } from '../../model/engines/valkey.ts';
import type { HostNeeds } from '../../model/host-needs.ts';
import type { Plan } from '../../model/plan.ts';
import type { PlannedService } from '../../model/planned-service.ts';
import { mib, milliCpu } from '../../model/units.ts';

/**
 * Engines that fork to save and so ask the kernel for as much memory again, for a moment, as they hold; with transparent huge pages that moment copies far more.
 * Source: the manuals of Redis and Valkey, "Diagnosing latency issues".
 */
const forking = /(?:^|\/)(?:valkey|redis)/;
/** vm.max_map_count. Source: the production notes of MongoDB; the bootstrap checks of Elasticsearch and OpenSearch. */
const memoryMaps: readonly (readonly [image: RegExp, maps: number])[] = [
  [/(?:^|\/)mongo/, 128_000],
  [/(?:^|\/)(?:elasticsearch|opensearch)/, 262_144],
];

const largest = (services: readonly PlannedService[], pick: (service: PlannedService) => number): PlannedService | undefined =>
  [...services].sort((a, b) => pick(b) - pick(a))[0];

function imagesOf(plan: Plan): HostNeeds['images'] {
  const references = plan.services.flatMap((service) => {
    const builtHere = service.build !== undefined;
    if (service.slotted) return (plan.release.get(service.name) ?? []).map(({ image }) => ({ reference: image, builtHere }));
    return [{ reference: plan.images.find(({ key }) => key === service.image)?.reference ?? service.image, builtHere }];
  });
  return [...new Map(references.map((image) => [image.reference, image])).values()];
}

/** What a plan for Compose asks of the host. */
export function hostNeedsOf(plan: Plan): HostNeeds {
  const { services, host } = plan;
  const cpu = largest(services, ({ size }) => size.cpu);
  const files = largest(services, ({ nofile = 0 }) => nofile);
  const ofImage = ({ image }: PlannedService): string => plan.images.find(({ key }) => key === image)?.reference ?? image;
  return {
    site: plan.name,
    largestCpu: { service: cpu?.name ?? '', cpu: cpu?.size.cpu ?? milliCpu(0) },
    memory: plan.budget.sum,
    ...(host === undefined ? {} : { sizedFor: { cpus: host.cpus, memory: host.memory } }),
    disk: mib(plan.disk.reduce((sum, { size }) => sum + size, 0)),
    ports: services.flatMap(({ ports }) => ports.map(({ published }) => published)),
    subnets: new Map(
      Object.entries(plan.network).filter(([name]) => services.some(({ networks }) => networks.some((one) => one === name))),
    ),
    images: imagesOf(plan),
    openFiles: { service: files?.name ?? '', files: files?.nofile ?? 0 },
    domain: plan.domain,
    egress: services.filter(({ networks }) => networks.includes('egress')).map(({ name }) => name),
    // Without a volume it saves nothing, and a Sentinel has nothing to save.
    forking: services
      .filter((service) => service.volumes.length > 0 && forking.test(ofImage(service)) && service.port !== valkey.sentinel.port)
      .map(({ name }) => name),
    outside: plan.outside,
    memoryMaps: services.flatMap((service) =>
      memoryMaps.filter(([image]) => image.test(ofImage(service))).map(([, maps]) => ({ service: service.name, maps })),
    ),
  };
}
