import type { Artifact } from '../../../model/artifact.ts';
import { BerthError } from '../../../model/errors.ts';
import { hasOtherEdge } from '../../../model/kubernetes-spec.ts';
import type { Plan } from '../../../model/plan.ts';
import type { PlannedService } from '../../../model/planned-service.ts';
import { writeDocuments } from '../write-yaml.ts';
import type { YamlDocument } from '../write-yaml.ts';
import { renderApp, renderWorker } from './app.ts';
import { renderCertificates } from './certificates.ts';
import { renderEdgeManifests, renderGateway, renderIngress } from './edge.ts';
import { hasOperator, imagesFile, renderBase, renderImageFields, renderOverlay } from './kustomization.ts';
import { renderNamespace, renderNamespaces } from './namespace.ts';
import type { Scene } from './scene.ts';
import { renderOperated } from './cloudnative-pg.ts';
import { renderPublicKeys } from './public-keys.ts';
import { renderStateful } from './stateful.ts';
import { renderJob, renderTask } from './task.ts';
import { renderVolumes } from './volumes.ts';

const folder = 'k8s/generated';
const extra = { namespace: '00-namespace', edge: '00-edge', certificates: '00-certificates', volumes: '00-volumes', backups: '00-backups' };

const hasForeignEdge = ({ kubernetes }: Plan): boolean => kubernetes !== undefined && hasOtherEdge(kubernetes);

/** The files of k8s/generated without their ending; no service begins with a digit. */
const namesOf = (plan: Plan): readonly string[] => [
  extra.namespace,
  ...(plan.kubernetes?.certificate === 'cert-manager' ? [extra.certificates] : []),
  ...(plan.volumes.length > 0 ? [extra.volumes] : []),
  ...(plan.agents.length > 0 ? [extra.backups] : []),
  ...(hasForeignEdge(plan) ? [extra.edge] : []),
  // Migrations of no slot are no Job.
  ...plan.services
    .filter(({ name, kind, slotted }) => kind === 'server' || !slotted || plan.release.get(name)?.length !== 0)
    .map(({ name }) => name),
];

/** Every path that {@link renderKubernetes} writes. */
export const kubernetesPaths = (plan: Plan): readonly string[] => [
  ...[...namesOf(plan), 'kustomization'].map((name) => `${folder}/${name}.yaml`),
  'k8s/site/kustomization.yaml',
  ...(hasOperator({ plan }) ? [`k8s/site/${imagesFile}`] : []),
];

/** What is mounted, below k8s/generated: kustomize makes ConfigMaps of nothing outside its folder. */
export const placeConfigs = (plan: Plan, configs: readonly Artifact[]): readonly Artifact[] =>
  configs
    .filter(({ path }) => plan.services.some(({ mounts }) => mounts.some(({ source }) => path.startsWith(`${source}/`))))
    .map((artifact) => ({ ...artifact, path: `${folder}/${artifact.path}` }));

/** The namespaces alone, for k8s/secrets: those are applied first, and a Secret needs its namespace. */
export function renderNamespacesFirst(plan: Plan): Artifact {
  if (!plan.kubernetes) throw new Error('this plan is for another target');
  const scene = sceneOf({ plan, images: {}, overlaid: (image) => image, merged: new Map(), secretVersion: () => 0, publicKeys: new Map() });
  return {
    path: 'k8s/secrets/00-namespace.yaml',
    content: writeDocuments(
      'Written by Berth. A Secret needs its namespace, so it stands here as in k8s/generated.',
      renderNamespaces(scene),
    ),
    mode: 0o600,
    policy: 'secret',
  };
}

export type KubernetesInput = Pick<Scene, 'plan' | 'images' | 'overlaid' | 'secretVersion' | 'publicKeys'> & {
  /** Every file of the site as it will be after merging. */
  readonly merged: ReadonlyMap<string, string>;
};

function sceneOf({ plan, merged, ...rest }: KubernetesInput): Scene {
  if (!plan.kubernetes) throw new Error('this plan is for another target');
  const inside = `${folder}/config/`;
  const contents = new Map([...merged].flatMap(([path, text]) => (path.startsWith(inside) ? [[path.slice(folder.length + 1), text]] : [])));
  return { plan, kubernetes: plan.kubernetes, contents, ...rest };
}

const documentsOf = (scene: Scene, service: PlannedService): readonly YamlDocument[] => {
  if (service.kind === 'task') return renderTask(scene, service);
  if (service.kind === 'job') return renderJob(scene, service);
  if (service.role === 'edge') return renderEdgeManifests(scene, service);
  if (service.role === 'app') return service.slotted ? renderApp(scene, service) : renderWorker(scene, service);
  return service.operator ? renderOperated(scene, service) : renderStateful(scene, service);
};

function documentsNamed(scene: Scene, name: string): readonly YamlDocument[] {
  if (name === extra.namespace) return renderNamespace(scene);
  if (name === extra.volumes) return renderVolumes(scene);
  if (name === extra.backups) return renderPublicKeys(scene);
  if (name === extra.certificates) return renderCertificates(scene);
  if (name === extra.edge) return scene.kubernetes.expose === 'gateway' ? renderGateway(scene) : renderIngress(scene);
  const service = scene.plan.services.find((candidate) => candidate.name === name);
  return service ? documentsOf(scene, service) : [];
}

/**
 * The manifests of a site: k8s/generated, a kustomize base with one file a component, and k8s/site, the overlay over it.
 */
export function renderKubernetes(input: KubernetesInput): readonly Artifact[] {
  const scene = sceneOf(input);
  const { plan } = scene;
  const files = namesOf(plan).map((name) => ({ name, documents: documentsNamed(scene, name) }));
  refuseCollisions(files.flatMap(({ documents }) => documents));
  return [
    ...files.map(({ name, documents }): Artifact => ({
      path: `${folder}/${name}.yaml`,
      content: writeDocuments(
        `Written by Berth from berth.yaml and release.yaml. \`berth generate\` replaces it, and refuses to when it was edited.\nYour own changes belong into k8s/site. Why a number is what it is: \`berth explain${name.startsWith('0') ? '' : ` ${name}`}\`.`,
        documents,
      ),
      mode: 0o644,
      policy: 'owned',
    })),
    {
      path: `${folder}/kustomization.yaml`,
      content: renderBase(
        scene,
        files.map(({ name }) => `${name}.yaml`),
      ),
      mode: 0o644,
      policy: 'owned',
    },
    { path: 'k8s/site/kustomization.yaml', content: renderOverlay(scene), mode: 0o644, policy: 'once' },
    ...(hasOperator(scene) ? [{ path: `k8s/site/${imagesFile}`, content: renderImageFields(), mode: 0o644, policy: 'once' } as const] : []),
  ];
}

/** Two services may want the same name for what Berth adds beside them. */
function refuseCollisions(documents: readonly YamlDocument[]): void {
  const seen = new Set<string>();
  for (const { body } of documents) {
    const { kind, metadata } = body as { readonly kind: string; readonly metadata: { readonly name: string; readonly namespace?: string } };
    const id = `${kind} ${metadata.name}${metadata.namespace === undefined ? '' : ` in ${metadata.namespace}`}`;
    if (seen.has(id)) throw new BerthError('spec', `two services would have the same ${id}`, 'give one of them another name in berth.yaml');
    seen.add(id);
  }
}
