import type { ImageCatalogue } from '../../../model/image-catalogue.ts';
import type { KubernetesPlan, PodPlan } from '../../../model/kubernetes-plan.ts';
import type { Plan } from '../../../model/plan.ts';
import type { PlannedService } from '../../../model/planned-service.ts';
import { hash } from '../hash.ts';
import type { Yaml } from '../write-yaml.ts';

/** All that a manifest is made of. */
export interface Scene {
  readonly plan: Plan;
  readonly kubernetes: KubernetesPlan;
  readonly images: ImageCatalogue;
  /** What the overlay of the site makes of an image. */
  readonly overlaid: (image: string) => string;
  /** Content of every file below config/, as it will be after merging. */
  readonly contents: ReadonlyMap<string, string>;
  readonly secretVersion: (name: string) => number;
  /** What agents know others by, by its key in {@link publicKeys}: recipients, signers, the authority of the store. */
  readonly publicKeys: ReadonlyMap<string, string>;
}

/** The ConfigMap with the public keys of backups. */
export const publicKeys = 'backup-keys';
/** Of a path in the site, its key there: a key has no slash. */
export const publicKeyOf = (path: string): string => path.replace(/^backup\//, '').replaceAll('/', '.');

export const podOf = ({ kubernetes }: Scene, service: PlannedService): PodPlan => {
  const pod = kubernetes.pods.get(service.name);
  if (!pod) throw new Error(`no pod was planned for ${service.name}`);
  return pod;
};

/** Labels that never change: selectors are made of them, and a selector cannot be changed. */
export const selectorOf = (plan: Plan, service: string, slot?: string): Readonly<Record<string, string>> => ({
  'app.kubernetes.io/name': service,
  'app.kubernetes.io/instance': plan.name,
  ...(slot === undefined ? {} : { 'berth/slot': slot }),
});

/** The pods of several services that are one whole; of one that is none by itself, its own. */
export const wholeOf = (plan: Plan, { name, whole }: Pick<PlannedService, 'name' | 'whole'>): Readonly<Record<string, string>> =>
  whole === undefined ? selectorOf(plan, name) : { 'berth/whole': whole, 'app.kubernetes.io/instance': plan.name };

/** The pods of a service as a policy finds them; an operator labels them in its own way. */
export const podLabelsOf = (plan: Plan, service: PlannedService): Readonly<Record<string, string>> =>
  service.operator ? { 'cnpg.io/cluster': service.name } : selectorOf(plan, service.name);

export const labelsOf = (plan: Plan, service: string, role: string, slot?: string): Readonly<Record<string, string>> => ({
  ...selectorOf(plan, service, slot),
  'app.kubernetes.io/component': role,
  'app.kubernetes.io/part-of': plan.name,
  'app.kubernetes.io/managed-by': 'berth',
});

/** Labels of what belongs to the site as a whole. */
export const siteLabels = (plan: Plan): Readonly<Record<string, string>> => ({
  'app.kubernetes.io/instance': plan.name,
  'app.kubernetes.io/part-of': plan.name,
  'app.kubernetes.io/managed-by': 'berth',
});

/** A check of `berth lint` that an object may break, and why. */
export type Ignore = readonly [id: string, reason: string];

export const ignoring = (...reasons: readonly Ignore[]): Readonly<Record<string, string>> =>
  reasons.length === 0 ? {} : { 'berth/lint-ignore': reasons.map(([id, reason]) => `${id}: ${reason}`).join('; ') };

/** `config/edge` → `edge`, a ConfigMap; kustomize appends the hash of its content. */
export const configMapOf = (source: string): string => source.slice('config/'.length);
export const secretOf = (scene: Scene, service: string): string =>
  scene.kubernetes.existingSecrets[service] ?? (service === 'tls' ? 'tls' : `${service}-secrets`);
export const priorityClassOf = ({ kubernetes }: Scene, priority: PodPlan['priority']): string => `${kubernetes.namespace}-${priority}`;

export const imageOf = (scene: Scene, image: string): string => scene.images[image]?.reference ?? image;

/** Every image of a pod. */
const imagesIn = (template: Yaml): readonly string[] =>
  Array.from(JSON.stringify(template).matchAll(/"image":"([^"]+)"/g), ([, image = '']) => image);

/** What a task was run with: another value is another Job, which runs once. An image that the overlay takes from elsewhere is another one, too. */
export function taskHash(scene: Scene, service: PlannedService, template: Yaml): string {
  const mounted = [...scene.contents]
    .filter(([path]) => service.mounts.some(({ source }) => path.startsWith(`${source}/`)))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const overlaid = imagesIn(template).flatMap((image) => (scene.overlaid(image) === image ? [] : [scene.overlaid(image)]));
  return hash([JSON.stringify(template), ...mounted.flat(), ...overlaid]).slice(0, 8);
}
