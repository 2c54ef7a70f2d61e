import { sqlserver as facts, sqlserverEditions } from '../../../model/engines/sqlserver.ts';
import type { EngineSetting } from '../../../model/engine-setting.ts';
import type { PlannedSecret, SecretFile } from '../../../model/planned-secret.ts';
import type { PlannedService, Size } from '../../../model/planned-service.ts';
import type { DatabaseSpec } from '../../../model/database-spec.ts';
import { mib, seconds } from '../../../model/units.ts';
import { backupSecret } from './copied-databases.ts';
import { accountsTask, databaseServer } from './database-parts.ts';
import type { DatabaseInput } from './database-engine.ts';
import { exchangeMount } from './exchange.ts';
import { plainFile } from '../secret-file.ts';

const tmp = { path: '/tmp', size: mib(facts.tmpMiB), mode: '1777' };
const taskTmp = { path: '/tmp', size: mib(16), mode: '1777' };
const home = { HOME: '/tmp' };
const ready = ['/bin/bash', `${facts.configFolder}/ready.sh`] as const;

export function server(input: DatabaseInput, user: string, settings: readonly EngineSetting[], backedUp: boolean): PlannedService {
  const { name, edition } = input.database;
  if (edition === undefined) throw new Error(`${name} has no edition; the spec should have been refused`);
  const exchange = exchangeMount('sqlserver');
  return databaseServer(facts, input, user, {
    title: facts.title,
    loosened: facts.loosened,
    imageGroup: facts.imageGroup,
    entrypoint: ['/bin/bash', `${facts.configFolder}/start.sh`],
    env: {
      ...home,
      // The spec says that the operator has accepted it.
      ACCEPT_EULA: 'Y',
      MSSQL_PID: sqlserverEditions[edition].pid,
      MSSQL_TCP_PORT: String(facts.port),
      ...Object.fromEntries(settings.filter((one) => one.name.startsWith('MSSQL_')).map((one) => [one.name, one.value])),
    },
    secretFiles: [`${name}-admin`],
    mounts: [{ source: `config/${name}`, target: facts.configFolder, restarts: true }],
    ...(backedUp && exchange !== undefined ? { shared: [exchange] } : {}),
    tmpfs: [tmp],
    nofile: 65_536,
    healthcheck: { argv: ready, interval: seconds(10), timeout: seconds(8), retries: 6, startPeriod: seconds(180) },
    // While it upgrades its system databases it listens and lets nobody in: a restart would make it begin again.
    probes: { ready: { argv: ready }, live: { tcp: facts.port } },
    stopSignal: 'SIGTERM',
    stopGrace: seconds(120),
  });
}

export const accounts = ({ database: { name } }: DatabaseInput, backedUp: boolean, size: Size, user: string): PlannedService =>
  accountsTask(facts, name, size, user, {
    purpose: backedUp ? 'accounts and the settings' : 'account and the settings',
    entrypoint: ['/bin/bash', '/etc/berth/accounts/accounts.sh'],
    env: home,
    secretFiles: [`${name}-admin`, `${name}-verifier`, ...(backedUp ? [`${backupSecret(name)}-verifier`] : [])],
    tmpfs: [taskTmp],
  });

export const secrets = ({ name, database }: DatabaseSpec, backedUp: boolean): readonly PlannedSecret[] => [
  { name: `${name}-admin`, length: 32, purpose: `administrator ${facts.administrator} of ${name}` },
  { name: `${name}-app`, length: 32, purpose: `account ${database} of ${name}` },
  ...(backedUp ? [{ name: backupSecret(name), length: 32, purpose: `account ${facts.backup.account} of ${name}, for its backups` }] : []),
];

export const secretFiles = ({ name }: DatabaseSpec, backedUp: boolean): readonly SecretFile[] => [
  { name: `${name}-admin`, text: [facts.passwordPrefix, { secret: `${name}-admin`, form: 'plain' }], of: [`${name}-admin`] },
  { name: `${name}-verifier`, text: [{ secret: `${name}-app`, form: 'mssql' }], of: [`${name}-app`] },
  ...(backedUp
    ? [
        plainFile(backupSecret(name)),
        {
          name: `${backupSecret(name)}-verifier`,
          text: [{ secret: backupSecret(name), form: 'mssql' }],
          of: [backupSecret(name)],
        } satisfies SecretFile,
      ]
    : []),
];
