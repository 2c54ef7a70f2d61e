import { mongodb as facts } from '../../../model/engines/mongodb.ts';
import type { PlannedService, Size } from '../../../model/planned-service.ts';
import type { SecretFile, SecretText } from '../../../model/planned-secret.ts';
import { mib, seconds } from '../../../model/units.ts';
import { backupSecret, isCopied } from './copied-databases.ts';
import { accountsTask, databaseDemand, databaseServer, noData } from './database-parts.ts';
import { migrations, readersOf } from './database-engine.ts';
import type { Copy, DatabaseAddress, DatabaseClient, DatabaseEngine, DatabaseInput } from './database-engine.ts';
import { trustedFiles } from './internal-tls.ts';
import { memberDecisions, membersOf, wholeName } from './mongodb-members.ts';
import { smallestMemory } from './mongodb-memory.ts';
import { connectionsOf, pidsOf, settingsOf } from './mongodb-settings.ts';
import { withTls } from './mongodb-tls.ts';
import { plainFile } from '../secret-file.ts';

const tmp = { path: '/tmp', size: mib(facts.tmpMiB), mode: '1777' };
const declared = { path: facts.declaredFolder, size: mib(facts.declaredMiB), mode: '1777' };
/** mongosh keeps a folder below it. */
const home = { HOME: '/tmp' };

/** Whether it may be written to; asked without mongosh, which would start a Node.js every few seconds. */
const ready = ['/bin/bash', `${facts.configFolder}/ready.sh`] as const;

function server(input: DatabaseInput, user: string): PlannedService {
  const { database } = input;
  const { name } = database;
  const others = readersOf(database);
  return databaseServer(facts, input, user, {
    title:
      others.length === 0 ? `${facts.title}, a replica set of one` : `${facts.title}, a member of a replica set of ${others.length + 1}`,
    ...(others.length === 0 ? {} : { whole: wholeName(name) }),
    entrypoint: ['/bin/bash', `${facts.configFolder}/start.sh`],
    env: home,
    secretFiles: [`${name}-admin`, `${name}-admin-tools`, `${name}-keyfile`, ...withTls(input.spec, name).secretFiles],
    mounts: [{ source: `config/${name}`, target: facts.configFolder, restarts: true }],
    tmpfs: [tmp, declared],
    nofile: facts.openFiles,
    healthcheck: { argv: ready, interval: seconds(5), timeout: seconds(5), retries: 6, startPeriod: seconds(120) },
    // Without a set it is no primary and cannot be written to, but it lives: a restart would make it begin again.
    probes: { ready: { argv: ready }, live: { tcp: facts.port } },
    stopSignal: 'SIGTERM',
    stopGrace: seconds(90),
  });
}

/** One more member: it begins nothing, and waits until the others take it in. */
function member(first: PlannedService, { name }: Copy, { disk }: DatabaseInput): PlannedService {
  const copying = seconds(Math.max(300, Math.ceil(disk / facts.copySpeed)));
  return {
    ...first,
    name,
    entrypoint: [...(first.entrypoint ?? []), 'joins'],
    volumes: first.volumes.map((volume) => ({ ...volume, name: `${name}-data`, holds: `copy of ${first.name}` })),
    ...(first.healthcheck ? { healthcheck: { ...first.healthcheck, startPeriod: copying } } : {}),
    replicaOf: first.name,
  };
}

/** Each speaks to all others. */
const meshed = (members: readonly PlannedService[]): readonly PlannedService[] =>
  members.map((one) => ({
    ...one,
    connects: members.filter(({ name }) => name !== one.name).map(({ name }) => ({ service: name, port: facts.port })),
  }));

const accounts = ({ database: { name }, spec }: DatabaseInput, backedUp: boolean, size: Size, user: string): PlannedService =>
  accountsTask(facts, name, size, user, {
    purpose: 'account',
    entrypoint: [facts.shell, '--nodb', '--quiet', '--norc', '--file', '/etc/berth/accounts/accounts.js'],
    env: home,
    // The server takes a password and no verifier.
    secretFiles: [`${name}-admin`, `${name}-app`, ...(backedUp ? [backupSecret(name)] : []), ...trustedFiles(spec)],
    tmpfs: [tmp, noData(facts), declared],
  });

const tlsOptions = { off: '', require: '&tls=true&tlsAllowInvalidCertificates=true', verify: '&tls=true' } as const;

/** What is written is on most members before it is answered for; what only reads may ask any. */
const ofSet = (reading: true | undefined): string => (reading ? '&readPreference=secondaryPreferred' : '&w=majority');

/** An account of the site lives in its own database; one elsewhere where administrators make them. */
const url = ({ name, host, port, user, database, tls, members, reading, authority }: DatabaseAddress): SecretText => [
  `mongodb://${encodeURIComponent(user)}:`,
  tls === undefined ? { secret: `${name}-app` } : { secret: `${name}-app`, encoded: 'url' },
  tls === undefined
    ? `@${members?.join(',') ?? `${host}:${port}`}/${database}?replicaSet=${facts.replicaSet}&authSource=${database}${members ? ofSet(reading) : ''}${authority === undefined ? '' : `&${facts.verified}${authority}`}`
    : `@${host}:${port}/${database}?authSource=admin${tlsOptions[tls]}`,
];

const client = (at: DatabaseAddress): DatabaseClient => ({
  query: `${facts.shell} --nodb --quiet --norc --eval "disableTelemetry(); db = connect(process.env.DATABASE_URL); $1"`,
  env: home,
  secretEnv: { DATABASE_URL: url(at) },
});

/** JSON is a literal of JavaScript as it stands. */
const literal = (text: string): string => JSON.stringify(text);

export const mongodbEngine: DatabaseEngine = {
  image: facts.image,
  port: facts.port,
  holds: 'data, journal and oplog',
  taskMemory: mib(facts.taskMiB),
  demand: (database, spec, profile) => {
    const { limit } = connectionsOf(spec, database.name, profile);
    const floor = {
      value: smallestMemory(limit),
      because: `2 GiB, or what leaves a cache of ${facts.smallestCacheMiB} MiB beside ${limit} connections`,
    };
    return databaseDemand(database, profile, { pids: pidsOf(limit), floor });
  },
  plan: (input, task, { user }) => {
    const { database, spec } = input;
    const { settings: sized, decisions } = settingsOf(input);
    const tls = withTls(spec, database.name);
    const settings = [...sized, ...tls.settings];
    const backedUp = isCopied(database, spec);
    const first = server(input, user);
    const [service = first, ...others] = meshed([first, ...readersOf(database).map((copy) => member(first, copy, input))]);
    const ways = [service, ...others].map(({ name }) => ({ service: name, port: facts.port }));
    return {
      decisions: [
        ...decisions,
        ...tls.decisions,
        ...readersOf(database).flatMap(({ name }) => settingsOf(input, name).decisions),
        ...memberDecisions(input),
      ],
      service,
      replicas: others,
      accounts: { ...accounts(input, backedUp, task, user), connects: ways },
      plan: {
        service: database.name,
        engine: 'mongodb',
        database: database.database,
        account: database.database,
        settings,
        clients: 'all',
        ...(spec.internalTls ? { tls: true } : {}),
        replicas: others.map(({ name }) => ({ service: name, settings })),
        members: membersOf(database, spec),
        ...(backedUp ? { backedUp } : {}),
      },
    };
  },
  url,
  client,
  ping: 'print(db.runCommand({ ping: 1 }).ok)',
  record: (version) =>
    `db.${migrations}.updateOne({ _id: ${literal(version)} }, { $setOnInsert: { ended: new Date() } }, { upsert: true, writeConcern: { w: "majority" } })`,
  recorded: (version) => `print(db.${migrations}.countDocuments({ _id: ${literal(version)} }))`,
  secrets: ({ name, database }, backedUp) => [
    { name: `${name}-admin`, length: 32, purpose: `administrator ${facts.administrator} of ${name}` },
    { name: `${name}-app`, length: 32, purpose: `account ${database} of ${name}` },
    { name: `${name}-keyfile`, length: 256, purpose: `key by which members of ${name} know each other` },
    ...(backedUp ? [{ name: backupSecret(name), length: 32, purpose: `account ${facts.backup.account} of ${name}, for its backups` }] : []),
  ],
  secretFiles: ({ name }, backedUp): readonly SecretFile[] => [
    plainFile(`${name}-admin`),
    { name: `${name}-admin-tools`, text: ['password: ', { secret: `${name}-admin`, form: 'plain' }, '\n'], of: [`${name}-admin`] },
    plainFile(`${name}-app`),
    { name: `${name}-keyfile`, text: [{ secret: `${name}-keyfile`, form: 'plain' }, '\n'], of: [`${name}-keyfile`] },
    ...(backedUp ? [plainFile(backupSecret(name))] : []),
  ],
};
