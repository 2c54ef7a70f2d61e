import type { Artifact } from '../../model/artifact.ts';
import { sqlserver as facts } from '../../model/engines/sqlserver.ts';
import type { DatabasePlan } from '../../model/plan.ts';
import { fill } from './fill.ts';
import type { Templates } from './fill.ts';
import { generated } from './generated.ts';
import { quote } from './quote.ts';

const text = (value: string): string => quote('tsql', value);

/** config/ of one SQL Server. Most of its settings are statements, which the accounts one-shot makes. */
export function renderSqlserver(plan: DatabasePlan, templates: Templates): readonly Artifact[] {
  const { service, database, account, settings } = plan;
  const valueOf = (name: string): string => settings.find((setting) => setting.name === name)?.value ?? '';
  const copyFile = `${facts.volumeFolder}/berth-copy.bak`;
  const view = {
    ...facts,
    ...plan,
    adminFile: `/run/secrets/${service}-admin`,
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
