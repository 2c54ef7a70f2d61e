import { postgres as facts } from '../../../model/engines/postgres.ts';
import type { Decision } from '../../../model/decision.ts';
import type { PlannedService } from '../../../model/planned-service.ts';
import type { DatabaseSpec } from '../../../model/database-spec.ts';
import { readersOf } from './database-engine.ts';

/** A server of PostgreSQL as CloudNativePG runs it: files, command and probes are the operator's own; size, disk, settings and passwords stay Berth's. */
export function operated(service: PlannedService, database: DatabaseSpec): PlannedService {
  const { probes: _probes, healthcheck: _healthcheck, command: _command, nofile: _nofile, ...rest } = service;
  const { name } = database;
  return {
    ...rest,
    title:
      'PostgreSQL, run by CloudNativePG: it makes the servers, lets the others follow the first, and promotes one of them when that is gone',
    image: 'cloudnative-pg',
    user: '26:26',
    replicas: 1 + readersOf(database).length,
    env: {},
    secretFiles: [],
    mounts: [],
    tmpfs: [],
    operator: {
      name: 'cloudnative-pg',
      database: database.database,
      owner: database.database,
      logins: {
        superuser: { secret: `${name}-superuser`, user: facts.superuser, password: `${name}-admin` },
        owner: { secret: `${name}-owner`, user: database.database, password: `${name}-app` },
      },
    },
  };
}

export const operatorDecisions = (database: DatabaseSpec): readonly Decision[] =>
  database.operator === undefined
    ? []
    : [
        {
          key: `${database.name}.instances`,
          value: String(1 + readersOf(database).length),
          formula: 'single: 1, primary-replica: 2, cluster: 3',
          inputs: { topology: database.topology ?? 'single' },
          source: 'design: as many servers as without the operator',
          change: `databases.${database.name}.topology in berth.yaml`,
        },
      ];
