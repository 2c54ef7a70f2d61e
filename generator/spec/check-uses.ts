import { runtimeVariables } from '../../model/engines/runtimes.ts';
import type { WrittenSpec } from '../../model/written-spec.ts';
import { suggest } from './describe-issue.ts';
import type { Finding } from './finding.ts';
import { cacheTlsVariablesOf, clusterVariablesOf, databaseTlsVariablesOf, readVariableOf, sentinelVariablesOf } from '../../model/use.ts';
import { kindOf, usesOf } from './uses.ts';

/** Variables that Berth sets on an application; the spec may not set them a second time. */
const ownVariables = ['PORT', 'APP_VERSION', 'BERTH_SLOT', 'BERTH_SITE', 'BERTH_DOMAIN', 'DATABASE_POOL_SIZE'];

/** By an address, or not at all: drivers of these two alone are told beside it. */
const saysTls = (engine: string | undefined): boolean => engine !== 'mysql' && engine !== 'mariadb';

/** Every variable by which an application is told of one thing it uses: a store has several behind its prefix, and a name for its one bucket or for each of them. */
function variablesOf(spec: WrittenSpec, used: string, variable: string): readonly string[] {
  const kind = kindOf(spec, used);
  const byTls = (names: Readonly<Record<string, string>>): readonly string[] => (spec.internalTls === true ? Object.values(names) : []);
  const client = kind === 'cache' ? spec.caches?.[used]?.client : undefined;
  if (client === 'sentinel') return [...Object.values(sentinelVariablesOf(variable)), ...byTls(cacheTlsVariablesOf(variable))];
  if (client === 'cluster') return [...Object.values(clusterVariablesOf(variable)), ...byTls(cacheTlsVariablesOf(variable))];
  if (kind === 'database')
    return [
      variable,
      readVariableOf(variable),
      ...(saysTls(spec.databases?.[used]?.engine) ? [] : byTls(databaseTlsVariablesOf(variable))),
    ];
  if (kind !== 'store') return [variable];
  const buckets = Object.keys(spec.stores?.[used]?.buckets ?? {});
  const named = buckets.length === 1 ? ['BUCKET'] : buckets.map((bucket) => `BUCKET_${bucket.toUpperCase().replaceAll('-', '_')}`);
  const open = spec.stores?.[used]?.publicHost === undefined ? [] : ['PUBLIC_ENDPOINT'];
  return [...open, 'ENDPOINT', 'REGION', 'ACCESS_KEY', 'SECRET_KEY', ...named].map((part) => `${variable}_${part}`);
}

export function* checkUses(spec: WrittenSpec): Iterable<Finding> {
  const known = [
    ...(['databases', 'caches', 'stores'] as const).flatMap((kind) => Object.keys(spec[kind] ?? {})),
    ...Object.entries(spec.databases ?? {}).flatMap(([name, { analytics }]) => (analytics === undefined ? [] : [`${name}-analytics`])),
  ];
  for (const [name, service] of Object.entries(spec.services)) {
    const variables = new Map<string, string>();
    const uses = usesOf(spec, service);
    for (const [index, [used, variable]] of uses.entries()) {
      const path = ['services', name, 'uses', Array.isArray(service.uses) ? index : used];
      const names = variable === undefined ? [] : variablesOf(spec, used, variable);
      const [twice, own] = [names.find((one) => variables.has(one)), names.find((one) => ownVariables.includes(one))];
      if (uses.findIndex(([other]) => other === used) < index)
        yield { path, message: `"${used}" stands twice`, hint: 'keep one of the two' };
      else if (kindOf(spec, used) === undefined) {
        const near = suggest(used, known);
        yield {
          path,
          message: `there is no database, cache or store "${used}"`,
          hint: near
            ? `did you mean "${near}"?`
            : known.length > 0
              ? `known: ${known.join(', ')}`
              : 'add it under databases, caches or stores',
        };
      } else if (twice !== undefined)
        yield {
          path,
          message: `"${used}" and "${variables.get(twice) ?? ''}" would both be handed over as ${twice}`,
          hint: `write uses as a map and give each a variable of its own: { ${used}: ${variable ?? ''}_2 }`,
        };
      else if (own !== undefined) yield { path, message: `Berth sets the variable ${own} itself`, hint: 'name another one' };
      for (const one of names) variables.set(one, used);
    }
    const files = Object.entries(service.secrets ?? {}).flatMap(([variable, secret]) =>
      secret.deliver === 'file' ? [`${variable}_FILE`] : [],
    );
    const taken = new Set([...ownVariables, ...variables.keys(), ...files]);
    for (const variable of Object.keys(service.env ?? {}))
      if (taken.has(variable))
        yield {
          path: ['services', name, 'env'],
          key: variable,
          message: 'Berth sets this variable itself',
          hint: 'remove it here, or name another one under uses',
        };
    for (const variable of Object.keys(service.secrets ?? {}))
      if (
        taken.has(variable) ||
        Object.hasOwn(service.env ?? {}, variable) ||
        runtimeVariables[service.runtime ?? 'other'].includes(variable)
      )
        yield {
          path: ['services', name, 'secrets'],
          key: variable,
          message: 'this variable is set twice',
          hint: 'give the secret another name',
        };
  }
}
