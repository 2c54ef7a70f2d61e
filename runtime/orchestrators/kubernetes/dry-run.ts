import type { Answer, Client } from './client.ts';
import { differences, essence, lastApplied, removals } from './compare.ts';
import type { Change } from './compare.ts';
import { refusal, statusOf, withoutTokens } from './failures.ts';
import type { KubernetesObject } from './objects.ts';
import { cureOfImmutable, cureOfRefusal, isImmutable } from './refusals.ts';

/** What applying one object would do. */
export interface Outcome {
  /** `StatefulSet hello/database` */
  readonly object: string;
  /** `repeated`: a task that takes itself away when it has ended, and is run again by every apply; that is no difference. */
  readonly result: 'created' | 'repeated' | 'unchanged' | 'changed' | 'immutable' | 'refused';
  readonly changes: readonly Change[];
  /** What the cluster said. */
  readonly message?: string;
  readonly cure?: string;
  /** What it warned of. */
  readonly warnings: readonly string[];
}

interface Place {
  readonly path: string;
  readonly namespaced: boolean;
}

const nameOf = ({ kind = '', metadata = {} }: KubernetesObject): string =>
  `${kind} ${metadata.namespace === undefined ? '' : `${metadata.namespace}/`}${metadata.name ?? ''}`;

/** Where objects of a kind are, as the cluster itself says; asked once for each version of a group. */
function places(client: Client): (object: KubernetesObject) => Promise<Place | undefined> {
  const known = new Map<string, Promise<Answer>>();
  return async ({ apiVersion = 'v1', kind, metadata = {} }) => {
    const base = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    const asked = known.get(base) ?? client.ask('GET', base, { deed: `list the kinds of ${apiVersion}` });
    known.set(base, asked);
    const { status, body } = await asked;
    if (status === 404) return undefined;
    if (status !== 200) throw refusal(status, body, `list the kinds of ${apiVersion}`, client.server);
    const { resources = [] } = body as {
      readonly resources?: readonly { readonly name: string; readonly kind: string; readonly namespaced: boolean }[];
    };
    const found = resources.find((resource) => resource.kind === kind && !resource.name.includes('/'));
    if (!found) return undefined;
    const space = found.namespaced ? `/namespaces/${encodeURIComponent(metadata.namespace ?? 'default')}` : '';
    return { path: `${base}${space}/${found.name}/${encodeURIComponent(metadata.name ?? '')}`, namespaced: found.namespaced };
  };
}

/** `299 - "text"` */
const warningsOf = ({ headers }: Answer): readonly string[] =>
  [...(headers['warning'] ?? '').matchAll(/\b299 \S+ "((?:[^"\\]|\\.)*)"/g)].map(([, text = '']) => text.replaceAll(/\\(.)/g, '$1'));

/** Values of Secrets are seen by nobody, not even hashed. */
const guarded = (object: KubernetesObject, changes: readonly Change[]): readonly Change[] =>
  object.kind !== 'Secret'
    ? changes
    : changes.map((change) => (/^(data|stringData)\b|annotations/.test(change.path) ? { path: change.path } : change));

/** What was applied last, as `kubectl apply` noted it. */
function appliedBefore(live: KubernetesObject): unknown {
  try {
    return JSON.parse(live.metadata?.annotations?.[lastApplied] ?? 'null') ?? undefined;
  } catch {
    return undefined;
  }
}

function compared(wanted: KubernetesObject, live: KubernetesObject, result: KubernetesObject): readonly Change[] {
  const applied = appliedBefore(live);
  const found = differences(essence(live), essence(result));
  const gone = applied === undefined ? [] : removals(essence(live), essence(applied), essence(wanted));
  const all = [...found, ...gone.filter(({ path }) => !found.some((change) => change.path === path))];
  return guarded(wanted, all).toSorted((a, b) => a.path.localeCompare(b.path));
}

/** The words of a refusal; those about a Secret may quote its values. */
const said = (object: KubernetesObject, { status, body }: Answer): string => {
  const { message } = statusOf(body);
  if (object.kind === 'Secret' && status === 422)
    return isImmutable(message) ? 'a field of it is immutable' : 'the cluster finds it invalid';
  return withoutTokens(message);
};

function failed(object: KubernetesObject, answer: Answer): Outcome {
  const message = statusOf(answer.body).message;
  const immutable = answer.status === 422 && isImmutable(message);
  return {
    object: nameOf(object),
    result: immutable ? 'immutable' : 'refused',
    changes: [],
    message: said(object, answer) || `the cluster answered ${answer.status}`,
    cure: immutable ? cureOfImmutable(object, message) : cureOfRefusal(answer.status, message),
    warnings: warningsOf(answer),
  };
}

const isFleeting = ({ kind, spec }: KubernetesObject & { readonly spec?: { readonly ttlSecondsAfterFinished?: number } }): boolean =>
  kind === 'Job' && spec?.ttlSecondsAfterFinished !== undefined;

async function dryRunOne(client: Client, object: KubernetesObject, place: Place): Promise<Outcome> {
  const name = nameOf(object);
  const live = await client.ask('GET', place.path, { deed: `read ${name}` });
  if (live.status !== 200 && live.status !== 404) return failed(object, live);
  const answer = await client.ask('PATCH', place.path, {
    deed: `try out ${name}`,
    query: { dryRun: 'All', fieldManager: 'berth', force: 'true' },
    // JSON is YAML.
    contentType: 'application/apply-patch+yaml',
    body: object,
  });
  if (answer.status !== 200 && answer.status !== 201) return failed(object, answer);
  const created = live.status === 404;
  const fresh = isFleeting(object) ? 'repeated' : 'created';
  const changes = created ? [] : compared(object, live.body as KubernetesObject, answer.body as KubernetesObject);
  return { object: name, result: created ? fresh : changes.length === 0 ? 'unchanged' : 'changed', changes, warnings: warningsOf(answer) };
}

/**
 * Have the cluster itself say what each object would become, without changing anything. One after the other, in their order.
 * Objects of a namespace that is made by the same manifests count as created: nobody can ask for them before it is there.
 */
export async function* dryRun(client: Client, manifests: readonly KubernetesObject[]): AsyncGenerator<Outcome> {
  const placeOf = places(client);
  const newSpaces = new Set<string>();
  for (const object of manifests) {
    const place = await placeOf(object);
    if (!place) {
      yield {
        object: nameOf(object),
        result: 'refused',
        changes: [],
        message: `the cluster knows no ${object.kind ?? ''} of ${object.apiVersion ?? 'v1'}`,
        cure: 'install what brings this kind of object, or see `berth doctor`',
        warnings: [],
      };
      continue;
    }
    if (place.namespaced && newSpaces.has(object.metadata?.namespace ?? 'default')) {
      yield { object: nameOf(object), result: 'created', changes: [], warnings: [] };
      continue;
    }
    const outcome = await dryRunOne(client, object, place);
    if (object.kind === 'Namespace' && outcome.result === 'created') newSpaces.add(object.metadata?.name ?? '');
    yield outcome;
  }
}
