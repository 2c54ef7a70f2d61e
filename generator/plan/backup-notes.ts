import type { Plan } from '../../model/plan.ts';
import type { StackSpec } from '../../model/stack-spec.ts';
import { agentsOf, isCopied } from './services/agent.ts';
import { leftWithoutImage } from './services/agent-files.ts';
import { filesAgentIn } from './services/agents.ts';
import { exchangeNotes } from './services/sqlserver-exchange.ts';

/** What the site holds and no backup does. */
function notCopied(spec: StackSpec): readonly string[] {
  const { buckets: copied = [], caches: copiedCaches = [], volumes: copiedVolumes = [] } = filesAgentIn(spec) ?? {};
  const left = (store: string, buckets: readonly { readonly name: string }[]): readonly string[] =>
    buckets.map(({ name }) => name).filter((name) => !copied.some((one) => one.store === store && one.bucket === name));
  const others = [
    ...spec.databases
      .filter((database) => !isCopied(database, spec))
      .map(({ name, engine, operator }) => `${name} (${engine}${operator === undefined ? '' : `, run by ${operator}`})`),
    ...spec.externals
      .filter(({ name, engine, buckets }) => engine !== 'memcached' && (buckets.length === 0 || left(name, buckets).length > 0))
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
