import type { PlannedService } from '../../../model/plan.ts';
import type { YamlDocument } from '../write-yaml.ts';
import { networkPolicy } from './network.ts';
import { metaOf, object, serviceAccount } from './objects.ts';
import { podTemplate } from './pod.ts';
import { taskHash } from './scene.ts';
import type { Scene } from './scene.ts';

/**
 * A Job cannot be changed, so its name carries the hash of everything it was made of. Ten minutes after its end it goes: the next apply runs it again,
 * which changes nothing when nothing is to do, as every `up` does on Compose.
 */
export function renderTask(scene: Scene, service: PlannedService): readonly YamlDocument[] {
  const template = podTemplate(scene, service, { restartPolicy: 'OnFailure' });
  return [
    serviceAccount(scene, service),
    object(
      'batch/v1',
      'Job',
      metaOf(scene, service, { name: `${service.name}-${taskHash(scene, service, template)}` }),
      { spec: { backoffLimit: 6, activeDeadlineSeconds: 900, ttlSecondsAfterFinished: 600, template } },
      service.title,
    ),
    networkPolicy(scene, service),
  ];
}
