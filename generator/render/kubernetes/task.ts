import type { PlannedService } from '../../../model/planned-service.ts';
import type { YamlDocument } from '../write-yaml.ts';
import { looseningIgnores } from '../loosened.ts';
import { networkPolicies } from './network.ts';
import { metaOf, object, serviceAccount, withToken } from './objects.ts';
import { podTemplate } from './pod.ts';
import { taskHash } from './scene.ts';
import type { Scene } from './scene.ts';

/**
 * A first start in a slow cluster: volumes are made for ten minutes, and images come over a thin line before that counts at all. A database that does not answer
 * costs a try of three minutes, and the pauses between grow to five: the hour is over first.
 */
const attempts = 12;
const taskDeadline = 3600;

/**
 * A Job cannot be changed, so its name carries the hash of everything it was made of. Ten minutes after its end it goes: the next apply runs it again,
 * which changes nothing when nothing is to do, as every `up` does on Compose. Migrations stay, so that they run once: what they did is written down in the database.
 */
export function renderTask(scene: Scene, service: PlannedService): readonly YamlDocument[] {
  const [slot] = scene.plan.release.get(service.name) ?? [];
  const template = podTemplate(scene, service, {
    // What has failed stays, with its log, as long as the Job does.
    restartPolicy: 'Never',
    ...(slot ? { slot: { name: slot.slot, image: slot.image } } : {}),
  });
  const once = service.finish !== undefined;
  return [
    ...serviceAccount(scene, service),
    object(
      'batch/v1',
      'Job',
      metaOf(scene, service, {
        name: `${service.name}-${taskHash(scene, service, template)}`,
        ...(slot ? { slot: slot.slot } : {}),
        ignore: [
          ...looseningIgnores(service),
          ...withToken(service),
          ...(once ? [['job-ttl', 'while it is there, an apply does not run the migrations again'] as const] : []),
        ],
      }),
      {
        spec: {
          // A migration waits for its database by itself, so what fails is the migration: it is tried for some ten minutes, for one that met a restart.
          backoffLimit: once ? 6 : attempts,
          activeDeadlineSeconds: service.deadline ?? taskDeadline,
          ttlSecondsAfterFinished: once ? undefined : 600,
          template,
        },
      },
      service.title,
    ),
    ...networkPolicies(scene, service),
  ];
}

/** What runs at set times, one run at a time. */
export function renderJob(scene: Scene, service: PlannedService): readonly YamlDocument[] {
  const { cron, timeZone, deadline } = service.schedule ?? {};
  return [
    ...serviceAccount(scene, service),
    object(
      'batch/v1',
      'CronJob',
      metaOf(scene, service, { ignore: [...looseningIgnores(service), ...withToken(service)] }),
      {
        spec: {
          schedule: cron ?? '',
          // Older versions have no zones: their controller takes the one it runs in, commonly UTC.
          timeZone: scene.kubernetes.minor >= 27 ? timeZone : undefined,
          concurrencyPolicy: 'Forbid',
          // A start that was missed, as the controller was away, is made up for within the hour.
          startingDeadlineSeconds: 3600,
          successfulJobsHistoryLimit: 1,
          failedJobsHistoryLimit: 3,
          jobTemplate: {
            spec: { backoffLimit: 0, activeDeadlineSeconds: deadline, template: podTemplate(scene, service, { restartPolicy: 'Never' }) },
          },
        },
      },
      service.title,
    ),
    ...networkPolicies(scene, service),
  ];
}
