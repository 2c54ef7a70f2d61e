import { postgres as facts } from '../../../model/engines/postgres.ts';
import type { Decision } from '../../../model/decision.ts';
import type { EngineSetting } from '../../../model/engine-setting.ts';
import type { PlannedService } from '../../../model/planned-service.ts';
import type { ReplicaPlan } from '../../../model/database-plan.ts';
import { formatDuration, formatSize, seconds } from '../../../model/units.ts';
import { purposeOf, wholeOf } from './database-engine.ts';
import type { Copy, DatabaseInput } from './database-engine.ts';
import { reachedBy, withTls } from './postgres-tls.ts';
import { settingsOf } from './postgres-settings.ts';

const { account, passFile, copyingFile } = facts.replication;
const manual = 'PostgreSQL 17 manual, Replication';
const folder = '/etc/berth/database';

/** As the server itself shows it. */
const inUnits = (time: number): string => (time % 60 === 0 ? `${time / 60}min` : `${time}s`);

/** What a standby has beside the settings of its primary, or in their place. */
function ownSettings(
  primary: string,
  name: string,
  reached: string,
  slot: string,
  { analytics }: Copy,
  workers: string,
): { readonly settings: readonly EngineSetting[]; readonly decisions: readonly Decision[] } {
  const settings: EngineSetting[] = [];
  const decisions: Decision[] = [];
  const decide = (setting: EngineSetting, formula: string, source: string): void => {
    settings.push(setting);
    const change = `config/${name}/postgresql.conf, which keeps what you edit`;
    decisions.push({ key: `${name}.${setting.name}`, value: setting.value, formula, inputs: {}, source, change });
  };
  decide({ name: 'hot_standby', value: 'on', because: 'it answers what only reads' }, 'fixed', manual);
  decide(
    {
      name: 'primary_conninfo',
      value: `host=${primary} port=${facts.port} user=${account} passfile=${passFile} application_name=${name} connect_timeout=10${reached}`,
      because: 'where the log comes from; the password stands in a file of its own, in memory',
    },
    'host, port and account of the primary',
    'design: no password in a configuration, an argument or an environment',
  );
  decide(
    { name: 'primary_slot_name', value: slot, because: 'by it the primary knows which log is still needed' },
    'fixed',
    'design: a slot keeps exactly what is missing, wal_keep_size always the same; max_slot_wal_keep_size bounds it',
  );
  if (analytics) {
    const longest = inUnits(analytics.queryTimeout);
    const source = `design: long queries there cost the primary nothing; ${manual}, Hot Standby`;
    decide(
      { name: 'statement_timeout', value: longest, because: 'a query that takes longer is ended' },
      'analytics.queryTimeout, default 30 minutes',
      source,
    );
    decide(
      {
        name: 'max_standby_streaming_delay',
        value: longest,
        because: 'the log waits for a query in its way until that is ended: what is read is as old as that at worst',
      },
      'as statement_timeout',
      source,
    );
    decide(
      { name: 'hot_standby_feedback', value: 'off', because: 'a query of half an hour must not keep vacuum on the primary from its work' },
      'fixed',
      source,
    );
    decide(
      { name: 'max_parallel_workers_per_gather', value: workers, because: 'few queries, each with all that there is' },
      'as max_parallel_workers',
      source,
    );
    decide(
      { name: 'log_min_duration_statement', value: longest, because: 'none is worth an alert for taking its time' },
      'as statement_timeout',
      source,
    );
    return { settings, decisions };
  }
  decide(
    {
      name: 'max_standby_streaming_delay',
      value: '30s',
      because: 'a query in the way of the log is cancelled after that long: what is read is never much older',
    },
    'fixed',
    `${manual}: the default`,
  );
  decide(
    {
      name: 'hot_standby_feedback',
      value: 'on',
      because: 'the primary keeps rows that a query here still reads, so vacuum there cancels none; idle transactions end after 10 minutes',
    },
    'fixed',
    manual,
  );
  return { settings, decisions };
}

const shell = (script: string): readonly [string, ...string[]] => ['/bin/sh', '-c', script];

/** Accepts connections and follows: by TCP and by login, as an application comes. One that was promoted is no replica any more. */
const ready = shell(
  `test "$(PGPASSFILE=${passFile} PGCONNECT_TIMEOUT=4 psql --no-psqlrc --no-password --quiet --tuples-only --no-align --host=127.0.0.1 --username=${account} --dbname=postgres --command='SELECT pg_is_in_recovery()')" = t`,
);

/** A server of the same size, which copies `primary` and follows it. */
export function planReplica(
  input: DatabaseInput,
  primary: PlannedService,
  copy: Copy,
): { readonly service: PlannedService; readonly plan: ReplicaPlan; readonly decisions: readonly Decision[] } {
  const { name, ordinal } = copy;
  const slot = facts.replication.slots[ordinal - 1];
  if (slot === undefined) throw new Error(`there is no slot for ${name}`);
  const base = settingsOf(input, name);
  const tls = withTls(input.spec, name, ['/bin/bash', `${folder}/replica.sh`]);
  const reached = reachedBy(input.spec);
  const workers = base.settings.find((setting) => setting.name === 'max_parallel_workers')?.value ?? '0';
  const own = ownSettings(primary.name, name, reached, slot, copy, workers);
  const changed = new Set(own.settings.map((setting) => setting.name));
  const copying = seconds(Math.max(300, Math.ceil(input.disk / facts.copySpeed)));
  return {
    service: {
      ...primary,
      name,
      size: input.size,
      shm: base.shm,
      title: purposeOf(copy, primary.name),
      entrypoint: tls.entrypoint,
      env: { PGDATA: facts.dataFolder },
      secretFiles: [`${primary.name}-replication`, ...tls.secretFiles],
      mounts: primary.mounts.map((mount) => ({ ...mount, source: `config/${name}` })),
      volumes: primary.volumes.map(({ target, size }) => ({ name: `${name}-data`, target, size, holds: `copy of ${primary.name}` })),
      healthcheck: { argv: ready, interval: seconds(5), timeout: seconds(5), retries: 6, startPeriod: copying },
      probes: {
        ready: { argv: ready },
        live: { argv: shell(`pg_isready --quiet --host=127.0.0.1 --dbname=postgres || test $? -eq 1 || test -e ${copyingFile}`) },
      },
      connects: [{ service: primary.name, port: facts.port }],
      replicaOf: primary.name,
      ...wholeOf(copy, input.database),
      // Of the task alone, which makes its account: were it the primary, Compose would recreate the two together.
      after: [{ service: `${primary.name}-accounts`, condition: 'service_completed_successfully', required: true }],
    },
    plan: {
      service: name,
      ...(copy.analytics ? { analytics: true } : {}),
      slot,
      reached,
      settings: [...base.settings.filter((setting) => !changed.has(setting.name)), ...tls.settings, ...own.settings],
    },
    decisions: [
      ...base.decisions.filter(({ key }) => !changed.has(key.slice(name.length + 1))),
      ...tls.decisions,
      ...own.decisions,
      {
        key: `${name}.start_period`,
        value: formatDuration(copying),
        formula: `disk / ${facts.copySpeed} MiB/s, at least 5 minutes`,
        inputs: { disk: formatSize(input.disk) },
        source: 'design: its first start copies all data, and is not taken for ill meanwhile',
        change: `databases.${primary.name}.disk in berth.yaml`,
      },
    ],
  };
}
