import { restoreFolder, restoreMark } from '../../../model/backup/exchange-mark.ts';
import type { Decision } from '../../../model/decision.ts';
import type { PlannedService, SharedVolume, Size } from '../../../model/planned-service.ts';
import type { HardwareProfile } from '../../../model/profile.ts';
import type { AppSpec } from '../../../model/app-spec.ts';
import type { StackSpec, VolumeSpec } from '../../../model/stack-spec.ts';
import { mib, seconds } from '../../../model/units.ts';
import type { MiB } from '../../../model/units.ts';
import { replicasOf } from '../connections.ts';

/** The volume itself and, on Compose, the task that makes it writable. */
export const volumeName = (name: string): string => `${name}-volume`;

export const sharedOf = (app: AppSpec): NonNullable<PlannedService['shared']> =>
  app.volumes.map(({ name, path, readOnly }) => ({ name: volumeName(name), target: path, readOnly }));

/**
 * Every image has this folder, empty and open to all: a new volume that is mounted there first takes over its mode. The marker keeps the volume from being
 * new any longer, so that no image that is mounted over it later changes that again. No root is needed.
 */
const openFolder = '/var/tmp';
const marker = `${openFolder}/.berth-volume`;
const script = (name: string, user: string): string =>
  `if [ -e ${openFolder}/${restoreFolder}/${restoreMark} ]; then echo "a restore of the volume ${name} is half done: run it again" >&2; exit 1; fi; touch ${marker} && exit 0; echo "the volume ${name} cannot be written by ${user}: $(ls -ldn ${openFolder})" >&2; exit 1`;

export interface PlannedVolume {
  readonly volume: SharedVolume;
  /** Compose alone: the kubelet gives a claim to the group of its pods. */
  readonly task?: PlannedService;
  readonly decisions: readonly Decision[];
}

export function planVolume(
  { name, storageClass }: VolumeSpec,
  spec: StackSpec,
  profile: HardwareProfile,
  disk: MiB,
  task: () => Size,
): PlannedVolume {
  const mounting = spec.services.filter(({ volumes }) => volumes.some((mount) => mount.name === name));
  const [first, ...others] = mounting;
  if (!first) throw new Error(`nobody mounts ${name}; the spec should have refused it`);
  // What stands in slots stands twice while one replaces the other.
  const alone = others.length === 0 && first.http === undefined && replicasOf(first, profile) === 1 && first.scaling === undefined;
  const chosen = storageClass ?? spec.kubernetes.storageClass;
  const volume: SharedVolume = {
    name: volumeName(name),
    size: disk,
    holds: `files of ${mounting.map((app) => app.name).join(', ')}`,
    alone,
    ...(chosen === undefined ? {} : { storageClass: chosen }),
  };
  if (spec.target === 'kubernetes')
    return {
      volume,
      decisions: [
        {
          key: `${name}.accessMode`,
          value: alone ? 'ReadWriteOnce' : 'ReadWriteMany',
          formula: 'ReadWriteOnce where one pod at a time mounts it, else ReadWriteMany',
          inputs: { 'mounted by': mounting.map((app) => `${app.name} × ${replicasOf(app, profile)}`).join(', ') },
          source: 'Kubernetes: pods on several nodes share only a ReadWriteMany volume',
          change: `the services that mount it, and volumes.${name}.storageClass in berth.yaml`,
        },
      ],
    };
  return {
    volume,
    task: {
      name: volumeName(name),
      role: 'task',
      title: `makes the volume ${name} writable for ${first.user}; changes nothing when it is`,
      kind: 'task',
      image: 'nginx',
      slotted: false,
      replicas: 1,
      size: task(),
      user: first.user,
      entrypoint: ['/bin/sh', '-c', script(name, first.user)],
      env: {},
      secretEnv: {},
      secretFiles: [],
      mounts: [],
      volumes: [],
      shared: [{ name: volumeName(name), target: openFolder, readOnly: false }],
      tmpfs: [{ path: '/tmp', size: mib(16), mode: '1777' }],
      ports: [],
      connects: [],
      gates: [],
      stopGrace: seconds(10),
      networks: ['app'],
      after: [],
    },
    decisions: [],
  };
}
