import { signerSecret, storeSecret } from '../../model/backup/site-files.ts';
import type { PlannedSecret, SecretFile } from '../../model/plan.ts';
import type { StackSpec } from '../../model/stack-spec.ts';
import { databaseEngines } from './services/databases.ts';
import { accountOf } from './services/minio.ts';

/** Memcached knows no accounts. */
const authenticated = <T extends { readonly engine: string }>(engines: readonly T[]): readonly T[] =>
  engines.filter(({ engine }) => engine !== 'memcached');

/** What the runtime needs to sign backups, and to bring them to a bucket. */
const backupSecrets = ({ backups }: StackSpec): readonly PlannedSecret[] =>
  backups === undefined
    ? []
    : [
        {
          name: signerSecret,
          length: 0,
          key: 'ed25519',
          runtime: true,
          purpose: 'signs backups: whoever has it can make them up, and read none',
        },
        ...('bucket' in backups.store
          ? [
              {
                name: storeSecret,
                length: 0,
                supplied: 'file' as const,
                runtime: true,
                purpose: `account ${backups.store.bucket.accessKey} of the store of backups at ${backups.store.bucket.endpoint}`,
              },
            ]
          : []),
      ];

/** The secrets that the engines of a stack need; those of applications come from their own plans. */
export const secretsOf = (spec: StackSpec): readonly PlannedSecret[] => [
  ...spec.databases.flatMap((database) => databaseEngines[database.engine].secrets(database)),
  ...authenticated(spec.caches).map(({ name }) => ({ name: `${name}-app`, length: 32, purpose: `account app of ${name}` })),
  ...authenticated(spec.externals).map(({ name, user, host }) => ({
    name: `${name}-app`,
    length: 0,
    purpose: `account ${user} of ${name} at ${host}`,
    supplied: 'env' as const,
  })),
  ...spec.stores.flatMap(({ name }) => [
    { name: `${name}-root`, length: 32, purpose: `administrator berth-root of ${name}` },
    { name: `${name}-app`, length: 32, purpose: `account ${accountOf(spec)} of ${name}` },
  ]),
  ...backupSecrets(spec),
];

/** The files that bring them to the engines, each in the form that its engine asks for. */
export const secretFilesOf = (spec: StackSpec): readonly SecretFile[] => {
  const plain = (name: string): SecretFile => ({ name, text: [{ secret: name, form: 'plain' }], of: [name] });
  return [
    ...spec.databases.flatMap((database) => databaseEngines[database.engine].secretFiles(database)),
    // Valkey knows passwords by their hash: the file that lists its accounts holds none.
    ...authenticated(spec.caches).map(({ name }): SecretFile => ({
      name: `${name}-acl`,
      of: [`${name}-app`],
      text: [
        'user default on nopass resetkeys resetchannels -@all +ping\nuser app on #',
        { secret: `${name}-app`, form: 'sha256' },
        ' ~* &* +@all -@admin -@dangerous +info +keys +flushdb\n',
      ],
    })),
    ...spec.stores.flatMap(({ name }) => [plain(`${name}-root`), plain(`${name}-app`)]),
  ];
};
