import type { Decision } from '../../../model/decision.ts';
import type { SharedVolume } from '../../../model/planned-service.ts';
import type { StackSpec } from '../../../model/stack-spec.ts';
import type { MiB } from '../../../model/units.ts';
import type { Agent } from './copied-databases.ts';
import { exchangeName } from './exchange.ts';

interface PlannedExchange {
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

/** What is copied of its servers, and what a trial of it is. */
export const exchangeNotes = ({ name: agent, databases }: Agent, { target, backups }: StackSpec): readonly string[] => [
  ...databases.map(
    ({ name, database }) =>
      `of ${name} the database ${database} is copied: its accounts come from this site at each start; jobs, and whatever else somebody made in the server, are yours to copy`,
  ),
  `${agent} starts a SQL Server of its own, of the same edition, while a restore is tried: see that your licence allows for it`,
  ...(target === 'kubernetes' && backups?.databases?.storageClass === undefined
    ? [
        `${exchangeName} is written to from two nodes: where the storage class of the site cannot do that, name one that can under backups.databases.storageClass, or neither ${databases.map(({ name }) => name).join(', ')} nor ${agent} starts`,
      ]
    : []),
];
