import type { mariadb } from '../../../model/engines/mariadb.ts';
import { mysqlFamily } from '../../../model/engines/mysql-family.ts';
import type { mysql } from '../../../model/engines/mysql.ts';
import type { Decision } from '../../../model/decision.ts';
import type { EngineSetting } from '../../../model/engine-setting.ts';
import type { PlannedService } from '../../../model/planned-service.ts';
import type { ReplicaPlan } from '../../../model/database-plan.ts';
import { formatDuration, formatSize, mib, seconds } from '../../../model/units.ts';
import { purposeOf, wholeOf } from './database-engine.ts';
import type { Copy, DatabaseInput } from './database-engine.ts';
import { withTls } from './mysql-tls.ts';
import { logShare, logShareFormula } from './mysql-settings.ts';
import type { FamilyMember } from './mysql-settings.ts';

type Facts = typeof mysql | typeof mariadb;

/** What a replica has beside the settings of its primary. */
function ownSettings(facts: Facts, member: FamilyMember, name: string, disk: number): readonly (EngineSetting & Partial<Decision>)[] {
  const isMysql = facts.image === 'mysql';
  const fixed = (setting: string, value: string, because: string) => ({
    name: setting,
    value,
    because,
    formula: 'fixed',
    source: `${member.manual}, Replication`,
  });
  return [
    isMysql
      ? fixed('super_read_only', 'ON', 'it takes writes from its primary alone, and not even from the administrator')
      : fixed('read_only', 'ON', 'it takes writes from its primary alone; an administrator could still write'),
    fixed('event_scheduler', 'OFF', 'events run on the primary, and what they change comes from there'),
    fixed(isMysql ? 'skip_replica_start' : 'skip_slave_start', 'ON', 'replica.sh starts it with the password of today'),
    fixed('relay_log', 'relay', 'a name that does not change with that of the container'),
    fixed('relay_log_recovery', 'ON', 'after a crash it asks for what was not applied once more, whatever state its own copy is in'),
    {
      ...fixed('relay_log_space_limit', `${logShare(disk)}M`, 'what was received and not applied yet never takes more of the disk'),
      formula: logShareFormula,
      inputs: { disk: formatSize(mib(disk)) },
      source: `${member.manual}, Replication: without it a replica that cannot keep up receives until its disk is full`,
    },
    fixed('report_host', name, 'under this name its primary lists it'),
  ];
}

/** MySQL ends what only reads, MariaDB any statement; neither touches what follows the log. */
const longestQuery = (facts: Facts, member: FamilyMember, time: number): EngineSetting & Partial<Decision> => ({
  ...(facts.image === 'mysql'
    ? { name: 'max_execution_time', value: String(time * 1000), because: 'in ms: a query that takes longer is ended' }
    : { name: 'max_statement_time', value: String(time), because: 'in s: a statement that takes longer is ended' }),
  formula: 'analytics.queryTimeout, default 30 minutes',
  source: `${member.manual}, system variables`,
});

/** A server of the same size, which copies `primary` and follows it. */
export function planReplica(
  facts: Facts,
  member: FamilyMember,
  { disk, database, spec, size }: DatabaseInput,
  primary: PlannedService,
  base: { readonly settings: readonly EngineSetting[]; readonly decisions: readonly Decision[] },
  copy: Copy,
): { readonly service: PlannedService; readonly plan: ReplicaPlan; readonly decisions: readonly Decision[] } {
  const { name, ordinal, analytics } = copy;
  const tls = withTls(spec, name, member.manual);
  const own: readonly (EngineSetting & Partial<Decision>)[] = [
    ...ownSettings(facts, member, name, disk),
    ...(analytics ? [longestQuery(facts, member, analytics.queryTimeout)] : []),
  ];
  const copying = seconds(Math.max(300, Math.ceil(disk / facts.copySpeed)));
  const ready: readonly [string, ...string[]] = ['/bin/bash', `${facts.configFolder}/healthy.sh`];
  const change = `config/${name}/berth.cnf, which keeps what you edit`;
  return {
    service: {
      ...primary,
      name,
      size,
      title: purposeOf(copy, primary.name),
      entrypoint: ['/bin/bash', `${facts.configFolder}/replica.sh`],
      env: facts.image === 'mariadb' ? { MARIADB_AUTO_UPGRADE: '1' } : {},
      secretFiles: [
        `${primary.name}-admin-client`,
        `${primary.name}-health-client`,
        `${primary.name}-replication-client`,
        ...tls.secretFiles,
      ],
      mounts: [{ source: `config/${name}`, target: facts.configFolder, restarts: true }],
      volumes: primary.volumes.map(({ target, size }) => ({ name: `${name}-data`, target, size, holds: `copy of ${primary.name}` })),
      healthcheck: { argv: ready, interval: seconds(5), timeout: seconds(5), retries: 6, startPeriod: copying },
      probes: {
        ready: { argv: ready },
        // As with its primary: while nothing listens it copies, starts or stops. How it follows is no reason for a restart.
        live: primary.probes?.live ?? { argv: ready },
      },
      connects: [{ service: primary.name, port: mysqlFamily.port }],
      replicaOf: primary.name,
      ...wholeOf(copy, database),
      // Of the task alone, which makes its account: were it the primary, Compose would recreate the two together.
      after: [{ service: `${primary.name}-accounts`, condition: 'service_completed_successfully', required: true }],
    },
    plan: {
      service: name,
      ...(analytics ? { analytics: true } : {}),
      serverId: mysqlFamily.replication.firstServerId + ordinal - 1,
      settings: [...base.settings, ...tls.settings, ...own.map(({ name: key, value, because }) => ({ name: key, value, because }))],
    },
    decisions: [
      ...base.decisions,
      ...tls.decisions,
      ...own.map(({ name: key, value, formula = '', inputs = {}, source = '' }) => ({
        key: `${name}.${key}`,
        value,
        formula,
        inputs,
        source,
        change,
      })),
      {
        key: `${name}.start_period`,
        value: formatDuration(copying),
        formula: `disk / ${facts.copySpeed} MiB/s, at least 5 minutes`,
        inputs: { disk: formatSize(disk) },
        source: 'design: its first start copies all data, and is not taken for ill meanwhile',
        change: `databases.${primary.name}.disk in berth.yaml`,
      },
    ],
  };
}
