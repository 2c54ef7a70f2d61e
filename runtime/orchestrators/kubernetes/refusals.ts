import type { KubernetesObject } from './objects.ts';

/** Ways in which the API says that a field stays as it is. */
const immutable =
  /field is immutable|is immutable after creation|updates to statefulset spec for fields other than|may not change once set|may not be (changed|updated)|cannot be changed|is immutable when/i;

export const isImmutable = (message: string): boolean => immutable.test(message);

/** What to do by hand where an apply cannot: named by kind, because each has its own way that loses nothing. */
export function cureOfImmutable({ kind = '', metadata = {} }: KubernetesObject, message: string): string {
  const name = metadata.name ?? '';
  const inSpace = metadata.namespace === undefined ? '' : ` --namespace ${metadata.namespace}`;
  const remove = `kubectl delete ${kind.toLowerCase()} ${name}${inSpace}`;
  switch (kind) {
    case 'StatefulSet':
      return `a migration: for a larger volume first give each of its claims the new size (\`kubectl patch pvc …\`, the storage class must let volumes grow); then \`${remove} --cascade=orphan\`, which leaves pods and volumes alone, and apply`;
    case 'PersistentVolumeClaim':
      return 'a migration: a claim can only grow, and only where its storage class lets it; for anything else restore a backup into a new claim';
    case 'Job':
      return `a migration: \`${remove}\`, then apply: it runs again`;
    case 'Deployment':
    case 'DaemonSet':
      return `a migration: \`${remove} --cascade=orphan\`, apply, and delete the old pods when the new ones are ready`;
    case 'Service':
      return `a migration: \`${remove}\`, then apply; it answers nobody in between`;
    case 'Secret':
    case 'ConfigMap':
      return `a migration: \`${remove}\`, then apply`;
    default:
      return `a migration: \`${remove}\`, then apply${/selector/.test(message) ? '; what it selected is left alone' : ''}`;
  }
}

/** Who refused, and so who can help. */
export function cureOfRefusal(status: number, message: string): string {
  if (/does not support dry.?run/i.test(message))
    return 'nothing can be said about it before it is applied: the webhook that is named cannot try things out';
  if (/exceeded quota/i.test(message)) return 'have the quota raised, or take a smaller profile';
  if (/violates PodSecurity/i.test(message)) return 'change what k8s/site adds until it keeps to the level that the namespace enforces';
  if (/admission webhook|ValidatingAdmissionPolicy|denied the request/i.test(message))
    return 'a policy of the cluster forbids it: change what it names in k8s/site, or ask for an exception';
  if (status === 403) return 'ask an administrator of the cluster for that right';
  if (status === 404) return 'create its namespace first, or apply the whole site';
  if (status === 409) return 'run the command again';
  return 'correct what it names, in berth.yaml or in k8s/site';
}
