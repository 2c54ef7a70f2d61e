import type { Plan } from '../../model/plan.ts';
import type { HardwareProfile } from '../../model/profile.ts';
import type { StackSpec } from '../../model/stack-spec.ts';
import { describeSize } from '../../model/units.ts';
import type { MiB } from '../../model/units.ts';

interface NoteInput {
  readonly spec: StackSpec;
  readonly profile: HardwareProfile;
  readonly images: Plan['images'];
  readonly scaled: readonly string[];
  /** `9.4 GiB of 16 GiB`. */
  readonly describe: string;
  readonly cpus: string;
  /** What the edge can hold of uploads that the application has not taken yet. */
  readonly uploads: MiB;
}

const topologyName = {
  'primary-replica': 'a primary with a replica',
  'cluster': 'a cluster',
  'sentinel': 'three nodes with Sentinel',
  'single': 'a single node',
} as const;

/** What a careful reader must know before trusting the site. */
export function notesOf({ spec, profile, images, scaled, describe, cpus, uploads }: NoteInput): readonly string[] {
  const beyond = (names: readonly { name: string }[], topology: keyof typeof topologyName) =>
    topology === 'single'
      ? []
      : names.map(
          ({ name }) =>
            `${name} is single until this version of Berth can set up ${topologyName[topology]}, which profile ${profile.name} asks for`,
        );
  return [
    ...(scaled.length > 0 ? [`scaled down to fit ${cpus} and ${describe} in use: ${scaled.join('; ')}`] : []),
    ...(spec.host?.fit === false
      ? [`not fitted to a host: these sizes take ${describe.split(' of ')[0]}, and Docker refuses a CPU limit above the host’s CPUs`]
      : []),
    ...beyond(spec.databases, profile.database.topology.value),
    ...beyond(spec.caches, profile.cache.topology.value),
    ...spec.caches
      .filter(({ use }) => use !== 'cache')
      .map(
        ({ name, use }) =>
          `${name} keeps its data (use: ${use}) on disk and saves from a copy of its process: set vm.overcommit_memory=1 on the host, or a save may fail when memory is short`,
      ),
    ...spec.services.flatMap((app) =>
      app.routes
        .filter(({ body, stream }) => !stream && body > uploads)
        .map(
          ({ path, body }) =>
            `${app.name} ${path}: a request may have ${describeSize(body)}, and the edge has ${describeSize(uploads)} to hold it until the application takes it; set stream: true on this route, so that it is handed on as it comes`,
        ),
    ),
    'backups are not set up yet: the room for the agent that makes them is kept free, and until then copies are yours to make',
    ...images
      .filter((image) => image.status !== 'supported')
      .map(
        (image) =>
          `${image.reference} is ${image.status}: ${image.note ?? 'no fixes'}${image.replacement ? `; instead: ${image.replacement}` : ''}`,
      ),
  ];
}
