import type { WrittenSpec } from '../../model/written-spec.ts';
import type { KubernetesSpec } from '../../model/kubernetes-spec.ts';
import { defaults } from './defaults.ts';
import { size } from './quantities.ts';

export function kubernetesOf(written: NonNullable<WrittenSpec['kubernetes']>, site: string): KubernetesSpec {
  const { namespace, version, clusterDomain, expose, class: className, certificate, existingSecrets, ...rest } = written;
  return {
    namespace: namespace ?? site,
    minor: version === undefined ? defaults.kubernetesMinor : Number(version.slice(2)),
    clusterDomain: clusterDomain ?? defaults.clusterDomain,
    expose: expose ?? defaults.expose,
    operatorNamespace: rest.operatorNamespace ?? defaults.operatorNamespace,
    controllerNetwork: rest.controllerNetwork ?? defaults.controllerNetwork,
    controllerAddresses: rest.controllerAddresses ?? [],
    dns: {
      namespace: rest.dns?.namespace ?? defaults.dns.namespace,
      labels: rest.dns?.labels ?? defaults.dns.labels,
      addresses: rest.dns?.addresses ?? defaults.dns.addresses,
      ports: rest.dns?.ports ?? defaults.dns.ports,
    },
    containerLog: {
      size: rest.containerLogMaxSize === undefined ? defaults.containerLog.size : size(rest.containerLogMaxSize),
      files: rest.containerLogMaxFiles ?? defaults.containerLog.files,
    },
    certificate: certificate ?? 'own',
    existingSecrets: existingSecrets ?? {},
    ...(className === undefined ? {} : { className }),
    ...(rest.controllerNamespace === undefined ? {} : { controllerNamespace: rest.controllerNamespace }),
    ...(rest.networkPlugin === undefined ? {} : { networkPlugin: rest.networkPlugin }),
    ...(rest.nodePorts === undefined ? {} : { nodePorts: rest.nodePorts }),
    ...(rest.storageClass === undefined ? {} : { storageClass: rest.storageClass }),
    ...(rest.pullSecret === undefined ? {} : { pullSecret: rest.pullSecret }),
  };
}
