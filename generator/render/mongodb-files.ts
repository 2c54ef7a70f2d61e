import type { Artifact } from '../../model/artifact.ts';
import { mongodb as facts } from '../../model/engines/mongodb.ts';
import type { DatabasePlan, EngineSetting } from '../../model/plan.ts';
import { fill } from './fill.ts';
import type { Templates } from './fill.ts';
import { generated } from './generated.ts';

/** What does not depend on the plan. */
const given: readonly Omit<EngineSetting, 'because'>[] = [
  { name: 'net.port', value: String(facts.port) },
  { name: 'net.bindIpAll', value: 'true' },
  { name: 'net.unixDomainSocket.enabled', value: 'false' },
  { name: 'replication.replSetName', value: facts.replicaSet },
  { name: 'storage.dbPath', value: facts.dataFolder },
];

/** Settings by the first part of their dotted names, the rest as the nested map that the file asks for. */
function sectionsOf(settings: readonly EngineSetting[]): readonly object[] {
  const sections = new Map<string, object[]>();
  for (const { name, value, because } of [...given.map((one) => ({ ...one, because: '' })), ...settings]) {
    const [section = '', key = '', ...rest] = name.split('.');
    const nested = rest.reduceRight((inner, part) => `{ ${part}: ${inner} }`, value);
    sections.set(section, [...(sections.get(section) ?? []), { because, text: `${key}: ${nested}` }]);
  }
  return [...sections].map(([name, lines]) => ({ name, lines }));
}

/** config/ of one MongoDB. */
export function renderMongodb(plan: DatabasePlan, templates: Templates): readonly Artifact[] {
  const { service } = plan;
  const secret = (name: string): string => `/run/secrets/${service}-${name}`;
  const folder = facts.configFolder;
  const view = {
    ...facts,
    ...plan,
    members: plan.members ?? [],
    member: plan.members?.[0],
    others: plan.members?.slice(1) ?? [],
    sections: sectionsOf(plan.settings),
    adminFile: secret('admin'),
    appFile: secret('app'),
    keySecret: secret('keyfile'),
    doneFile: `${facts.dataFolder}/first-start-done`,
    firstStart: `${folder}/first-start.js`,
    configFile: `${folder}/mongod.conf`,
    ...facts.accounts.application,
    backup: { ...facts.backup, file: secret('backup') },
    backedUp: plan.backedUp === true,
  };
  const file = (path: string, template: string, format: 'yaml' | 'shell' | 'js'): Artifact =>
    generated(`config/${service}${path}`, fill(templates, `database/${template}.hbs`, format, view));
  return [
    file('/mongod.conf', 'mongod.conf', 'yaml'),
    file('/start.sh', 'mongodb-start.sh', 'shell'),
    file('/ready.sh', 'mongodb-ready.sh', 'shell'),
    file('/first-start.js', 'mongodb-first-start.js', 'js'),
    ...(view.others.length > 0 ? [file('/set.js', 'mongodb-set.js', 'js')] : []),
    file('-accounts/accounts.js', 'mongodb-accounts.js', 'js'),
  ];
}
