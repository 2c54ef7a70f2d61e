/**
 * Facts about SeaweedFS, from its source, its documentation and its image. One process is master, volume server, filer and S3 gateway at once.
 */
export const seaweedfs = {
  /** Of the S3 gateway: the only port that others reach. */
  port: 8333,
  /** Where the process speaks to itself: none of these asks who somebody is. */
  masterPort: 9333,
  filerPort: 8888,
  /** What carries out lifecycle rules asks the gateway here. It listens where the gateway does, and is let in by a key alone that nobody but the process has. */
  gatewayGrpcPort: 18_333,
  /** Declared as a volume by the image, and given to its user. */
  dataFolder: '/data',
  /** Over the folder that the image declares, in containers that keep nothing there: else Docker makes an anonymous volume for each, which `down` leaves behind. */
  declaredMiB: 1,
  /** Sockets. */
  tmpMiB: 16,
  /** Without any request: four servers in one process, with their tables of what lies where, which are on disk but for what is in use. Set, not measured. */
  baseMiB: 320,
  /** What takes away what expires is a process beside it, while it works. */
  shellMiB: 96,
  /** An object is cut into pieces of 4 MiB, of which four at a time are on their way to the disk. Source: filer.maxMB, and the loop that uploads chunks. */
  uploadMiB: 4 * 4,
  /** What the volume server may have in hand for those who read, and as much for those who write; whoever comes then waits. */
  transferMiB: 64,
  /** Files in which objects lie, and which every bucket has of its own. They grow to this size; larger ones cost more room while what was deleted is cleared away. */
  volumeMiB: { least: 64, most: 8192 },
  /** So many of them for each bucket, at least: what is full, what is written to, and one that is being rewritten without what was deleted. The log of the filer has as many. */
  volumesPerBucket: 8,
  /** Of the room; the rest is for its tables, and for the second copy of a file that is being rewritten. */
  volumesShare: 0.85,
  region: 'us-east-1',
} as const;
