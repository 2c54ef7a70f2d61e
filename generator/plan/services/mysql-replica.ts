import type { mariadb } from '../../../model/engines/mariadb.ts';
import { mysqlFamily } from '../../../model/engines/mysql-family.ts';
import type { mysql } from '../../../model/engines/mysql.ts';
import type { Decision, EngineSetting, PlannedService, ReplicaPlan } from '../../../model/plan.ts';
import { formatDuration, formatSize, mib, seconds } from '../../../model/units.ts';
import { copiesOf, wholeOfCopies } from './database-engine.ts';
import type { Copy, DatabaseInput } from './database-engine.ts';
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

/** A server of the same size, which copies `primary` and follows it. */
export function planReplica(
  facts: Facts,
  member: FamilyMember,
  { disk, database }: DatabaseInput,
  primary: PlannedService,
  base: { readonly settings: readonly EngineSetting[]; readonly decisions: readonly Decision[] },
  { name, ordinal }: Copy,
): { readonly service: PlannedService; readonly plan: ReplicaPlan; readonly decisions: readonly Decision[] } {
  const own = ownSettings(facts, member, name, disk);
  const copying = seconds(Math.max(300, Math.ceil(disk / facts.copySpeed)));
  const ready: readonly [string, ...string[]] = ['/bin/bash', `${facts.configFolder}/healthy.sh`];
  const change = `config/${name}/berth.cnf, which keeps what you edit`;
  return {
    service: {
      ...primary,
      name,
      title: `replica of ${primary.name}: copies it whole on an empty volume, then follows its log and answers what only reads`,
      entrypoint: ['/bin/bash', `${facts.configFolder}/replica.sh`],
      env: facts.image === 'mariadb' ? { MARIADB_AUTO_UPGRADE: '1' } : {},
      secretFiles: [`${primary.name}-admin-client`, `${primary.name}-health-client`, `${primary.name}-replication-client`],
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
      ...wholeOfCopies(copiesOf(database), primary.name),
      // Of the task alone, which makes its account: were it the primary, Compose would recreate the two together.
      after: [{ service: `${primary.name}-accounts`, condition: 'service_completed_successfully', required: true }],
    },
    plan: {
      service: name,
      serverId: mysqlFamily.replication.firstServerId + ordinal - 1,
      settings: [...base.settings, ...own.map(({ name: key, value, because }) => ({ name: key, value, because }))],
    },
    decisions: [
      ...base.decisions,
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
