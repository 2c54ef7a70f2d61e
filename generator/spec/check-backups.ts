import { copiedEngines, enginesWithIncrements } from '../../model/backup/copied-engines.ts';
import { sqlserver } from '../../model/engines/sqlserver.ts';
import type { WrittenSpec } from '../../model/written-spec.ts';
import type { Finding } from './finding.ts';

/** What no single value of `backups` can show. */
export function* checkBackups(spec: WrittenSpec): Iterable<Finding> {
  const { backups, stores = {}, volumes = {} } = spec;
  if (backups === undefined) return;
  const { bucket, offsite } = backups;
  yield* checkPlace(backups, ['backups'], '/srv/backups');
  if (offsite !== undefined) {
    yield* checkPlace(offsite, ['backups', 'offsite'], '/mnt/offsite');
    const [first, second] = [addressOf(backups), addressOf(offsite)];
    if (first !== undefined && second !== undefined && (first === second || liesIn(first, second) || liesIn(second, first)))
      yield {
        path: ['backups', 'offsite'],
        message: first === second ? 'the second copy would be the first' : 'one of the two places would lie in the other',
        hint: 'name another folder or bucket, elsewhere',
      };
  }
  if (typeof backups.buckets === 'object') yield* checkBuckets(backups.buckets.names ?? [], stores);
  if (typeof backups.databases === 'object' && backups.databases.increments !== undefined) yield* checkIncrements(spec);
  yield* checkReach(spec, backups);
  yield* checkDrill(spec, backups);
  yield* checkUser(spec, backups);
  if (backups.user !== undefined && bucket !== undefined && Object.keys(volumes).length === 0)
    yield {
      path: ['backups'],
      key: 'user',
      message: 'a bucket has no owner on this host, and there are no files of services to be read',
      hint: 'remove user: it is for `folder`, and for volumes',
    };
  for (const kind of ['configuration', 'secrets', 'databases', 'buckets', 'caches', 'volumes'] as const) {
    const written = backups[kind];
    const names: unknown = typeof written === 'object' ? written.recipients : undefined;
    if (!Array.isArray(names)) continue;
    for (const [index, name] of names.entries())
      if (names.indexOf(name) < index)
        yield { path: ['backups', kind, 'recipients', index], message: `"${String(name)}" stands twice`, hint: 'name somebody else' };
  }
}

/** Buckets by the names that they have in backups. */
function* checkBuckets(names: readonly string[], stores: NonNullable<WrittenSpec['stores']>): Iterable<Finding> {
  const own = Object.entries(stores).flatMap(([store, { buckets }]) => Object.keys(buckets).map((bucket) => `${store}.${bucket}`));
  for (const name of ['configuration', 'secrets'])
    if ((names.length === 0 ? own : names).includes(`site.${name}`) && own.includes(`site.${name}`))
      yield {
        path: ['stores', 'site', 'buckets', name],
        message: `its backups would have the name of those of the ${name}, site.${name}`,
        hint: 'name the store otherwise, or leave the bucket out of backups.buckets.names',
      };
  for (const [index, name] of names.entries()) {
    const path = ['backups', 'buckets', 'names', index];
    if (!own.includes(name))
      yield {
        path,
        message: `no store of this site has the bucket "${name}"`,
        hint: own.length === 0 ? 'remove it; this site has no store' : `write one of: ${own.join(', ')}`,
      };
    else if (names.indexOf(name) < index) yield { path, message: `"${name}" stands twice`, hint: 'remove one of the two' };
  }
}

/** With a full backup a week alone, the way from it to now would be all the log of a week. */
/** Databases that an agent would copy: of those that stand elsewhere, the ones of which the spec says so. */
const copiedIn = (databases: WrittenSpec['databases'] = {}) =>
  Object.entries(databases).filter(
    ([, { engine, operator, external }]) =>
      operator === undefined &&
      (external === undefined || typeof external.backup === 'object') &&
      copiedEngines.some((name) => name === engine),
  );

function* checkIncrements({ databases }: WrittenSpec): Iterable<Finding> {
  const whole = copiedIn(databases).filter(([, { engine }]) => !enginesWithIncrements.includes(engine));
  if (whole.length > 0)
    yield {
      path: ['backups', 'databases'],
      key: 'increments',
      message: `only PostgreSQL and SQL Server can copy what has changed, and this site has ${whole.map(([name, { engine }]) => `${name} (${engine})`).join(', ')}`,
      hint: 'remove increments, and let schedule make a full backup every night',
    };
}

/** An agent in a cluster sees no folder of the machine that the site lies on. */
function* checkReach(
  { target, databases }: WrittenSpec,
  { folder, databases: copied }: Place & NonNullable<WrittenSpec['backups']>,
): Iterable<Finding> {
  if (target !== 'kubernetes' || folder === undefined || copied === 'none') return;
  const out = copiedIn(databases).map(([name]) => name);
  if (out.length > 0)
    yield {
      path: ['backups'],
      key: 'folder',
      message: `no pod reaches a folder of this machine, so nothing would copy ${out.join(', ')}`,
      hint: 'name a bucket that the cluster reaches, or write databases: none and copy them yourself',
    };
}

/** @param file - Missing ones are told of elsewhere. */
const liesIn = (file: string | undefined, folder: string): boolean => file?.startsWith(`${folder}/`) ?? false;

/** What opens the backups must not lie with them. */
function* checkDrill({ target }: WrittenSpec, { drill, folder, offsite }: NonNullable<WrittenSpec['backups']>): Iterable<Finding> {
  if (drill === undefined) return;
  if (target === 'kubernetes')
    yield {
      path: ['backups'],
      key: 'drill',
      message: 'a site in a cluster is not drilled',
      hint: 'remove drill: agents restore the newest backups by themselves, when `prove` says',
    };
  const store = [folder, offsite?.folder].find((each) => each !== undefined && liesIn(drill.key, each));
  if (store !== undefined)
    yield {
      path: ['backups', 'drill'],
      key: 'key',
      message: `the key would lie in ${store}, with what it opens`,
      hint: 'put it elsewhere on this host, where its owner alone may read it',
    };
}

/** The server makes files that nobody else may read. */
function* checkUser({ databases }: WrittenSpec, { user, databases: copied }: NonNullable<WrittenSpec['backups']>): Iterable<Finding> {
  if (user === undefined || user === sqlserver.user || copied === 'none') return;
  const ofServer = Object.entries(databases ?? {}).find(([, { engine, external }]) => engine === 'sqlserver' && external === undefined);
  if (ofServer !== undefined)
    yield {
      path: ['backups'],
      key: 'user',
      message: `${ofServer[0]} is a SQL Server, whose backups ${sqlserver.user} alone may read, and agents would run as ${user}`,
      hint: `write user: ${sqlserver.user}, and give it the folder of the backups, or remove user`,
    };
}

type Place = Pick<NonNullable<WrittenSpec['backups']>, 'folder' | 'bucket'>;

function* checkPlace({ folder, bucket }: Place, path: Finding['path'], example: string): Iterable<Finding> {
  if (folder === undefined && bucket === undefined)
    yield { path, message: 'nothing says where backups go', hint: `add folder: ${example}, or bucket: with endpoint, name and accessKey` };
  if (folder !== undefined && bucket !== undefined)
    yield { path, key: 'folder', message: 'backups go to one place, and bucket is another', hint: 'keep one of the two' };
}

/** What tells one place from another. */
const addressOf = ({ folder, bucket }: Place): string | undefined =>
  bucket === undefined ? folder : `${bucket.endpoint.replace(/\/+$/, '')} ${bucket.name}`;
