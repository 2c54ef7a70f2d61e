import type { WrittenSpec } from '../../model/written-spec.ts';
import type { Finding } from './finding.ts';
import { defaults } from './defaults.ts';

type Store = NonNullable<WrittenSpec['stores']>[string];

function* checkBuckets(name: string, { buckets, external }: Store): Iterable<Finding> {
  for (const [bucket, { lifecycle = [], versioning }] of Object.entries(buckets)) {
    const path = ['stores', name, 'buckets', bucket];
    if (lifecycle.length > 0 && external !== undefined)
      yield {
        path,
        key: 'lifecycle',
        message: 'means nothing for a server that stands elsewhere',
        hint: 'remove it; whoever runs that server decides it',
      };
    for (const [index, rule] of lifecycle.entries()) {
      const at = [...path, 'lifecycle', index];
      if (rule.expireAfter === undefined && rule.expireVersionsAfter === undefined)
        yield { path: at, message: 'nothing expires by this rule', hint: 'add expireAfter: 30d, or expireVersionsAfter' };
      if (rule.expireVersionsAfter !== undefined && versioning === false)
        yield { path: at, key: 'expireVersionsAfter', message: 'this bucket keeps no versions', hint: 'remove it, or versioning: false' };
      if (lifecycle.findIndex(({ prefix = '' }) => prefix === (rule.prefix ?? '')) < index)
        yield {
          path: at,
          message: `two rules are for ${rule.prefix === undefined ? 'all objects' : rule.prefix}`,
          hint: 'make one of the two',
        };
    }
  }
}

/** Stores: what expires in their buckets, and the names under which visitors reach them. */
export function* checkStores(spec: WrittenSpec): Iterable<Finding> {
  const taken = new Map<string, string>([
    [spec.domain ?? defaults.domain, 'domain'],
    ['localhost', 'the host itself'],
  ]);
  const foreign = spec.target === 'kubernetes' && ['gateway', 'ingress'].includes(spec.kubernetes?.expose ?? '');
  for (const [name, store] of Object.entries(spec.stores ?? {})) {
    yield* checkBuckets(name, store);
    if (store.engine === 'seaweedfs' && store.nodes === 4)
      yield {
        path: ['stores', name, 'nodes'],
        message: 'Berth runs SeaweedFS as one node',
        hint: 'remove it, or engine: minio, whose four nodes hold each object in parts',
      };
    const { publicHost } = store;
    if (publicHost === undefined) continue;
    const path = ['stores', name, 'publicHost'];
    const holder = taken.get(publicHost);
    taken.set(publicHost, `stores.${name}`);
    if (holder !== undefined) yield { path, message: `${publicHost} is the name of ${holder} already`, hint: 'give it a name of its own' };
    if (foreign)
      yield {
        path,
        message: "it is served by Berth's edge, which kubernetes.expose leaves out",
        hint: 'expose: loadBalancer, nodePort or hostPort, or reach the store by a route of your own',
      };
  }
}
