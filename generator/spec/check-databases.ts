import { pgbouncer } from '../../model/engines/pgbouncer.ts';
import type { WrittenSpec } from '../../model/written-spec.ts';
import type { Finding } from './finding.ts';
import { reservedDatabaseNames } from '../../model/names.ts';
import { topologiesOf } from '../../model/database-spec.ts';
import { databaseName } from './resolve.ts';

export function* checkDatabases(spec: WrittenSpec): Iterable<Finding> {
  for (const [name, database] of Object.entries(spec.databases ?? {})) {
    // Of a value that broke the schema, the engine may be anything.
    const reserved = Object.hasOwn(reservedDatabaseNames, database.engine) ? reservedDatabaseNames[database.engine] : undefined;
    const taken = databaseName(spec.name, database);
    if (reserved?.names.test(taken))
      yield database.name === undefined
        ? {
            path: ['databases', name],
            message: `${reserved.keeper} keeps the name "${taken}" for itself, which the name of the site would give this database`,
            hint: `add databases.${name}.name`,
          }
        : { path: ['databases', name, 'name'], message: `expected a name of your own: ${reserved.keeper} keeps this one for itself` };
    const topologies = Object.hasOwn(topologiesOf, database.engine) ? topologiesOf[database.engine] : undefined;
    if (database.topology !== undefined && topologies && !topologies.includes(database.topology))
      yield {
        path: ['databases', name, 'topology'],
        message: `this version of Berth sets up no ${database.topology === 'cluster' ? 'cluster' : 'replica'} of ${database.engine}`,
        hint: `write ${topologies.join(' or ')}, or take postgres, mysql or mariadb`,
      };
  }
}

/** A replica for analytics follows as the others do. */
export function* checkAnalytics(spec: WrittenSpec): Iterable<Finding> {
  for (const [name, { engine, external, analytics, operator }] of Object.entries(spec.databases ?? {})) {
    if (analytics === undefined || external !== undefined) continue;
    const about = { path: ['databases', name], key: 'analytics' };
    if (Object.hasOwn(topologiesOf, engine) && !topologiesOf[engine].includes('primary-replica'))
      yield {
        ...about,
        message: `this version of Berth sets up no replica of ${engine}`,
        hint: 'remove it, or take postgres, mysql or mariadb',
      };
    if (operator !== undefined)
      yield {
        ...about,
        message: 'CloudNativePG runs all servers of a database alike, and this one has a size and settings of its own',
        hint: 'remove it, or remove the operator',
      };
  }
}

/** What only PostgreSQL has. */
export function* checkPostgres(spec: WrittenSpec): Iterable<Finding> {
  for (const [name, { engine, external, extensions, maintenance, pgbouncer: pooler, operator }] of Object.entries(spec.databases ?? {})) {
    const path = ['databases', name];
    for (const [key, value] of Object.entries({ extensions, maintenance, pgbouncer: pooler }))
      if (value !== undefined && (engine !== 'postgres' || external !== undefined))
        yield {
          path,
          key,
          message:
            external === undefined
              ? 'means nothing for this engine; it is for postgres'
              : 'means nothing for a database that stands elsewhere',
          hint: 'remove it',
        };
    if (pooler !== undefined && operator !== undefined && engine === 'postgres' && external === undefined)
      yield {
        path,
        key: 'pgbouncer',
        message: 'CloudNativePG has a pooler of its own, and keeps verifiers that this one could not know',
        hint: 'remove it, or remove the operator',
      };
    if (pooler !== undefined && [pgbouncer.console, 'all'].includes(databaseName(spec.name, spec.databases?.[name] ?? {})))
      yield { path: [...path, 'name'], message: 'expected a name of your own: PgBouncer keeps this one for itself' };
    for (const [index, extension] of (Array.isArray(extensions) ? extensions : []).entries())
      if (extensions?.indexOf(extension) !== index)
        yield { path: [...path, 'extensions', index], message: `"${extension}" stands twice`, hint: 'keep one of the two' };
  }
}

/** SQL Server is the one engine that costs money: nobody but the operator can say what was paid for, and agree to its terms. */
export function* checkLicences(spec: WrittenSpec): Iterable<Finding> {
  for (const [name, { engine, edition, acceptLicence, external }] of Object.entries(spec.databases ?? {})) {
    const path = ['databases', name];
    if (external !== undefined) continue;
    if (engine === 'sqlserver') {
      if (edition === undefined)
        yield {
          path: [...path, 'edition'],
          message: 'missing: SQL Server runs as the edition that you have a licence for, and Berth assumes none',
          hint: 'add edition: standard, or developer, which is free of charge and not for production',
        };
      if (acceptLicence === undefined)
        yield {
          path: [...path, 'acceptLicence'],
          message: 'missing: SQL Server runs for those who accept its licence',
          hint: 'read https://go.microsoft.com/fwlink/?linkid=857698, then add acceptLicence: true',
        };
    } else
      for (const [key, value] of Object.entries({ edition, acceptLicence }))
        if (value !== undefined) yield { path, key, message: 'means nothing for this engine; it is for sqlserver', hint: 'remove it' };
  }
}
