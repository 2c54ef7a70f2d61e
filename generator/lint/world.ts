import { at, entries, list, text } from './check.ts';
import type { Hit, Json } from './check.ts';

/** One object of a cluster. */
export interface Manifest {
  readonly id: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace: string;
  readonly body: Json;
}

export interface Container {
  readonly body: Json;
  readonly path: string;
  readonly init: boolean;
}

/** An object with pods, and how they are described. */
export interface Workload extends Manifest {
  readonly pod: Json;
  readonly podPath: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly containers: readonly Container[];
  /** Most pods that it stands for; `undefined` when an autoscaler says. */
  readonly replicas: number | undefined;
}

/** All objects of a site, and the keys of its Secrets, which stand elsewhere. */
export interface World {
  readonly objects: readonly Manifest[];
  readonly workloads: readonly Workload[];
  readonly secrets: ReadonlySet<string>;
}

const podPaths: Readonly<Record<string, readonly string[]>> = {
  Deployment: ['spec', 'template'],
  StatefulSet: ['spec', 'template'],
  Job: ['spec', 'template'],
  CronJob: ['spec', 'jobTemplate', 'spec', 'template'],
};

function workloadOf(manifest: Manifest): readonly Workload[] {
  const path = podPaths[manifest.kind];
  if (!path) return [];
  const template = at(manifest.body, ...path);
  const pod = at(template, 'spec');
  const podPath = [...path, 'spec'].join('.');
  const containersIn = (key: string, init: boolean) =>
    list(at(pod, key)).map((body, index): Container => ({ body, init, path: `${podPath}.${key}[${index}]` }));
  const replicas = at(manifest.body, 'spec', 'replicas');
  return [
    {
      ...manifest,
      pod,
      podPath,
      labels: Object.fromEntries(entries(at(template, 'metadata', 'labels')).map(([key, value]) => [key, text(value)])),
      containers: [...containersIn('initContainers', true), ...containersIn('containers', false)],
      replicas: typeof replicas === 'number' ? replicas : manifest.kind === 'Deployment' || manifest.kind === 'StatefulSet' ? undefined : 1,
    },
  ];
}

export function worldOf(bodies: readonly Json[], secrets: Iterable<string>): World {
  const objects = bodies.map((body): Manifest => {
    const [kind, name, namespace] = [text(at(body, 'kind')), text(at(body, 'metadata', 'name')), text(at(body, 'metadata', 'namespace'))];
    return { id: `${kind} ${namespace === '' ? '' : `${namespace}/`}${name}`, kind, name, namespace, body };
  });
  return { objects, workloads: objects.flatMap(workloadOf), secrets: new Set(secrets) };
}

export const ofKind = ({ objects }: World, kind: string): readonly Manifest[] => objects.filter((object) => object.kind === kind);
export const servers = ({ workloads }: World): readonly Workload[] =>
  workloads.filter(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet');

/** Whether a selector of labels takes these. */
export const selects = (selector: Json, labels: Readonly<Record<string, string>>): boolean =>
  entries(selector).every(([key, value]) => labels[key] === value);
export const hit = ({ id }: Manifest, path: string, found: string): Hit => ({ object: id, path, found });

export const sameSpace = (a: Manifest, b: Manifest): boolean => a.namespace === b.namespace;
export const scalerOf = (world: World, workload: Workload): Manifest | undefined =>
  ofKind(world, 'HorizontalPodAutoscaler').find(
    (scaler) => sameSpace(scaler, workload) && at(scaler.body, 'spec', 'scaleTargetRef', 'name') === workload.name,
  );
