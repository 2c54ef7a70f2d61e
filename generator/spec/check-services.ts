import type { AppKind } from '../../model/app-spec.ts';
import type { WrittenService, WrittenSpec } from '../../model/written-spec.ts';
import { suggest } from './describe-issue.ts';
import type { Finding } from './finding.ts';
import { isServed } from './resolve-service.ts';
import { kindOf, usesOf } from './uses.ts';

type Key = keyof WrittenService;

const kinds: readonly AppKind[] = ['web', 'api', 'static', 'worker', 'cron'];

/** Keys that mean something for some kinds alone. */
const forKinds: Readonly<Partial<Record<Key, readonly AppKind[]>>> = {
  port: ['web', 'api', 'static'],
  routes: ['web', 'api', 'static'],
  live: ['web', 'api', 'static'],
  ready: ['web', 'api', 'static'],
  migrate: ['web', 'api'],
  follows: ['worker', 'cron'],
  healthcheck: ['worker'],
  scaling: ['web', 'api', 'static', 'worker'],
  replicas: ['web', 'api', 'static', 'worker'],
  schedule: ['cron'],
  timeZone: ['cron'],
  deadline: ['cron'],
};

const kindOfService = (service: WrittenService): AppKind => service.kind ?? 'web';

function* checkKeys(name: string, service: WrittenService): Iterable<Finding> {
  const kind = kindOfService(service);
  for (const [key, meant] of Object.entries(forKinds))
    if (service[key as Key] !== undefined && !meant.includes(kind))
      yield {
        path: ['services', name],
        key,
        message: `means nothing for a service of kind ${kind}`,
        hint: `remove it; it is for ${meant.join(', ')}`,
      };
}

/** What a kind cannot do without. */
function* checkNeeds(name: string, service: WrittenService): Iterable<Finding> {
  const kind = kindOfService(service);
  const path = ['services', name];
  if (isServed(kind) && service.port === undefined)
    yield {
      path: [...path, 'port'],
      message: 'missing: expected a port, as requests come in by it',
      hint: 'add port: 3000, or write kind: worker for what has none',
    };
  if (kind === 'cron' && service.schedule === undefined)
    yield {
      path: [...path, 'schedule'],
      message: 'missing: expected a schedule, which says when it runs',
      hint: 'add schedule: "30 2 * * *"',
    };
  if (service.image === undefined && service.follows === undefined)
    yield {
      path: [...path, 'image'],
      message: 'missing: expected an image reference',
      hint: isServed(kind) ? 'add image: registry.example/app:1.4.2' : 'add image, or follows: with the service whose image it runs',
    };
  if (service.image !== undefined && service.follows !== undefined && !isServed(kind))
    yield { path, key: 'image', message: 'it has an image, and follows that of another service', hint: 'keep one of the two' };
}

function* checkFollows(name: string, service: WrittenService, spec: WrittenSpec): Iterable<Finding> {
  const { follows } = service;
  if (typeof follows !== 'string' || isServed(kindOfService(service))) return;
  const found = Object.hasOwn(spec.services, follows) ? spec.services[follows] : undefined;
  const served = Object.entries(spec.services).flatMap(([other, one]) => (isServed(kindOfService(one)) ? [other] : []));
  const path = ['services', name, 'follows'];
  if (found && isServed(kindOfService(found))) {
    if (service.build !== undefined)
      yield { path: ['services', name], key: 'build', message: `${follows} is what is built`, hint: 'remove it here' };
    return;
  }
  const near = suggest(follows, served);
  yield {
    path,
    message: found ? `"${follows}" has no slots of its own` : `there is no service "${follows}"`,
    hint: near ? `did you mean "${near}"?` : served.length > 0 ? `with slots: ${served.join(', ')}` : 'name an image instead',
  };
}

function* checkMigrate(name: string, service: WrittenService, spec: WrittenSpec): Iterable<Finding> {
  if (
    service.migrate === undefined ||
    !isServed(kindOfService(service)) ||
    usesOf(spec, service).some(([used]) => kindOf(spec, used) === 'database')
  )
    return;
  yield {
    path: ['services', name],
    key: 'migrate',
    message: 'it uses no database that could be migrated',
    hint: 'add a database under uses',
  };
}

/** What the kind of a service asks for, and what means nothing to it. */
export function* checkServices(spec: WrittenSpec): Iterable<Finding> {
  const served = Object.values(spec.services).some((service) => isServed(kindOfService(service)));
  if (!served && Object.keys(spec.services).length > 0)
    yield { path: ['services'], message: 'expected at least one service of kind web, api or static: the edge would lead nowhere' };
  for (const [name, service] of Object.entries(spec.services)) {
    // Of a mistyped kind nobody knows what it needs.
    if (!kinds.includes(kindOfService(service))) continue;
    yield* checkKeys(name, service);
    yield* checkNeeds(name, service);
    yield* checkFollows(name, service, spec);
    yield* checkMigrate(name, service, spec);
  }
}
