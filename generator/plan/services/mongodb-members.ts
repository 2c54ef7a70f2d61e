import { mongodb as facts } from '../../../model/engines/mongodb.ts';
import type { Decision } from '../../../model/decision.ts';
import type { DatabaseSpec } from '../../../model/database-spec.ts';
import type { StackSpec } from '../../../model/stack-spec.ts';
import { formatDuration, formatSize, seconds } from '../../../model/units.ts';
import { readersOf } from './database-engine.ts';
import type { DatabaseInput } from './database-engine.ts';

/** What the members of a set have in common. */
export const wholeName = (database: string): string => `${database}-members`;

/**
 * Host and port of each member, the first before the others.
 * The name of a cluster's Service leads to nobody until the set is there, and the set wants names that lead to its members.
 */
export const membersOf = (database: DatabaseSpec, { target }: Pick<StackSpec, 'target'>): readonly string[] =>
  [database.name, ...readersOf(database).map(({ name }) => name)].map(
    (name) => `${target === 'kubernetes' ? `${name}-0.${name}-nodes` : name}:${facts.port}`,
  );

/** What is decided for the members beside the first. */
export const memberDecisions = ({ database, disk }: DatabaseInput): readonly Decision[] =>
  readersOf(database).map(({ name }) => ({
    key: `${name}.start_period`,
    value: formatDuration(seconds(Math.max(300, Math.ceil(disk / facts.copySpeed)))),
    formula: `disk / ${facts.copySpeed} MiB/s, at least 5 minutes`,
    inputs: { disk: formatSize(disk) },
    source: 'design: its first start copies all data, and is not taken for ill meanwhile',
    change: `databases.${database.name}.disk in berth.yaml`,
  }));
