import { mib } from '../units.ts';
import type { MiB } from '../units.ts';

/**
 * Facts about MinIO, from its source and its image.
 * The image owns no folder for its data. A fresh named volume takes owner and mode of the folder it is mounted on,
 * and /var/tmp (1777) is the one that an unprivileged user may write to: so the volume is mounted there, and no root is needed to prepare it.
 */
export const minio = {
  port: 9000,
  volumeFolder: '/var/tmp',
  dataFolder: '/var/tmp/data',
  /** One request holds a block of 1 MiB plus 32 KiB for each drive, and 2 MiB beside. Source: cmd/handler-api.go. */
  requestMiB: (drives: number): number => 1 + (32 / 1024) * drives + 2,
  /**
   * The image declares /data as a volume that Berth does not use. Unless something is mounted there, Docker makes an anonymous one, writable and on disk,
   * for every container, and `down` leaves it behind: so a folder in memory covers it.
   */
  declaredFolder: '/data',
  /** Folders in memory, whose pages count towards the limit. */
  declaredMiB: 1,
  tmpMiB: 16,
  /** The process without any request, both folders above included. */
  baseMiB: 192,
  /** Of four drives, two hold what is needed to make good the loss of two; reading goes on with two, writing with three. Source: its erasure code calculator. */
  parity: 2,
  region: 'us-east-1',
} as const;

/** What each of several drives has to hold of so much data, in whole GiB: the parts of an object lie on all of them, those that make good a loss among them. */
export const eachDrive = (disk: MiB, drives: number): MiB => mib(Math.ceil(disk / (drives - minio.parity) / 1024) * 1024);
