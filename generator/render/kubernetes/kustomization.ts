import { stepsOf } from '../../../model/planned-service.ts';
import { splitImage } from '../../../model/names.ts';
import { writeYaml } from '../write-yaml.ts';
import type { Yaml } from '../write-yaml.ts';
import { configMapOf, imageOf, podOf, siteLabels } from './scene.ts';
import type { Scene } from './scene.ts';

const head = { apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization' };

/** The base: every component, and the ConfigMaps that are made of config/. */
export function renderBase(scene: Scene, files: readonly string[]): string {
  const sources = scene.plan.services.flatMap((service) =>
    service.mounts
      .filter(({ source }) => source.startsWith('config/'))
      .map(({ source, restarts }) => ({ source, restarts, namespace: podOf(scene, service).namespace })),
  );
  // A folder that several services mount is one ConfigMap.
  const once = new Map(sources.map((one) => [`${one.source} ${one.namespace}`, one]));
  const generator = [...once.values()].map(({ source, restarts, namespace }): Yaml => ({
    name: configMapOf(source),
    namespace,
    files: [...scene.contents.keys()].filter((path) => path.startsWith(`${source}/`)).sort(),
    options: {
      labels: siteLabels(scene.plan),
      // Read anew while it runs: a change must not restart anything.
      disableNameSuffixHash: restarts ? undefined : true,
    },
  }));
  return `# Written by Berth from berth.yaml and release.yaml. \`berth generate\` replaces it, and refuses to when it was edited.
# Your own changes belong into ../site. Installation: kubectl apply -f k8s/secrets && kubectl apply -k k8s/site
${writeYaml({ ...head, resources: files, configMapGenerator: generator.length > 0 ? generator : undefined })}`;
}

/** Whether an operator runs a database: its custom resource names an image where kustomize looks for none. */
export const hasOperator = ({ plan }: Pick<Scene, 'plan'>): boolean => plan.services.some(({ operator }) => operator !== undefined);
/** Beside the overlay. */
export const imagesFile = 'images.yaml';

/** Tells kustomize that the custom resource of an operator names an image, too; written once with the overlay. */
export const renderImageFields =
  (): string => `# Where images stand beside those of containers, so that \`images:\` of kustomization.yaml rewrites them, too.
${writeYaml({ images: [{ path: 'spec/imageName', group: 'postgresql.cnpg.io', kind: 'Cluster' }] })}`;

/** The overlay, written once: whatever a site wants otherwise. */
export function renderOverlay(scene: Scene): string {
  const images = [
    ...new Set(
      scene.plan.services
        .flatMap((service) => [
          ...(service.slotted ? (scene.plan.release.get(service.name) ?? []).map(({ image }) => image) : [imageOf(scene, service.image)]),
          ...stepsOf(service).map(({ image }) => imageOf(scene, image)),
        ])
        .map((image) => splitImage(image).repository),
    ),
  ].sort();
  const state = scene.plan.services.find(({ volumes }) => volumes.length > 0)?.name ?? 'database';
  return `# Yours: Berth wrote it once and never touches it again. What you say here holds over k8s/generated, which Berth replaces.
# \`kubectl kustomize k8s/site\` shows the result, \`kubectl apply -k k8s/site\` brings it into force.
${writeYaml({ ...head, resources: ['../generated'], configurations: hasOperator(scene) ? [imagesFile] : undefined })}
# Images from a registry of your own: take the # away and name it. Tags stay as they are. Then \`berth generate\`: Jobs are named by it.
# images:
${images.map((name) => `#   - name: ${name}\n#     newName: registry.example.internal/${name.replace(/^(?:localhost|[^/]*[.:][^/]*)\//, '')}\n`).join('')}
# Databases on certain nodes:
# patches:
#   - target: { kind: StatefulSet, name: ${state} }
#     patch: |
#       - op: add
#         path: /spec/template/spec/nodeSelector
#         value: { disk: ssd }
# A storage class for every volume is \`kubernetes.storageClass\` in berth.yaml; another one for a single volume, before the first apply:
#   - target: { kind: StatefulSet, name: ${state} }
#     patch: |
#       - op: add
#         path: /spec/volumeClaimTemplates/0/spec/storageClassName
#         value: fast
`;
}
