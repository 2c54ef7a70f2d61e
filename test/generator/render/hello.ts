import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expectParsed, planSite, prepareSite } from '../../../cli/site.ts';
import type { PreparedSite } from '../../../cli/site.ts';
import type { Context } from '../../../cli/context.ts';
import { chooseNetwork } from '../../../generator/io/host-facts.ts';
import type { Random } from '../../../generator/io/random-text.ts';
import { quote } from '../../../generator/render/quote.ts';
import { editSpec } from '../../../generator/spec/edit-spec.ts';
import type { SpecEdit } from '../../../generator/spec/edit-spec.ts';
import { parseSpec } from '../../../generator/spec/parse-spec.ts';
import type { Plan } from '../../../model/plan.ts';
import type { DatabaseEngineName } from '../../../model/database-spec.ts';
import type { ProfileName, StackSpec, Target } from '../../../model/stack-spec.ts';

const root = join(import.meta.dirname, '../../..');

/** Bytes that look drawn and are the same in every run. */
export function seeded(seed: string): Random {
  let drawn = 0;
  return (count) => {
    const blocks = Array.from({ length: Math.ceil(count / 32) }, (_, index) =>
      createHash('sha256').update(`${seed} ${drawn} ${index}`).digest(),
    );
    drawn += 1;
    return Buffer.concat(blocks).subarray(0, count);
  };
}

const silence = (): void => undefined;
/** What a verb sees of the world in tests: nobody to ask, nobody to tell. */
export const context: Context = {
  cwd: root,
  root,
  now: () => new Date('2026-12-01T12:00:00Z'),
  random: seeded('hello'),
  interactive: false,
  terminal: false,
  color: false,
  columns: 100,
  uninterrupted: (step) => Promise.resolve(step()),
  out: silence,
  err: silence,
};

export const smallHost = { cpus: 2, memory: '16Gi', disk: '80Gi' } as const;
export const bigHost = { cpus: 64, memory: '512Gi', disk: '20Ti' } as const;

/** An authority that applications are to trust. */
export const corpAuthority = `-----BEGIN CERTIFICATE-----
MIIBhzCCAS2gAwIBAgIUJn4yQy1sRr1bDN0+bTBnGAlzf18wCgYIKoZIzj0EAwIw
GTEXMBUGA1UEAwwOY29ycCBhdXRob3JpdHkwHhcNMjYxMTIxMDkxMjUwWhcNMzYx
MTE4MDkxMjUwWjAZMRcwFQYDVQQDDA5jb3JwIGF1dGhvcml0eTBZMBMGByqGSM49
AgEGCCqGSM49AwEHA0IABOREPnp4R4TtKQ0gjTQtGQPNMp/Sbp2nEBDZufGsRBje
dDTWVGY4MccgF4iOcLYbraDv0HyGfo45euxzr8bXlIGjUzBRMB0GA1UdDgQWBBR6
qpWPpoDlARGN329Ly990WKBBLzAfBgNVHSMEGDAWgBR6qpWPpoDlARGN329Ly990
WKBBLzAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIQD7VINdiRho
0i6Z/QKFbs8tJGq+eERRp2Q53zJYC7vn1gIgNyPT6pvKPZBU8KbW1wf6tvgrxwJi
bIIU7foJVZDHeck=
-----END CERTIFICATE-----
`;

/** One service of every kind beside the web application, and its migrations. */
export const everyKind = {
  'trust': { corp: corpAuthority },
  'proxy': { url: 'http://proxy.corp.example:3128', except: ['.corp.example'] },
  'stores.files.publicHost': 'files.example.com',
  'stores.files.buckets.notes.lifecycle': [{ prefix: 'tmp/', expireAfter: '1d' }, { expireVersionsAfter: '90d' }],
  'services.web.egress': ['hooks.corp.example:443', '10.4.0.0/16:5432'],
  'volumes.uploads': { storageClass: 'nfs' },
  'services.web.volumes': { uploads: '/srv/uploads' },
  'services.web.migrate': { command: ['node', 'migrate.js', "it's $HOME"] },
  'services.jobs': {
    kind: 'worker',
    follows: 'web',
    uses: ['database', 'cache'],
    command: ['node', 'jobs.js'],
    volumes: { uploads: { path: '/data', readOnly: true } },
    healthcheck: ['node', 'check.js'],
  },
  'services.mail': { kind: 'worker', image: 'registry.example/mail:1.0.0', replicas: 1 },
  'services.report': {
    kind: 'cron',
    follows: 'web',
    uses: ['database'],
    schedule: '30 2 * * mon',
    timeZone: 'Europe/Berlin',
    deadline: '2h',
    command: ['node', 'report.js'],
  },
  'services.pages': { kind: 'static', image: 'registry.example/pages:1.0.0', port: 8080, routes: [{ path: '/pages/' }] },
} as const;

/** The database by another engine, with what that cannot do without. */
export const databaseOf = (engine: DatabaseEngineName): Readonly<Record<string, string | boolean>> => ({
  'databases.database.engine': engine,
  ...(engine === 'sqlserver' ? { 'databases.database.edition': 'standard', 'databases.database.acceptLicence': true } : {}),
});

/** Replicas by load and by the clock. */
export const byTheClock = {
  'services.web.scaling': {
    max: 6,
    min: 2,
    timeZone: 'Europe/Berlin',
    schedule: [
      { at: '0 7 * * 1-5', min: 4 },
      { at: '0 19 * * 1-5', min: 2 },
    ],
  },
} as const;

/** Where backups go that agents in a cluster make, too, and what the operator has brought for them. */
export const toBucket = {
  set: {
    'backups.bucket': {
      endpoint: 'https://s3.corp.example:9000',
      name: 'hello-backups',
      accessKey: 'hello-agent',
      ca: './certs/store.pem',
    },
  },
  supplied: { 'backup-store': 'key-of-the-store' },
  files: {
    'certs/store.pem': corpAuthority,
    'backup/recipients/escrow.pem': 'public key of escrow\n',
    'backup/recipients/operator.pem': 'public key of operator\n',
  },
} as const;

/** Databases that stand elsewhere and are copied all the same, and what is supplied for them. */
export const elsewhere = {
  'trust': { corp: corpAuthority },
  'databases.database': {
    engine: 'postgres',
    name: 'shop',
    external: { host: 'db.corp.example', port: 6432, user: 'shop@corp', tls: 'verify', backup: { disk: '40Gi' } },
  },
  'databases.orders': {
    engine: 'mariadb',
    external: { host: 'orders.corp.example', tls: 'verify', backup: { log: false, image: 'docker.io/library/mariadb:10.11' } },
  },
  'databases.books': { engine: 'mysql', external: { host: '10.9.8.7', backup: { user: 'copier' } } },
} as const;
export const suppliedElsewhere = Object.fromEntries(
  ['database', 'orders', 'books'].flatMap((name) => [
    [`${name}-app`, `s3cret-app-${name}`],
    [`${name}-backup`, `s3cret backup ${name}`],
  ]),
);

export interface Hello {
  /** Another one of examples/. */
  readonly example?: string;
  readonly profile?: ProfileName;
  /** Compose when absent; a cluster has no host unless one is given. */
  readonly target?: Target;
  readonly host?: object;
  /** `--set`, as typed. */
  readonly set?: Readonly<Record<string, unknown>>;
  /** Variables of the application, written into the text. */
  readonly env?: Readonly<Record<string, string>>;
  /** Files of secrets/supplied, by name. */
  readonly supplied?: Readonly<Record<string, string>>;
  /** Other files that the operator has put there, by their paths. */
  readonly files?: Readonly<Record<string, string>>;
}

/** The spec of the example as `init` would write it for a host. */
export function helloSpec({
  example = 'hello',
  profile = 'minimum',
  target,
  host = target === 'kubernetes' ? undefined : smallHost,
  set = {},
  env = {},
}: Hello = {}): StackSpec {
  const edits: SpecEdit[] = [
    { path: ['profile'], value: profile, only: 'always' },
    ...(target ? [{ path: ['target'], value: target, only: 'always' } as const] : []),
    ...(host ? [{ path: ['host'], value: host, only: 'always' } as const] : []),
    ...(target === 'kubernetes' ? [] : [{ path: ['network'], value: chooseNetwork(example, []), only: 'when absent' } as const]),
    ...Object.entries(set).map(([path, value]): SpecEdit => ({ path: path.split('.'), value, only: 'always' })),
  ];
  const { text, problems } = editSpec(readFileSync(join(root, 'examples', example, 'berth.yaml'), 'utf8'), 'berth.yaml', edits, []);
  if (problems.length > 0) throw new Error(JSON.stringify(problems));
  const variables = Object.entries(env)
    .map(([name, value]) => `      ${name}: ${quote('yaml', value)}\n`)
    .join('');
  return expectParsed(
    parseSpec(Buffer.from(text.replace('    port: 3000\n', (port) => `${port}${variables && `    env:\n${variables}`}`)), 'berth.yaml'),
    'berth.yaml',
  );
}

export const helloPlan = (hello: Hello = {}): Plan => planSite(helloSpec(hello), '/nowhere', context).plan;

/** All that a first run would write, and the ledger it drew; nothing stays on the disk. */
export async function prepareHello(hello: Hello = {}): Promise<PreparedSite> {
  const empty = mkdtempSync(join(tmpdir(), 'berth-hello-'));
  const supplied = Object.entries(hello.supplied ?? {}).map(([name, text]) => [`secrets/supplied/${name}`, text] as const);
  for (const [path, text] of [...supplied, ...Object.entries(hello.files ?? {})]) {
    mkdirSync(dirname(join(empty, path)), { recursive: true });
    writeFileSync(join(empty, path), text);
  }
  try {
    return await prepareSite(empty, planSite(helloSpec(hello), empty, { ...context, random: seeded('hello') }), [], {
      ...context,
      random: seeded('hello'),
    });
  } finally {
    rmSync(empty, { recursive: true });
  }
}
