import type { WrittenService, WrittenSpec } from '../../model/written-spec.ts';
import type { Use } from '../../model/use.ts';

/** The name under which an application finds what it uses, when the spec gives no other. */
function defaultVariable(spec: WrittenSpec, name: string): string | undefined {
  const kind = kindOf(spec, name);
  if (kind === 'cache') return spec.caches?.[name]?.engine === 'memcached' ? 'MEMCACHED_URL' : 'REDIS_URL';
  return kind && { database: 'DATABASE_URL', store: 'S3', analytics: 'DATABASE_ANALYTICS_URL' }[kind];
}

/** The database whose replica for analytics has that name. */
function analysedBy(spec: WrittenSpec, name: string): string | undefined {
  const of = name.replace(/-analytics$/, '');
  return of !== name && Object.hasOwn(spec.databases ?? {}, of) && spec.databases?.[of]?.analytics !== undefined ? of : undefined;
}

/** What kind of thing a name of the spec stands for; `undefined` when it stands for none that can be used. */
export function kindOf(spec: WrittenSpec, name: string): Use['kind'] | undefined {
  if (Object.hasOwn(spec.databases ?? {}, name)) return 'database';
  if (Object.hasOwn(spec.caches ?? {}, name)) return 'cache';
  if (Object.hasOwn(spec.stores ?? {}, name)) return 'store';
  return analysedBy(spec, name) === undefined ? undefined : 'analytics';
}

/** The connections of a service as pairs of name and variable, in the order written. */
export function usesOf(spec: WrittenSpec, service: WrittenService): readonly (readonly [name: string, variable: string | undefined])[] {
  if (service.uses === undefined) return [];
  if (!Array.isArray(service.uses)) return Object.entries(service.uses);
  return service.uses.map((name) => [name, defaultVariable(spec, name)] as const);
}

export function connectionsOf(service: WrittenService, spec: WrittenSpec): readonly Use[] {
  return usesOf(spec, service).flatMap(([used, variable]) => {
    const kind = kindOf(spec, used);
    return kind && variable ? [{ service: analysedBy(spec, used) ?? used, kind, variable }] : [];
  });
}
