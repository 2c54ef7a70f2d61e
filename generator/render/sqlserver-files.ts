import type { Artifact } from '../../model/artifact.ts';
import { sqlserver as facts } from '../../model/engines/sqlserver.ts';
import type { DatabasePlan } from '../../model/database-plan.ts';
import { fill } from './fill.ts';
import type { Templates } from './fill.ts';
import { generated } from './generated.ts';
import { quote } from './quote.ts';

const text = (value: string): string => quote('tsql', value);

/** config/ of one SQL Server. Most of its settings are statements, which the accounts one-shot makes. */
export function renderSqlserver(plan: DatabasePlan, templates: Templates): readonly Artifact[] {
  const { service, database, account, settings, backedUp } = plan;
  const valueOf = (name: string): string => settings.find((setting) => setting.name === name)?.value ?? '';
  const copyFile = `${facts.volumeFolder}/berth-copy.bak`;
  const view = {
    ...facts,
    ...plan,
    adminFile: `/run/secrets/${service}-admin`,
    backupVerifierFile: backedUp && `/run/secrets/${service}-backup-verifier`,
    backupAccount: facts.backup.account,
    backupAccountText: text(facts.backup.account),
    backupRoles: facts.backup.roles.map((name) => ({ name, text: text(name) })),
    dataFile: text(`${facts.dataFolder}/${database}.mdf`),
    logFile: text(`${facts.dataFolder}/${database}_log.ldf`),
    dataName: text(database),
    logName: text(`${database}_log`),
    verifierFile: `/run/secrets/${service}-verifier`,
    copyFile,
    copyText: text(copyFile),
    databaseText: text(database),
    accountText: text(account),
    configured: settings
      .filter(({ name }) => !/^(?:MSSQL_|tempdb )/.test(name))
      .map(({ name, value, because }) => ({ name: text(name), value, because })),
    tempdb: {
      files: valueOf('tempdb files'),
      size: valueOf('tempdb file MB'),
      because: settings.find(({ name }) => name === 'tempdb file MB')?.because,
    },
  };
  const file = (path: string, template: string): Artifact =>
    generated(`config/${service}${path}`, fill(templates, `database/sqlserver-${template}.sh.hbs`, 'shell', view));
  return [...['start', 'ready', 'dump', 'restore'].map((name) => file(`/${name}.sh`, name)), file('-accounts/accounts.sh', 'accounts')];
}
