import { parse, parseAllDocuments } from 'yaml';
import type { KubernetesPlan } from '../model/kubernetes-plan.ts';
import type { Plan } from '../model/plan.ts';
import { keysOf } from '../generator/render/kubernetes/secret-keys.ts';
import type { Json } from '../generator/lint/check.ts';
import { lintCompose, lintKubernetes } from '../generator/lint/lint.ts';
import type { LintResult } from '../generator/lint/lint.ts';
import { readOverlay } from '../generator/lint/read-overlay.ts';

interface Kustomization {
  readonly configMapGenerator?: readonly {
    readonly name: string;
    readonly namespace: string;
    readonly options?: { readonly labels?: Json };
  }[];
}

/** The keys of every Secret, those that somebody else manages included: as `namespace/name/key`. */
function* secretKeys(plan: Plan, { pods, namespace, edgeNamespace, existingSecrets }: KubernetesPlan): Iterable<string> {
  for (const service of plan.services)
    for (const key of keysOf(service, plan.secretFiles))
      yield `${pods.get(service.name)?.namespace ?? namespace}/${existingSecrets[service.name] ?? `${service.name}-secrets`}/${key}`;
  for (const { name, operator } of plan.services)
    for (const { secret } of Object.values(operator?.logins ?? {}))
      for (const key of ['username', 'password']) yield `${pods.get(name)?.namespace ?? namespace}/${secret}/${key}`;
  for (const key of ['tls.crt', 'tls.key']) yield `${edgeNamespace}/${existingSecrets['tls'] ?? 'tls'}/${key}`;
}

/** @throws Error when it is no YAML. */
const documentsOf = (text: string): readonly Json[] =>
  [parseAllDocuments(text)].flat().map((document) => {
    const [problem] = document.errors;
    if (problem) throw problem;
    return document.toJS() as Json;
  });

/** What a site has on disk, against every check of its target. `files` holds what its owner wrote below k8s/site, too. */
export function lintSite(plan: Plan, files: ReadonlyMap<string, string>): LintResult {
  if (!plan.kubernetes) return lintCompose(parse(files.get('compose.yaml') ?? '') as Json);
  const isManifest = (path: string) => /^k8s\/generated\/[^/]+\.yaml$/.test(path);
  const objects = [...files]
    .filter(([path]) => isManifest(path) && !path.endsWith('/kustomization.yaml'))
    .flatMap(([, text]) => documentsOf(text));
  const { configMapGenerator = [] } = parse(files.get('k8s/generated/kustomization.yaml') ?? '') as Kustomization;
  // What kustomize makes of config/ stands for itself under the name that is referred to.
  const maps = configMapGenerator.map(({ name, namespace, options }): Json => ({
    kind: 'ConfigMap',
    metadata: { name, namespace, labels: options?.labels },
  }));
  return lintKubernetes(readOverlay({ files, generated: [...objects, ...maps], parse: documentsOf }), secretKeys(plan, plan.kubernetes));
}
