import type { Artifact } from '../../model/artifact.ts';
import type { CacheClusterPlan } from '../../model/cache-plan.ts';
import type { DatabasePlan } from '../../model/database-plan.ts';
import type { Plan } from '../../model/plan.ts';
import { enginesKeptBeside } from '../../model/backup/copied-engines.ts';
import { authorityFile } from '../../model/internal-tls.ts';
import { mongodb } from '../../model/engines/mongodb.ts';
import { postgres } from '../../model/engines/postgres.ts';
import type { BackupsConfig } from '../../model/runtime-config.ts';
import { redis } from '../../model/engines/redis.ts';
import { sqlserver } from '../../model/engines/sqlserver.ts';
import { valkey } from '../../model/engines/valkey.ts';
import { describeCpus, describeSize, formatCpu, formatDuration } from '../../model/units.ts';
import { commandsOf } from './database-commands.ts';
import { fill } from './fill.ts';
import type { Templates } from './fill.ts';
import { elsewhereView } from './runbook-elsewhere.ts';
import { putBackOf, putBackOfCache } from './runbook-restores.ts';
import { clusterView } from './runbook-kubernetes.ts';

/** Where backups go, for people. */
const describeStore = ({ folder, bucket }: BackupsConfig['store']): string =>
  bucket ? `bucket ${bucket.name} at ${bucket.endpoint}` : `the folder ${folder ?? ''} of this host`;

/** A sentence with code in it: what stands between backticks is shown as it is, and nothing else of it is markup. */
const spansOf = (sentence: string): readonly { readonly text?: string; readonly code?: string }[] =>
  sentence.split(/(`[^`\n]+`)/).flatMap((part, index) => (part === '' ? [] : [index % 2 === 1 ? { code: part } : { text: part }]));

/** SITE.md: the runbook of exactly this site. */
export function renderRunbook(plan: Plan, templates: Templates): Artifact {
  const port = plan.edge.httpsPort === 443 ? '' : `:${plan.edge.httpsPort}`;
  const budget = plan.budget.rows;
  const edge = plan.services.find((service) => service.role === 'edge');
  const jobsOf = (key: 'database' | 'bucket' | 'cache' | 'volume') =>
    plan.agents
      .map(({ service, config }) => ({
        service,
        names: config.backups?.jobs.filter((job) => job[key] !== undefined).map(({ name }) => name) ?? [],
      }))
      .filter(({ names }) => names.length > 0);
  const [copied, buckets, caches, volumes] = [jobsOf('database'), jobsOf('bucket'), jobsOf('cache'), jobsOf('volume')];
  type Copies = typeof copied;
  const told = (copies: Copies): string => copies.map(({ service, names }) => `\`${service}\` copies ${names.join(', ')}`).join('; ');
  /** Where there are several, a restore has to be told which. */
  const which = (copies: Copies): string => (copies.flatMap(({ names }) => names).length > 1 ? ` --name ${copies[0]?.names[0] ?? ''}` : '');
  const beside =
    plan.databases.find(({ engine, backedUp }) => backedUp && enginesKeptBeside.some((kept) => kept === engine))?.service ??
    plan.elsewhere?.[0]?.name;
  const keptBeside = beside === undefined ? undefined : { name: which(copied) === '' ? '' : ` --name ${beside}` };
  const view = {
    name: plan.name,
    profile: plan.profile,
    address: `https://${plan.domain}${port}`,
    local: `https://localhost${port}`,
    notes: plan.notes.map(spansOf),
    host: plan.host
      ? `${describeCpus(plan.host.cpus)}, ${describeSize(plan.host.memory)}, ${describeSize(plan.host.disk)} of free disk`
      : 'no particular host',
    memory: `${describeSize(plan.budget.sum)} of ${describeSize(plan.budget.host)}`,
    reserve: describeSize(plan.budget.reserve),
    servers: plan.servers.map(({ service }) => service).join(', '),
    services: plan.services
      .map((service) => ({
        name: service.name,
        title: service.title,
        count: service.replicas,
        cpu: formatCpu(service.size.cpu),
        memory: describeSize(service.size.memory),
      }))
      .concat(
        budget
          .filter((row) => row.name === 'surge' || row.name === 'agent')
          .map((row) => ({
            name: row.name,
            title: row.name === 'surge' ? 'room for one more replica while one is replaced' : 'room for the agent that makes backups',
            count: row.count,
            cpu: '',
            memory: describeSize(row.each),
          })),
      ),
    disk: plan.disk.map((row) => ({ ...row, size: describeSize(row.size) })),
    path: plan.edge.apps[0]?.routes[0]?.path ?? '/',
    httpPort: edge?.ports[0]?.published ?? 80,
    httpsPort: plan.edge.httpsPort,
    apps: plan.services
      .filter(({ slotted, kind }) => slotted && kind === 'server')
      .map((service) => {
        const live = [...(plan.release.get(service.name) ?? [])].sort((a, b) => b.weight - a.weight)[0]?.slot ?? 'blue';
        return {
          name: service.name,
          live,
          other: live === 'blue' ? 'green' : 'blue',
          replicas: service.replicas,
          path: plan.edge.apps.find((app) => app.service === service.name)?.routes[0]?.path ?? '/',
        };
      }),
    migrated: plan.services
      .filter(({ migration }) => migration !== undefined)
      .map(({ name }) => name)
      .join(', '),
    jobs: plan.services.flatMap(({ name, schedule }) =>
      schedule ? [{ name, ...schedule, deadline: formatDuration(schedule.deadline) }] : [],
    ),
    slots: plan.services
      .filter(({ slotted, kind }) => slotted && kind === 'server')
      .flatMap((service) => (plan.release.get(service.name) ?? []).map(({ slot }) => `${service.name}-${slot}`)),
    databases: plan.databases.map((database) => ({ ...database, ...commandsOf(database), pod: podOf(database, plan) })),
    copied: plan.kubernetes ? plan.databases.flatMap((database) => putBackOf(database, plan)) : [],
    copiedCaches: plan.kubernetes ? plan.caches.flatMap((cache) => putBackOfCache(cache, plan)) : [],
    operated: plan.databases.filter(({ operator }) => operator !== undefined),
    operatorNamespace: plan.kubernetes?.operatorNamespace ?? '',
    replicated: plan.databases.flatMap((database) => {
      const [first, ...others] = promotable(database, plan);
      return first !== undefined && commandsOf(database).promote !== undefined
        ? [
            {
              ...commandsOf(database),
              service: database.service,
              database: database.database,
              replica: first,
              replicas: [first, ...others],
              others,
              copies: database.replicas.map((replica) => replica.service),
              // In commands, and within the single quotes of one.
              copy: others.length === 0 ? first : '$NEW',
              quotedCopy: others.length === 0 ? first : `'"$NEW"'`,
              isRead: database.replicas.some(({ analytics }) => analytics === undefined),
              // It would go on asking at the address that the old one had.
              pooler: database.pooler ? ` ${database.pooler.service}` : '',
              // PostgreSQL has no file with the login of its administrator, and its replica no password of it at all.
              superuser: database.engine === 'postgres' ? postgres.superuser : undefined,
              secret: plan.kubernetes?.existingSecrets[database.service] ?? `${database.service}-secrets`,
            },
          ]
        : [];
    }),
    sets: plan.databases.flatMap(({ service, members = [], replicas }) =>
      members.length > 1
        ? [
            {
              service,
              members: [service, ...replicas.map((member) => member.service)],
              asks: `mongosh --nodb --quiet --norc --file ${mongodb.configFolder}/set.js`,
            },
          ]
        : [],
    ),
    watched: plan.caches.flatMap(({ cache, engine, sentinel, tls }) =>
      sentinel && engine !== 'memcached'
        ? [
            {
              cache,
              count: sentinel.nodes.length,
              asked: `${sentinel.service}-0`,
              client: { valkey, redis }[engine].client,
              port: valkey.sentinel.port,
              clientOptions: tls ? ` --tls --cacert ${authorityFile}` : '',
              lesson: sentinel.forgets
                ? 'Nothing of it outlives a start of all three at once: it is a cache.'
                : 'While two nodes are gone the third refuses writes: it may be the one that was cut off.',
            },
          ]
        : [],
    ),
    clustered: plan.caches.flatMap(({ cache, cluster }) => (cluster ? [clusterOfCache(cache, cluster)] : [])),
    stores: plan.stores.map((store) => ({
      ...store,
      tls: store.tls ?? false,
      port: plan.services.find(({ name }) => name === store.service)?.port,
    })),
    volumes: plan.volumes
      .filter(({ name }) => name !== sqlserver.exchangeVolume)
      .map(({ name, alone }) => ({
        name,
        access: alone ? 'ReadWriteOnce' : 'ReadWriteMany',
        mounts: plan.services.flatMap(({ name: service, role, shared = [] }) =>
          role === 'app' ? shared.filter((mount) => mount.name === name).map((mount) => ({ service, ...mount })) : [],
        ),
      })),
    ways: (plan.relay?.ways ?? []).map(({ service, ports }) => ({
      service,
      places: ports.flatMap(({ port, hosts }) => hosts.map((host) => `${host}:${port}`)),
    })),
    secrets: plan.secrets,
    backups: plan.runtime.backups && {
      place: describeStore(plan.runtime.backups.store),
      bucket: plan.runtime.backups.store.bucket,
      folder: plan.runtime.backups.store.folder,
      offsite: plan.runtime.backups.offsite && {
        place: describeStore(plan.runtime.backups.offsite),
        bucket: plan.runtime.backups.offsite.bucket,
        schedule: plan.runtime.backups.offsite.schedule,
      },
      databases: told(copied),
      agents: plan.agents.map(({ service }) => service),
      buckets: told(buckets),
      whichBucket: which(buckets),
      caches: told(caches),
      whichCache: which(caches),
      volumes: told(volumes),
      whichVolume: which(volumes),
      // The first of them is one of the site's own, where there is one.
      own: plan.agents.some(({ config }) => config.backups?.jobs.some(({ database }) => database && database.elsewhere === undefined)),
      unlogged: plan.runtime.backups.jobs
        .filter(({ database }) => database?.elsewhere?.log === false)
        .map(({ name }) => name)
        .join(', '),
      name: which(copied),
      beside: keptBeside,
      drill: plan.drill,
    },
    elsewhere:
      plan.elsewhere === undefined ? '' : fill(templates, 'site/elsewhere.md.hbs', 'markdown', elsewhereView(plan, plan.elsewhere)),
    image: plan.images.find((image) => image.key === 'nginx')?.reference ?? '',
    bOpen: '{{',
    bClose: '}}',
  };
  const [template, more] = plan.kubernetes
    ? (['site/SITE-kubernetes.md.hbs', clusterView(plan, plan.kubernetes)] as const)
    : (['site/SITE.md.hbs', {}] as const);
  return { path: 'SITE.md', content: fill(templates, template, 'markdown', { ...view, ...more }), mode: 0o644, policy: 'generated' };
}

/** What the runbook tells of a cache whose keys are divided among its nodes, by the names of their containers. */
function clusterOfCache(cache: string, { shards, forgets }: CacheClusterPlan): object {
  const names = shards.map((shard) => shard.map((host) => host.split('.')[0] ?? ''));
  const [[asked = '', copy = ''] = []] = names;
  return {
    cache,
    shards: shards.length,
    count: names.flat().length,
    nodes: names.flat().join(' '),
    asked,
    copy,
    lesson: forgets
      ? `Nothing of it outlives a start of both nodes of a shard at once: it is a cache.`
      : `A copy that was started anew takes over by itself only once it has spoken to its primary; before that, \`cluster failover force\` has it serve what is on its disk.`,
  };
}

/** The pod of a database that is written to; of an operator's it may be another one tomorrow. */
const podOf = ({ service, operator }: DatabasePlan, { kubernetes }: Plan): string =>
  operator === undefined
    ? `${service}-0`
    : `$(kubectl -n ${kubernetes?.namespace ?? ''} get pod -l cnpg.io/cluster=${service},cnpg.io/instanceRole=primary -o name) -c postgres`;

/** Which copies may take the place of a primary. In a cluster nobody but its few services reaches the one for analytics; on one host its data alone are taken. */
function promotable({ replicas }: DatabasePlan, { target }: Plan): readonly string[] {
  const read = replicas.filter(({ analytics }) => analytics === undefined);
  return (read.length === 0 && target === 'compose' ? replicas : read).map(({ service }) => service);
}
