import { sqlserver } from '../../../model/engines/sqlserver.ts';
import type { Decision, PlannedService, SharedVolume } from '../../../model/plan.ts';
import type { DatabaseEngineName, StackSpec } from '../../../model/stack-spec.ts';
import type { MiB } from '../../../model/units.ts';

/** The volume in which a server that writes backups to its own disk alone leaves them for its agent. */
export const exchangeName: string = sqlserver.exchangeVolume;

/** Of a server and of its agent. */
export const exchangeMount = (engine: DatabaseEngineName): NonNullable<PlannedService['shared']>[number] | undefined =>
  engine === 'sqlserver' ? { name: exchangeName, target: sqlserver.exchangeFolder, readOnly: false } : undefined;

export interface PlannedExchange {
  readonly volume: SharedVolume;
  readonly decisions: readonly Decision[];
}

/** @param servers - Those that are copied by way of it. */
export function planExchange(servers: readonly string[], { target, kubernetes, backups }: StackSpec, size: MiB): PlannedExchange {
  const chosen = backups?.databases?.storageClass ?? kubernetes.storageClass;
  return {
    volume: {
      name: exchangeName,
      size,
      holds: `backups on their way from ${servers.join(', ')} to its agent`,
      alone: false,
      ...(chosen === undefined ? {} : { storageClass: chosen }),
    },
    decisions:
      target === 'kubernetes'
        ? [
            {
              key: `${exchangeName}.accessMode`,
              value: 'ReadWriteMany',
              formula: 'ReadWriteMany, as a server and its agent are pods of their own',
              inputs: { 'mounted by': [...servers, 'agent-sqlserver'].join(', ') },
              source: 'SQL Server documentation: it writes backups to its own disk, or to a bucket that would get them unencrypted',
              change: 'backups.databases.storageClass in berth.yaml',
            },
          ]
        : [],
  };
}
