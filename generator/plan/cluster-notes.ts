import { hasOtherEdge } from '../../model/kubernetes-spec.ts';
import type { StackSpec } from '../../model/stack-spec.ts';

/** What a careful reader must know of a site in a cluster. It is loaded for those alone. */
export function clusterNotes({ services, kubernetes, edge, host, domain }: StackSpec): readonly string[] {
  const foreign = hasOtherEdge(kubernetes);
  const limited = services.flatMap(({ http }) =>
    (http?.routes ?? []).filter(({ rateLimits }) => rateLimits.length > 0).map(({ path }) => path),
  );
  const filtered = services.flatMap(({ http }) =>
    (http?.routes ?? []).filter(({ methods, addresses }) => methods !== undefined || addresses !== undefined).map(({ path }) => path),
  );
  const way = kubernetes.expose === 'gateway' ? 'gateway' : 'ingress controller';
  return [
    ...(domain === 'localhost'
      ? ['the domain is localhost, which is no name of a cluster: set domain to the name that its visitors type, before the first apply']
      : []),
    ...services
      .filter(({ build }) => build !== undefined)
      .map(
        ({ name, image, build }) =>
          `${name} is built from ${build ?? ''}: build ${image} and push it to a registry that the nodes reach, then name that under images in k8s/site/kustomization.yaml`,
      ),
    ...(foreign
      ? [
          `requests come in by the ${way} of the cluster: connection limits${edge.hsts ? ', HSTS' : ''}, body sizes, access log and maintenance page of Berth's edge are not there${limited.length > 0 ? `, nor the rate limits of ${limited.join(', ')}` : ''}`,
        ]
      : []),
    ...(foreign && (filtered.length > 0 || edge.deny.length > 0)
      ? [
          `requests come in by the ${way} of the cluster, which refuses nobody: ${[...(filtered.length > 0 ? [`methods and addresses of ${filtered.join(', ')}`] : []), ...(edge.deny.length > 0 ? ['edge.deny'] : [])].join(' and ')} have to be said to it in its own way, or the paths stand open`,
        ]
      : []),
    ...(foreign && kubernetes.controllerNetwork === 'pods'
      ? [
          kubernetes.className === 'cilium'
            ? 'the class is cilium: no policy lets requests of Cilium itself in, unless kubernetes has controllerNetwork: cilium and networkPlugin: cilium'
            : `the network policies let the ${way} in from ${kubernetes.controllerNamespace === undefined ? 'pods of any namespace' : `pods in ${kubernetes.controllerNamespace}`}: one on the network of its nodes (hostNetwork: true) needs kubernetes.controllerNetwork: nodes, or every request waits in vain`,
        ]
      : []),
    ...(kubernetes.expose === 'ingress'
      ? ['an Ingress cannot divide traffic: all of it goes to the slot with the most weight, at once']
      : []),
    ...(kubernetes.expose === 'hostPort'
      ? [
          `the edge stands in the namespace ${kubernetes.namespace}-edge, where Pod Security is not enforced: ports of the nodes are allowed nowhere else`,
        ]
      : []),
    ...services
      .filter(({ scaling }) => scaling?.queue !== undefined)
      .map(
        ({ name, scaling }) =>
          `${name} is scaled by ${scaling?.queue?.metric ?? ''}: the cluster needs an adapter that serves it as an external metric`,
      ),
    ...(host
      ? [
          'volumes are shares of the disk that the cluster was said to have, and stay as large as they were written first: fix each by its disk in berth.yaml before the first apply, or a service that comes later finds none left',
        ]
      : []),
    'the network policies hold where the network of the cluster enforces them; `kubectl get networkpolicy` shows them either way',
  ];
}
