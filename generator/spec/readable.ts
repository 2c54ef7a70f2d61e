import { writtenSpec } from '../../model/written-spec.ts';
import { service as writtenService } from '../../model/written-service.ts';
import type { WrittenSpec } from '../../model/written-spec.ts';

type Loose = Readonly<Record<string, unknown>>;
const mapOf = (value: unknown): Loose => (typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Loose) : {});
const listOf = (value: unknown): readonly unknown[] | undefined => (Array.isArray(value) ? value : undefined);
const maps = (value: unknown): Readonly<Record<string, Loose>> =>
  Object.fromEntries(Object.entries(mapOf(value)).map(([name, inner]) => [name, mapOf(inner)]));
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
/** Buckets without what the schema may have refused. */
const bucketsOf = (value: unknown): Loose => Object.fromEntries(Object.keys(mapOf(value)).map((name) => [name, {}]));
/** Where a volume is mounted; what is no path is a place that nothing else has. */
const pathOf = (name: string, mount: unknown): string => textOf(typeof mount === 'string' ? mount : mapOf(mount)['path']) || `/${name}`;
const topKeys = Object.keys(writtenSpec.shape);
const serviceKeys = Object.keys(writtenService.shape);

/** A mistyped key is likely the one that is missed: only the mistake is worth telling. */
const givenAll = ({ kind, image, follows, port, schedule }: Loose): Loose => ({
  ...(kind === 'worker' || kind === 'cron' ? {} : { port: port ?? 1 }),
  ...(kind === 'cron' ? { schedule: schedule ?? '' } : {}),
  ...(follows === undefined ? { image: image ?? '' } : {}),
});

/** Of a value that broke the schema, what {@link checkReferences} can read all the same. What is not there or of the wrong kind is left out, and lists keep their positions. */
export function readable(value: unknown): WrittenSpec {
  const spec = mapOf(value);
  // A mistyped `databases` would make every use of one look wrong.
  const guessing = Object.keys(spec).some((key) => !topKeys.includes(key));
  const service = (written: Loose) => {
    const { uses, env, secrets, routes, writable, volumes, egress } = written;
    return {
      ...written,
      ...(guessing || uses === undefined ? { uses: undefined } : { uses: listOf(uses)?.map(textOf) ?? mapOf(uses) }),
      ...(Object.keys(written).some((key) => !serviceKeys.includes(key)) ? givenAll(written) : {}),
      scaling: written['scaling'] === undefined ? undefined : {},
      env: mapOf(env),
      secrets: maps(secrets),
      routes: routes === undefined ? undefined : (listOf(routes)?.map((route) => ({ path: textOf(mapOf(route)['path']) })) ?? []),
      egress: listOf(egress)?.filter((place) => typeof place === 'string' && /:\d+$/.test(place)) ?? egress === true,
      writable: listOf(writable)?.filter((path) => typeof path === 'string') ?? [],
      // A mistyped `volumes` would make every mount of one look wrong.
      volumes: guessing ? {} : Object.fromEntries(Object.entries(mapOf(volumes)).map(([name, mount]) => [name, pathOf(name, mount)])),
    };
  };
  const services = Object.fromEntries(Object.entries(maps(spec['services'])).map(([name, written]) => [name, service(written)]));
  const stores = Object.fromEntries(
    Object.entries(maps(spec['stores'])).map(([name, store]) => [
      name,
      {
        buckets: bucketsOf(store['buckets']),
        nodes: store['nodes'],
        ...(typeof store['publicHost'] === 'string' ? { publicHost: store['publicHost'] } : {}),
      },
    ]),
  );
  return {
    name: textOf(spec['name']),
    services,
    databases: maps(spec['databases']),
    caches: maps(spec['caches']),
    stores,
    volumes: guessing ? {} : maps(spec['volumes']),
    edge: mapOf(spec['edge']),
    target: spec['target'],
    ...(spec['backups'] === undefined ? {} : { backups: mapOf(spec['backups']) }),
    ...(typeof spec['network'] === 'string' ? { network: spec['network'] } : {}),
  } as unknown as WrittenSpec;
}
