import * as z from 'zod';
import { containerPath, hostName, systemPath } from './names.ts';
import { size, text } from './written-values.ts';

/** A folder of a container that something is mounted at. */
export const folder = text('an absolute path')
  .regex(containerPath, { error: 'expected an absolute path such as /data/cache, without .. in it and without / at its end' })
  .refine((path) => !systemPath.test(path), {
    error: 'expected a folder of the application: what is mounted in this place would hide what the kernel, the image or Berth puts there',
  });

/** A volume in a service. */
export const mounted = z.union(
  [
    folder,
    z
      .strictObject({
        path: folder.describe('Where the service finds it.'),
        readOnly: z.boolean({ error: 'expected true or false' }).optional().describe('Whether it only reads there. Default: false.'),
      })
      .meta({ id: 'MountedVolume' }),
  ],
  { error: 'expected a path such as /srv/files, or { path: /srv/files, readOnly: true }' },
);

export const volume = z
  .strictObject({
    disk: size
      .optional()
      .describe('Room for its files, instead of a share of the disk. On Kubernetes its claim, which can only be made larger.'),
    storageClass: text('the name of a storage class')
      .regex(hostName, { error: 'expected the name of a storage class' })
      .optional()
      .describe(
        'Kubernetes: a class whose volumes many nodes write to at once (ReadWriteMany), where several replicas mount it. Default: kubernetes.storageClass.',
      ),
  })
  .meta({ id: 'Volume' });
