import type { YamlDocument } from '../write-yaml.ts';
import { object } from './objects.ts';
import { publicKeyOf, publicKeys, siteLabels } from './scene.ts';
import type { Scene } from './scene.ts';

/** Who may open backups and who signed them; both are files of the site, where kustomize reads none. */
export const renderPublicKeys = (scene: Scene): readonly YamlDocument[] => [
  object(
    'v1',
    'ConfigMap',
    { name: publicKeys, namespace: scene.kubernetes.namespace, labels: siteLabels(scene.plan) },
    { data: Object.fromEntries([...scene.publicKeys].map(([path, text]) => [publicKeyOf(path), text])) },
    'Public keys alone: who may open backups, and who signs them. What opens or signs them is in k8s/secrets, or on no host at all.',
  ),
];
