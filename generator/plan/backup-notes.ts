import type { BackupsSpec } from '../../model/backups-spec.ts';
import type { Plan } from '../../model/plan.ts';
import type { StackSpec } from '../../model/stack-spec.ts';
import { enginesElsewhere } from '../../model/backup/copied-engines.ts';
import { formatDuration } from '../../model/units.ts';
import { longestGap } from './longest-gap.ts';
import { agentsOf, copiedElsewhere, isCopied, type CopiedElsewhere } from './services/copied-databases.ts';
import { leftWithoutImage } from './services/agent-files.ts';
import { filesAgentIn } from './services/agents.ts';
import { exchangeNotes } from './services/sqlserver-exchange.ts';

/** What the site holds and no backup does. */
function notCopied(spec: StackSpec): readonly string[] {
  const { buckets: copied = [], caches: copiedCaches = [], volumes: copiedVolumes = [] } = filesAgentIn(spec) ?? {};
  const copiedDatabases = copiedElsewhere(spec);
  const left = (store: string, buckets: readonly { readonly name: string }[]): readonly string[] =>
    buckets.map(({ name }) => name).filter((name) => !copied.some((one) => one.store === store && one.bucket === name));
  const others = [
    ...spec.databases
      .filter((database) => !isCopied(database, spec))
      .map(({ name, engine, operator }) => `${name} (${engine}${operator === undefined ? '' : `, run by ${operator}`})`),
    ...spec.externals
      .filter(
        ({ name, engine, buckets, backup }) =>
          engine !== 'memcached' &&
          backup !== 'none' &&
          !copiedDatabases.some((one) => one.name === name) &&
          (buckets.length === 0 || left(name, buckets).length > 0),
      )
      .map(({ name }) => `${name} (elsewhere)`),
    ...spec.stores.flatMap(({ name, buckets }) => {
      const others = left(name, buckets);
      return others.length === buckets.length ? [`${name} (objects)`] : others.map((bucket) => `${name}.${bucket} (objects)`);
    }),
    ...spec.caches
      .filter(({ name, use }) => use !== 'cache' && !copiedCaches.some((one) => one.name === name))
      .map(({ name, use }) => `${name} (${use})`),
    ...spec.volumes.filter(({ name }) => !copiedVolumes.some((one) => one.name === name)).map(({ name }) => `${name} (files)`),
  ];
  return others.length === 0 ? [] : [`not in the backups, and yours to copy until a later version does it: ${others.join(', ')}`];
}

/** How much of it is lost with its server at most, and what its agent asks of that. */
function ofElsewhere(
  { name, engine, host, tls, backup }: CopiedElsewhere,
  databases: NonNullable<BackupsSpec['databases']>,
): readonly string[] {
  const { user, log } = backup;
  const { rpo, schedule, increments } = databases;
  const gap = formatDuration(longestGap(increments !== undefined && engine === 'postgres' ? increments : schedule));
  const kept = engine === 'postgres' ? ', which that server keeps for it up to max_slot_wal_keep_size' : '';
  const lost = log
    ? `at most ${rpo} s of work are lost with its server, as its log is received all the time${kept}`
    : `up to ${gap} of work is lost with its server (backups.databases.schedule), as external.backup.log is false`;
  return [
    `${name} stands elsewhere, and is copied: ${lost}. A copy holds all of the server at ${host}, with whatever else is on it. Its administrator makes the account ${user} first, by the statements in SITE.md; a restore is tried here, and nothing puts it back over there`,
    ...(tls === 'verify'
      ? []
      : [
          tls === 'off'
            ? `${name}: all of it crosses the network unencrypted, to be read and changed on the way; external.tls: verify keeps it from that`
            : `${name}: copied over TLS with whoever answers, as its certificate is not checked; external.tls: verify has it checked`,
        ]),
  ];
}

function elsewhereNotes(spec: StackSpec): readonly string[] {
  const databases = spec.backups?.databases;
  const asked = spec.externals.filter(({ kind }) => kind === 'database');
  const left = asked.filter(({ backup }) => backup === 'none').map(({ name }) => name);
  const silent = asked.filter(({ backup, engine }) => backup === undefined && enginesElsewhere.some((one) => one === engine));
  return [
    ...(databases === undefined ? [] : copiedElsewhere(spec).flatMap((database) => ofElsewhere(database, databases))),
    ...(left.length === 0
      ? []
      : [`${left.join(', ')}: whoever runs it copies it, as backup: none says; nothing of it is in these backups`]),
    ...(databases === undefined
      ? []
      : silent.map(
          ({ name }) =>
            `${name}: databases.${name}.external.backup: {} has it copied from where it stands, by an account that its administrator makes; none says that he copies it`,
        )),
  ];
}

/** Files that others may not read stop the copy of their volume, by their names. */
function foreignFiles(spec: StackSpec): readonly string[] {
  const user = spec.backups?.user;
  return (filesAgentIn(spec)?.volumes ?? []).flatMap(({ name }) => {
    const users = new Set(
      spec.services.filter(({ volumes }) => volumes.some((mount) => mount.name === name)).map((service) => service.user),
    );
    const [one] = users;
    return one === undefined || (users.size === 1 && one === user)
      ? []
      : [
          `${name}: a file there that only ${[...users].join(' or ')} may read makes its copy fail, as agents run as ${user ?? 'the user of a database'}; backups.user: "${one}" has them run as its service does`,
        ];
  });
}

/** What copies of the site do not hold, and what they need. It is loaded for sites that have some. */
export function backupNotes(spec: StackSpec, images: Plan['images']): readonly string[] {
  const { backups, target, registry, databases, stores, caches } = spec;
  if (backups === undefined) return [];
  const withoutImage = leftWithoutImage(spec);
  return [
    ...notCopied(spec),
    ...elsewhereNotes(spec),
    ...agentsOf(spec).flatMap((agent) => (agent.engine === 'sqlserver' ? exchangeNotes(agent, spec) : [])),
    ...foreignFiles(spec),
    ...(withoutImage.length === 0
      ? []
      : [
          `${withoutImage.join(', ')}: not copied, as this site runs no PostgreSQL, MySQL or MariaDB in whose image that could be done; name one of yours with glibc and libstdc++ under backups.image, such as docker.io/library/debian:trixie-slim`,
        ]),
    ...('folder' in backups.store
      ? [
          ...(agentsOf(spec).length === 0 && filesAgentIn(spec) === undefined
            ? []
            : [
                `before the first \`docker compose up\`: \`berth backup store create\`, which makes ${backups.store.folder}; its agents mount that`,
              ]),
          ...(backups.offsite === undefined
            ? [
                `backups go to ${backups.store.folder} on this host (tier 0): what takes the host takes them too; name a bucket elsewhere, or a second place under backups.offsite`,
              ]
            : []),
        ]
      : []),
    ...(target === 'kubernetes'
      ? [
          'the folder of the site is copied from where it lies, by `berth backup now` or `berth runtime` there',
          ...images
            .filter(({ key }) => key === 'berth')
            .map(
              ({ reference, usedBy }) =>
                `${usedBy.join(', ')} bring${usedBy.length === 1 ? 's' : ''} Berth along in an image of its own: \`docker build -t ${reference} .berth/bin\`, on the architecture of the nodes; ${registry === undefined ? 'push it to a registry that they reach, and name that under images in k8s/site/kustomization.yaml' : 'then push it'}`,
            ),
          ...('folder' in backups.store && databases.length + stores.length + caches.length > 0
            ? [
                `no pod reaches ${backups.store.folder}, a folder of this machine: with a bucket, agents in the cluster copy databases, buckets and caches`,
              ]
            : []),
        ]
      : []),
  ];
}
