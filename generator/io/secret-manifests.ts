import type { Artifact } from '../../model/artifact.ts';
import { stepsOf } from '../../model/planned-service.ts';
import type { KubernetesPlan } from '../../model/kubernetes-plan.ts';
import type { Plan } from '../../model/plan.ts';
import type { SecretText } from '../../model/planned-secret.ts';
import { tlsFiles } from './certificates.ts';
import { firstSecret, formatLedger, ledgerPath, revealText } from './ledger.ts';
import type { Ledger } from './ledger.ts';
import { textOf } from './secret-files.ts';

const folder = 'k8s/secrets';

/** What was not supplied yet is left out: a pod that needs it waits, and Kubernetes says for which key. */
const revealed = (key: string, text: SecretText, ledger: Ledger): readonly (readonly [key: string, value: string])[] => {
  const value = revealText(text, ledger);
  return value === undefined ? [] : [[key, value]];
};

interface Manifest {
  readonly name: string;
  readonly namespace: string;
  readonly type: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly data: readonly (readonly [key: string, value: string])[];
}

/** Values stand in base64, as `data` has them: nothing in them is YAML. */
const manifest = (plan: Plan, { name, namespace, type, labels = {}, data }: Manifest): Artifact => ({
  path: `${folder}/${name}.yaml`,
  content: `apiVersion: v1
kind: Secret
metadata:
  name: ${name}
  namespace: ${namespace}
  labels:
    app.kubernetes.io/instance: ${JSON.stringify(plan.name)}
    app.kubernetes.io/part-of: ${JSON.stringify(plan.name)}
    app.kubernetes.io/managed-by: berth
${Object.entries(labels)
  .map(([key, value]) => `    ${key}: ${JSON.stringify(value)}\n`)
  .join('')}type: ${type}
data:
${data.map(([key, value]) => `  ${key}: "${Buffer.from(value).toString('base64')}"\n`).join('')}`,
  mode: 0o600,
  policy: 'secret',
});

/** What each service needs of the secrets: one Secret a service, so that none can read another's. */
const perService = (plan: Plan, kubernetes: KubernetesPlan, ledger: Ledger): readonly Manifest[] =>
  plan.services
    .filter(({ name }) => kubernetes.existingSecrets[name] === undefined)
    .map((service) => ({
      name: `${service.name}-secrets`,
      namespace: kubernetes.pods.get(service.name)?.namespace ?? kubernetes.namespace,
      type: 'Opaque',
      data: [
        ...plan.secretFiles
          .filter(({ name }) => service.secretFiles.includes(name))
          .map((file) => [file.name, textOf(file, ledger)] as const),
        ...Object.entries(service.secretEnv).flatMap(([variable, text]) => revealed(variable, text, ledger)),
        ...service.mounts.flatMap(({ keys }) =>
          Object.entries(keys ?? {}).flatMap(([file, secret]) => revealed(file, [{ secret }], ledger)),
        ),
        ...stepsOf(service).flatMap((gate) =>
          Object.entries(gate.secretEnv).flatMap(([variable, text]) => revealed(`${gate.name}.${variable}`, text, ledger)),
        ),
      ],
    }))
    .filter(({ data }) => data.length > 0);

/** Accounts that an operator makes; it takes a new password up as soon as the Secret has one. */
const logins = (plan: Plan, kubernetes: KubernetesPlan, ledger: Ledger): readonly Manifest[] =>
  plan.services.flatMap(({ name, operator }) =>
    Object.values(operator?.logins ?? {}).map(({ secret, user, password }) => ({
      name: secret,
      namespace: kubernetes.pods.get(name)?.namespace ?? kubernetes.namespace,
      type: 'kubernetes.io/basic-auth',
      labels: { 'cnpg.io/reload': 'true' },
      data: [
        ['username', user],
        ['password', firstSecret(ledger, password)?.reveal() ?? ''],
      ],
    })),
  );

function certificates(kubernetes: KubernetesPlan, ledger: Ledger): readonly Manifest[] {
  const { authority } = ledger;
  const files = tlsFiles(ledger);
  if (!authority || !files || kubernetes.existingSecrets['tls'] !== undefined) return [];
  const type = 'kubernetes.io/tls';
  const namespace = kubernetes.edgeNamespace;
  if (kubernetes.certificate === 'cert-manager')
    return [
      {
        name: 'tls-authority',
        namespace,
        type,
        data: [
          ['tls.crt', authority.certificate],
          ['tls.key', authority.key.reveal()],
        ],
      },
    ];
  return [
    {
      name: 'tls',
      namespace,
      type,
      data: [
        ['tls.crt', files.chain],
        ['tls.key', files.key],
        ['ca.crt', files.root],
      ],
    },
  ];
}

/**
 * k8s/secrets: Secret manifests with names that never change, 0600 in a 0700 folder, with the namespaces they stand in before them,
 * as they are applied first. The ledger they are made of stays in secrets/.
 */
export function renderSecretManifests(plan: Plan, ledger: Ledger, namespaces: Artifact): readonly Artifact[] {
  const { kubernetes } = plan;
  if (!kubernetes) throw new Error('this plan is for another target');
  // cert-manager signs with the own authority, whatever else was imported.
  const root = kubernetes.certificate === 'cert-manager' ? ledger.authority?.certificate : tlsFiles(ledger)?.root;
  return [
    namespaces,
    ...[...perService(plan, kubernetes, ledger), ...logins(plan, kubernetes, ledger), ...certificates(kubernetes, ledger)].map((one) =>
      manifest(plan, one),
    ),
    ...(root === undefined ? [] : [{ path: 'secrets/tls/ca.crt', content: root, mode: 0o444, policy: 'secret' } as const]),
    { path: ledgerPath, content: formatLedger(ledger), mode: 0o600, policy: 'secret' },
  ];
}
