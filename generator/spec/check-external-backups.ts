import { enginesElsewhere } from '../../model/backup/copied-engines.ts';
import { reservedNames } from '../../model/names.ts';
import type { WrittenSpec } from '../../model/written-spec.ts';
import type { Finding } from './finding.ts';

/** Why an engine is not copied where it stands elsewhere. */
const notYet: Readonly<Record<string, string>> = {
  mongodb: 'its oplog tells nothing of a database of a set that others share',
  sqlserver: 'it writes its backups to its own disk, which nobody else reads',
};

/** What is said of backups of databases that stand elsewhere, and cannot be. */
export function* checkExternalBackups(spec: WrittenSpec): Iterable<Finding> {
  const { backups, services, databases = {}, caches = {}, stores = {}, volumes = {} } = spec;
  const taken = new Set([...reservedNames, ...[services, databases, caches, stores, volumes].flatMap((named) => Object.keys(named))]);
  for (const [name, { engine, external }] of Object.entries(databases)) {
    const backup = external?.backup;
    if (backup === undefined || backup === 'none') continue;
    const about = { path: ['databases', name, 'external'], key: 'backup' };
    if (!enginesElsewhere.some((each) => each === engine) && Object.hasOwn(notYet, engine))
      yield {
        ...about,
        message: `a ${engine === 'mongodb' ? 'MongoDB' : 'SQL Server'} that stands elsewhere is not copied yet: ${notYet[engine]}`,
        hint: 'write backup: none, and have whoever runs it copy it',
      };
    else if (backups === undefined || backups.databases === 'none')
      yield {
        ...about,
        message: `means nothing where ${backups === undefined ? 'there are no backups' : 'no database is copied'}`,
        hint:
          backups === undefined
            ? 'add backups, which says where copies go, or remove it'
            : 'remove backups.databases: none, or remove this',
      };
    const agent = `agent-${name}`;
    if (backup.image !== undefined && taken.has(agent))
      yield {
        path: [...about.path, 'backup', 'image'],
        message: `the agent in this image would be called ${agent}, and something else is`,
        hint: 'give one of the two another name',
      };
  }
}
