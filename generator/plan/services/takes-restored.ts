import { restoredBeside } from '../../../model/backup/restored-beside.ts';
import type { DatabaseSpec } from '../../../model/database-spec.ts';
import { dataFolderOf } from '../../../model/engines/data-folder.ts';
import type { Gate } from '../../../model/planned-service.ts';
import type { StackSpec } from '../../../model/stack-spec.ts';
import { taskSize } from '../demand.ts';
import { copiedDatabases } from './copied-databases.ts';

/**
 * Before a database of a cluster starts: data that were laid beside its own, by hand and whole, take their place. No server runs then that could write to
 * either, and whatever is cut off in between the next start goes on with.
 */
export function takesRestored({ name }: DatabaseSpec, spec: StackSpec, user: string): readonly Gate[] {
  const copied = copiedDatabases(spec).find((database) => database.name === name);
  if (spec.target !== 'kubernetes' || copied === undefined) return [];
  const { engine } = copied;
  const data = dataFolderOf(engine);
  const fresh = restoredBeside(data);
  return [
    {
      name: `${name}-restored`,
      image: engine,
      user,
      argv: [
        '/bin/sh',
        '-ec',
        `[ -e ${fresh} ] || exit 0; if [ -e ${data} ]; then mv -T ${data} ${data}.before-$(date -u +%Y-%m-%dT%H-%M-%SZ); fi; mv -T ${fresh} ${data}; sync`,
      ],
      env: {},
      secretEnv: {},
      size: taskSize,
      sharesVolumes: true,
    },
  ];
}
