import type { KubernetesPlan } from '../../model/kubernetes-plan.ts';
import type { Plan } from '../../model/plan.ts';
import { keysOf } from './kubernetes/secret-keys.ts';

/** What only the runbook of a cluster tells. */
export function clusterView({ services, domain, secretFiles, images, registry }: Plan, kubernetes: KubernetesPlan): object {
  const { namespace, edgeNamespace, expose, minor, existingSecrets, certificate } = kubernetes;
  return {
    namespace,
    edgeNamespace,
    domain,
    registry,
    berthImage: images.find(({ key }) => key === 'berth')?.reference ?? '',
    version: `1.${minor}`,
    edge: services.some(({ role }) => role === 'edge'),
    loadBalancer: expose === 'loadBalancer',
    nodePort: expose === 'nodePort',
    hostPort: expose === 'hostPort',
    way: expose === 'gateway' ? 'the gateway' : 'the ingress controller',
    certManager: certificate === 'cert-manager',
    built: services.flatMap(({ name, image, build }) => (build === undefined ? [] : [{ name, image, folder: build }])),
    manifests: [
      ...services.flatMap((service) => {
        const keys = keysOf(service, secretFiles);
        return keys.length === 0
          ? []
          : [
              {
                name: existingSecrets[service.name] ?? `${service.name}-secrets`,
                keys: keys.map((key) => `\`${key}\``).join(', '),
                of: existingSecrets[service.name] === undefined ? service.name : `${service.name}, managed elsewhere`,
              },
            ];
      }),
      ...services.flatMap(({ name, operator }) =>
        Object.values(operator?.logins ?? {}).map(({ secret }) => ({
          name: secret,
          keys: '`username`, `password`',
          of: `${name}, for its operator`,
        })),
      ),
      {
        name: existingSecrets['tls'] ?? 'tls',
        keys: '`tls.crt`, `tls.key`',
        of: certificate === 'cert-manager' ? 'the edge, written by cert-manager' : 'the edge',
      },
    ],
  };
}
