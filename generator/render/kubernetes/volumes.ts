import type { YamlDocument } from '../write-yaml.ts';
import { object } from './objects.ts';
import { memory } from './pod.ts';
import { siteLabels } from './scene.ts';
import type { Scene } from './scene.ts';

/** A claim for each volume that applications share. */
export const renderVolumes = (scene: Scene): readonly YamlDocument[] =>
  scene.plan.volumes.map(({ name, size, holds, alone, storageClass }) =>
    object(
      'v1',
      'PersistentVolumeClaim',
      { name, namespace: scene.kubernetes.namespace, labels: siteLabels(scene.plan) },
      {
        spec: {
          accessModes: [alone ? 'ReadWriteOnce' : 'ReadWriteMany'],
          storageClassName: storageClass,
          resources: { requests: { storage: memory(size) } },
        },
      },
      `${holds.replace(/^./, (letter) => letter.toUpperCase())}. ${alone ? 'One pod at a time mounts it, so any class will do.' : 'Pods on several nodes write to it at once: its class must be able to.'}`,
    ),
  );
