import { offsiteSecret, signerSecret, storeSecret } from '../../model/backup/site-files.ts';
import { valkey } from '../../model/engines/valkey.ts';
import type { PlannedSecret, SecretFile } from '../../model/planned-secret.ts';
import type { BackupPlaceSpec } from '../../model/backups-spec.ts';
import type { CacheSpec } from '../../model/cache-spec.ts';
import type { StackSpec } from '../../model/stack-spec.ts';
import { plainFile } from './secret-file.ts';
import { backupSecret, copiedElsewhere, isCopied } from './services/copied-databases.ts';
import { filesAgentIn } from './services/agents.ts';
import { isCluster, isReplicated, isWatched } from './services/cache-members.ts';
import { databaseEngines } from './services/databases.ts';
import { accountOf, administrator, backupAccountOf } from './services/store-engine.ts';
import { storeEngines } from './services/stores.ts';

/** Memcached knows no accounts. */
const authenticated = <T extends { readonly engine: string }>(engines: readonly T[]): readonly T[] =>
  engines.filter(({ engine }) => engine !== 'memcached');

/** Buckets of a store that an agent reads. */
const copiesOf = (store: string, spec: StackSpec) => filesAgentIn(spec)?.buckets.filter((one) => one.store === store) ?? [];

/** Whether an agent copies it. */
const isCopiedCache = ({ name }: CacheSpec, spec: StackSpec): boolean =>
  filesAgentIn(spec)?.caches.some((one) => one.name === name) === true;

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
        ...storeAccount(storeSecret, backups, 'the store of backups'),
        ...(backups.offsite === undefined ? [] : storeAccount(offsiteSecret, backups.offsite, 'the second copy of backups')),
      ];

const storeAccount = (name: string, { store }: BackupPlaceSpec, what: string): readonly PlannedSecret[] =>
  'folder' in store
    ? []
    : [
        {
          name,
          length: 0,
          supplied: 'file',
          runtime: true,
          purpose: `account ${store.bucket.accessKey} of ${what} at ${store.bucket.endpoint}`,
        },
      ];

/** The secrets that the engines of a stack need; those of applications come from their own plans. */
export const secretsOf = (spec: StackSpec): readonly PlannedSecret[] => [
  ...spec.databases.flatMap((database) => databaseEngines[database.engine].secrets(database, isCopied(database, spec))),
  ...authenticated(spec.caches).flatMap((cache) => [
    { name: `${cache.name}-app`, length: 32, purpose: `account app of ${cache.name}` },
    ...(isCopiedCache(cache, spec)
      ? [{ name: backupSecret(cache.name), length: 32, purpose: `account ${valkey.backup.account} of ${cache.name}: takes copies of it` }]
      : []),
    ...(isReplicated(cache)
      ? [
          {
            name: `${cache.name}-replication`,
            length: 32,
            purpose: `account ${valkey.peer} of ${cache.name}: its nodes${isWatched(cache) ? ' and Sentinels' : ''}, each at the others`,
          },
        ]
      : []),
  ]),
  ...authenticated(spec.externals).map(({ name, user, host }) => ({
    name: `${name}-app`,
    length: 0,
    purpose: `account ${user} of ${name} at ${host}`,
    supplied: 'env' as const,
  })),
  ...copiedElsewhere(spec).map(({ name, host, backup: { user } }) => ({
    name: backupSecret(name),
    length: 0,
    purpose: `account ${user} of ${name} at ${host}, for its backups`,
    supplied: 'file' as const,
  })),
  ...spec.stores.flatMap(({ name }) => [
    { name: `${name}-root`, length: 32, purpose: `administrator ${administrator} of ${name}` },
    { name: `${name}-app`, length: 32, purpose: `account ${accountOf(spec)} of ${name}` },
    ...(copiesOf(name, spec).length > 0
      ? [{ name: backupSecret(name), length: 32, purpose: `account ${backupAccountOf(spec)} of ${name}, for its backups` }]
      : []),
  ]),
  ...backupSecrets(spec),
];

/** A node may copy another and be told whom; beyond what it needs for that, a Sentinel turns clients away from a node that is written to no more. */
const peerRights =
  ' resetkeys &* -@all +ping +info +role +psync +sync +replconf +multi +exec +slaveof +replicaof +subscribe +publish +config|rewrite +client|setname +client|kill +script|kill\n';
/** A node of a cluster may have another say and do what keeps the cluster whole: none of it deletes anything, or takes slots from anybody else. `bumpepoch` makes others believe what it says of its own. By which account it copies another, its script says. */
const shardRights =
  ' resetkeys &* -@all +ping +info +role +dbsize +acl|load +cluster|info +cluster|nodes +cluster|meet +cluster|forget +cluster|replicate +cluster|addslotsrange +cluster|failover +cluster|bumpepoch\n';
/** What anybody may ask a Sentinel: where the primary is, and whether there is one. Nobody without a password tells it anything. */
const sentinelQuestions =
  'user default on nopass resetkeys &* -@all +auth +hello +ping +info +role +command +subscribe +psubscribe +unsubscribe +punsubscribe +client|setname +client|setinfo +client|getname +client|id +sentinel|get-master-addr-by-name +sentinel|master +sentinel|masters +sentinel|replicas +sentinel|slaves +sentinel|sentinels +sentinel|myid +sentinel|ckquorum\n';

function cacheFiles(cache: CacheSpec, copied: boolean): readonly SecretFile[] {
  const { name } = cache;
  const backup = backupSecret(name);
  const [replicated, watched] = [isReplicated(cache), isWatched(cache)];
  const peer = { secret: `${name}-replication`, form: 'sha256' } as const;
  return [
    {
      name: `${name}-acl`,
      of: [`${name}-app`, ...(copied ? [backup] : []), ...(replicated ? [`${name}-replication`] : [])],
      text: [
        `user default on nopass resetkeys resetchannels -@all +ping${watched ? ' +role' : ''}\nuser app on #`,
        { secret: `${name}-app`, form: 'sha256' },
        ' ~* &* +@all -@admin -@dangerous +info +keys +flushdb\n',
        ...(copied
          ? [
              `user ${valkey.backup.account} on #`,
              { secret: backup, form: 'sha256' } as const,
              ` resetkeys resetchannels ${valkey.backup.rights}\n`,
            ]
          : []),
        ...(replicated ? [`user ${valkey.peer} on #`, peer, isCluster(cache) ? shardRights : peerRights] : []),
      ],
    },
    ...(copied ? [plainFile(backup)] : []),
    ...(replicated ? [plainFile(`${name}-replication`)] : []),
    ...(watched
      ? [
          {
            name: `${name}-sentinel-acl`,
            of: [`${name}-replication`],
            text: [`${sentinelQuestions}user ${valkey.peer} on #`, peer, ' resetkeys &* +@all\n'],
          },
        ]
      : []),
  ];
}

/** The files that bring them to the engines, each in the form that its engine asks for. */
export const secretFilesOf = (spec: StackSpec): readonly SecretFile[] => [
  ...spec.databases.flatMap((database) =>
    databaseEngines[database.engine].secretFiles(database, isCopied(database, spec), spec.internalTls),
  ),
  // Valkey knows passwords by their hash: the file that lists its accounts holds none.
  ...authenticated(spec.caches).flatMap((cache) => cacheFiles(cache, isCopiedCache(cache, spec))),
  ...spec.stores.flatMap((store) =>
    storeEngines[store.engine].secretFiles(
      store,
      spec,
      copiesOf(store.name, spec).map(({ bucket }) => bucket),
    ),
  ),
  // Supplied for the application, and read by the agent as a file.
  ...spec.externals.flatMap(({ name }) => (copiesOf(name, spec).length > 0 ? [plainFile(`${name}-app`)] : [])),
  ...copiedElsewhere(spec).map(({ name }) => plainFile(backupSecret(name))),
];
