import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as client from '@kubernetes/client-node';

/** The kinds that Berth writes, by the model that the API client has for each. */
const kinds: Readonly<Record<string, string>> = {
  'v1 Namespace': 'V1Namespace',
  'v1 ServiceAccount': 'V1ServiceAccount',
  'v1 ResourceQuota': 'V1ResourceQuota',
  'v1 LimitRange': 'V1LimitRange',
  'v1 ConfigMap': 'V1ConfigMap',
  'v1 Secret': 'V1Secret',
  'v1 PersistentVolumeClaim': 'V1PersistentVolumeClaim',
  'v1 Service': 'V1Service',
  'apps/v1 Deployment': 'V1Deployment',
  'apps/v1 StatefulSet': 'V1StatefulSet',
  'batch/v1 Job': 'V1Job',
  'batch/v1 CronJob': 'V1CronJob',
  'rbac.authorization.k8s.io/v1 Role': 'V1Role',
  'rbac.authorization.k8s.io/v1 RoleBinding': 'V1RoleBinding',
  'autoscaling/v2 HorizontalPodAutoscaler': 'V2HorizontalPodAutoscaler',
  'policy/v1 PodDisruptionBudget': 'V1PodDisruptionBudget',
  'networking.k8s.io/v1 NetworkPolicy': 'V1NetworkPolicy',
  'networking.k8s.io/v1 Ingress': 'V1Ingress',
  'scheduling.k8s.io/v1 PriorityClass': 'V1PriorityClass',
};

/** What the cluster alone writes. */
const notWritten = [
  'status',
  'managedFields',
  'resourceVersion',
  'uid',
  'creationTimestamp',
  'deletionTimestamp',
  'generation',
  'selfLink',
];

interface Model {
  getAttributeTypeMap(): readonly { readonly name: string; readonly baseName: string; readonly type: string }[];
}
const models = client as unknown as Readonly<Record<string, Model | undefined>>;
const declarations = join(import.meta.dirname, '../node_modules/@kubernetes/client-node/dist/gen/models');

export interface KubernetesFields {
  readonly kinds: Readonly<Record<string, string>>;
  /** Fields of a type with their own types; one that must be there ends in !. */
  readonly types: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** Every field of those kinds, as the official API client knows them: the OpenAPI document of Kubernetes without its prose. */
export function kubernetesFields(): KubernetesFields {
  const types: Record<string, Record<string, string>> = {};
  const visit = (type: string): void => {
    const name = /^(?:Array<)?(?:\{ \[key: string\]: )?([A-Za-z0-9]+)/.exec(type)?.[1] ?? '';
    const model = models[name];
    if (types[name] || !model?.getAttributeTypeMap) return;
    const declared = readFileSync(join(declarations, `${name}.d.ts`), 'utf8');
    const fields = model.getAttributeTypeMap().filter(({ baseName }) => !notWritten.includes(baseName));
    types[name] = Object.fromEntries(
      fields.map((field) => [declared.includes(`'${field.name}': `) ? `${field.baseName}!` : field.baseName, field.type]),
    );
    for (const field of fields) visit(field.type);
  };
  for (const type of Object.values(kinds)) visit(type);
  return { kinds, types: Object.fromEntries(Object.entries(types).sort(([a], [b]) => (a < b ? -1 : 1))) };
}
