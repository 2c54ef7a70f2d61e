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
  requestMiB: 1 + 32 / 1024 + 2,
  /** The process without any request. */
  baseMiB: 192,
  region: 'us-east-1',
} as const;
