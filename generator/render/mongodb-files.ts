import type { Artifact } from '../../model/artifact.ts';
import { mongodb as facts } from '../../model/engines/mongodb.ts';
import { authorityFile, certificateFile, keyFile } from '../../model/internal-tls.ts';
import type { DatabasePlan } from '../../model/database-plan.ts';
import type { EngineSetting } from '../../model/engine-setting.ts';
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

/** What follows the first parts of a dotted name, as the map that the file asks for. */
const nested = (parts: readonly string[], value: string): string => {
  const [key = '', ...rest] = parts;
  return `${key}: ${rest.reduceRight((inner, part) => `{ ${part}: ${inner} }`, value)}`;
};

/** Settings by the first part of their dotted names, and by the second where several begin with the same two: no key stands twice in a map. */
function sectionsOf(settings: readonly EngineSetting[]): readonly object[] {
  const all = [...given.map((one) => ({ ...one, because: '' })), ...settings].map(({ name, ...rest }) => ({
    parts: name.split('.'),
    ...rest,
  }));
  return [...Map.groupBy(all, ({ parts }) => parts[0] ?? '')].map(([name, own]) => ({
    name,
    lines: [...Map.groupBy(own, ({ parts }) => parts[1] ?? '')].flatMap(([key, alike]) =>
      alike.length === 1
        ? alike.map(({ parts, value, because }) => ({ because, text: nested(parts.slice(1), value) }))
        : [
            { because: '', text: `${key}:` },
            ...alike.map(({ parts, value, because }) => ({ because, text: `  ${nested(parts.slice(2), value)}` })),
          ],
    ),
  }));
}

/** config/ of one MongoDB. */
export function renderMongodb(plan: DatabasePlan, templates: Templates): readonly Artifact[] {
  const { service, tls } = plan;
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
    // At the end of every address.
    verified: tls ? `&${facts.verified}${authorityFile}` : '',
    authority: tls ? authorityFile : undefined,
    certificate: certificateFile(service),
    certificateKey: keyFile(service),
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
