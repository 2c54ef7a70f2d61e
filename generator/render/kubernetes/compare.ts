import type { Plan } from '../../../model/plan.ts';

/** What the next `kubectl apply` does, beyond what earlier runs announced. */
export interface ClusterComparison {
  /** Workloads whose pods are replaced, one by one, and why. */
  readonly replaced: readonly { readonly workload: string; readonly reasons: readonly string[] }[];
  /** Workloads whose replicas an autoscaler takes over: without a step before the apply, one is left of them for a moment. */
  readonly adopted: readonly string[];
  readonly scaled: readonly { readonly workload: string; readonly from: string; readonly to: string }[];
  /** Jobs that run, as they are others than before. */
  readonly run: readonly string[];
  /** Claims of a StatefulSet, which the server refuses to change. */
  readonly migrations: readonly string[];
  /** StatefulSets that are to have no such claims any more, refused as well; their data stay in these, where nobody reads them. */
  readonly emptied: readonly { readonly workload: string; readonly claims: readonly string[] }[];
  /** Claims of shared volumes, which the server refuses to change so, with what to do. */
  readonly refused: readonly { readonly claim: string; readonly because: string }[];
  readonly added: readonly string[];
  /** Objects that are no longer written; an apply leaves them in the cluster. */
  readonly left: readonly string[];
  /** Of those, what holds no data and may go once the apply is through, by the words that kubectl takes. */
  readonly removable: readonly string[];
  /** Of those, what has pods and claims, which count against the quota; by the words that kubectl takes. */
  readonly leftBehind: readonly { readonly workload: string; readonly object: string; readonly claims: readonly string[] }[];
  /** Of those, what goes on changing the number of replicas of something that is there. */
  readonly unruly: readonly string[];
}

type Files = ReadonlyMap<string, string>;

/** Objects by kind and name. Their text stands for them: the same fields are always written alike. */
function objectsOf(files: Files): ReadonlyMap<string, string> {
  return new Map(
    [...files]
      .filter(([path]) => /^k8s\/generated\/[^/]+\.yaml$/.test(path) && !path.endsWith('/kustomization.yaml'))
      .flatMap(([, text]) => text.split(/^---$/m).slice(1))
      .map((text) => {
        const [, kind = ''] = /^kind: (.+)$/m.exec(text) ?? [];
        const [, name = ''] = /^metadata:\n {2}name: (.+)$/m.exec(text) ?? [];
        return [`${kind} ${name.replaceAll('"', '')}`, text.replaceAll(/^#.*\n/gm, '')] as const;
      }),
  );
}

/** One part of an object: the lines below a key, down to the next one of its depth. */
const part = (text: string, key: string, depth: number): string =>
  new RegExp(`^ {${depth}}${key}:.*\\n(?:(?: {${depth + 1}}| {${depth}}-).*\\n?)*`, 'm').exec(text)?.[0] ?? '';

const fieldsThatMatter: readonly (readonly [key: string, what: string])[] = [
  ['image', 'image'],
  ['berth/secrets', 'secrets'],
  ['berth/keys', 'set of public keys'],
];

function reasonsOf(was: string, now: string): readonly string[] {
  const named = fieldsThatMatter.filter(([key]) => {
    const lines = (text: string) => text.split('\n').filter((line) => line.trim().replace(/^- /, '').startsWith(`${key}:`));
    return lines(was).join('\n') !== lines(now).join('\n');
  });
  return named.length > 0 ? named.map(([, what]) => `another ${what}`) : ['its pod is described otherwise'];
}

/** Why a claim cannot become what it should be; `undefined` where it can. */
function whyRefused(was: string, now: string): string | undefined {
  // A smaller size is refused before anything is written.
  const spec = (text: string): string => part(text, 'spec', 0).replace(/^ +storage: .*\n/m, '');
  if (spec(was) !== spec(now))
    return 'a claim keeps its class and its access; write them as they were, or name another volume and copy its files';
  return undefined;
}

/** The claims of a StatefulSet, as the cluster names them. */
function claimsOf(name: string, text: string): readonly string[] {
  const templates = Array.from(part(text, 'volumeClaimTemplates', 2).matchAll(/^ +metadata:\n +name: (.+)$/gm), ([, claim = '']) => claim);
  const count = Number(/^ {2}replicas: (\d+)$/m.exec(text)?.[1] ?? 1);
  return templates.flatMap((claim) => Array.from({ length: count }, (_, index) => `${claim}-${name}-${index}`));
}

/** An autoscaler goes before the apply, and a Job by itself. */
const withoutData = new Set(
  'Deployment CronJob Service Ingress HTTPRoute NetworkPolicy CiliumNetworkPolicy PodDisruptionBudget ServiceAccount Role RoleBinding'.split(
    ' ',
  ),
);

/** Of what has claims, and pods that go on. */
const inKubectl: Readonly<Record<string, string>> = { StatefulSet: 'statefulset', Cluster: 'cluster.postgresql.cnpg.io' };

/** Whether its claims go, or are others by their names. */
function isEmptied(was: string, now: string): boolean {
  const names = (text: string): readonly string[] => claimsOf('', text.replace(/^ {2}replicas: .*\n/m, ''));
  return names(was).some((claim) => !names(now).includes(claim));
}

/** `changed`: paths of config/ that differ from what was applied last. */
export function compareClusters(plan: Plan, before: Files, after: Files, changed: readonly string[]): ClusterComparison {
  const [old, next] = [objectsOf(before), objectsOf(after)];
  const common = [...next].flatMap(([id, now]) => {
    const was = old.get(id);
    return was === undefined ? [] : [{ id, was, now }];
  });
  const isWorkload = (id: string) => /^(?:Deployment|StatefulSet) /.test(id);
  const workloads = common.filter(({ id }) => isWorkload(id));
  const nameOf = (id: string) => id.slice(id.indexOf(' ') + 1);
  const replicas = (text: string) => /^ {2}replicas: (\d+)$/m.exec(text)?.[1];
  const fresh = [...next.keys()].filter((id) => !old.has(id));
  return {
    replaced: workloads.flatMap(({ id, was, now }) => {
      const service = plan.services.find(
        ({ name, slotted }) => (slotted ? nameOf(id).replace(/-(?:blue|green)$/, '') : nameOf(id)) === name,
      );
      const files = changed.filter((path) =>
        service?.mounts.some(({ source, restarts }) => restarts && path.startsWith(`k8s/generated/${source}/`)),
      );
      const [before_, after_] = [part(was, 'template', 2), part(now, 'template', 2)];
      const reasons = [
        ...(before_ === after_ ? [] : reasonsOf(before_, after_)),
        ...(files.length > 0 ? [`${files.join(', ')} changed`] : []),
      ];
      // An empty slot has no pods to replace.
      return reasons.length === 0 || replicas(now) === '0' ? [] : [{ workload: nameOf(id), reasons }];
    }),
    adopted: workloads.flatMap(({ id, was, now }) => (Number(replicas(was) ?? 0) > 1 && replicas(now) === undefined ? [nameOf(id)] : [])),
    scaled: workloads.flatMap(({ id, was, now }) => {
      const [from, to] = [replicas(was), replicas(now)];
      return from === to
        ? []
        : [{ workload: nameOf(id), from: from ?? 'as many as the autoscaler says', to: to ?? 'as many as the autoscaler says' }];
    }),
    run: fresh.filter((id) => id.startsWith('Job ')).map((id) => nameOf(id).replace(/-[0-9a-f]{8}$/, '')),
    migrations: workloads
      .filter(({ was, now }) => part(was, 'volumeClaimTemplates', 2) !== part(now, 'volumeClaimTemplates', 2) && !isEmptied(was, now))
      .map(({ id }) => nameOf(id)),
    emptied: workloads.flatMap(({ id, was, now }) =>
      isEmptied(was, now) ? [{ workload: nameOf(id), claims: claimsOf(nameOf(id), was) }] : [],
    ),
    refused: common.flatMap(({ id, was, now }) => {
      const because = id.startsWith('PersistentVolumeClaim ') ? whyRefused(was, now) : undefined;
      return because === undefined ? [] : [{ claim: nameOf(id), because }];
    }),
    added: fresh.filter(isWorkload).map(nameOf),
    left: [...old.keys()].filter((id) => !next.has(id) && !id.startsWith('Job ')),
    removable: [...old].flatMap(([id, was]) => {
      const [kind = '', name = ''] = id.split(' ');
      const isHere = was.includes(`\n  namespace: ${plan.kubernetes?.namespace}\n`);
      return !next.has(id) && isHere && withoutData.has(kind) ? [`${kind.toLowerCase()}/${name}`] : [];
    }),
    leftBehind: [...old].flatMap(([id, was]) => {
      const [kind = ''] = id.split(' ');
      return inKubectl[kind] !== undefined && !next.has(id)
        ? [{ workload: nameOf(id), object: `${inKubectl[kind]}/${nameOf(id)}`, claims: claimsOf(nameOf(id), was) }]
        : [];
    }),
    unruly: [...old.keys()].filter((id) => id.startsWith('HorizontalPodAutoscaler ') && !next.has(id)).map(nameOf),
  };
}
