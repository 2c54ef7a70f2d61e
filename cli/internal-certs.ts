import { viewCertificate } from '../generator/io/describe-certificate.ts';
import type { CertificateView } from '../generator/io/describe-certificate.ts';
import type { Ledger } from '../generator/io/ledger.ts';
import type { Plan } from '../model/plan.ts';

/** What services of the site speak TLS with to each other, as it is shown. */
export const viewServers = ({ servers }: Plan, ledger: Ledger, now: Date): readonly (CertificateView & { readonly service: string })[] =>
  servers.flatMap(({ service }) => {
    const pair = ledger.servers?.get(service);
    return pair === undefined ? [] : [{ service, ...viewCertificate(pair.certificate, now) }];
  });

/** Every one of them is drawn anew with whatever else is missing. */
export const withoutServers = ({ servers: _drawnAnew, ...ledger }: Ledger): Ledger => ledger;

/** What has to be done so that those who serve by new certificates do; programs read theirs when they start. */
export function serversToStart({ servers, kubernetes, caches }: Plan, before: Ledger, after: Ledger): readonly string[] {
  const renewed = servers.filter(({ service }) => before.servers?.get(service)?.version !== after.servers?.get(service)?.version);
  if (renewed.length === 0) return [];
  const names = renewed.map(({ service }) => service).join(', ');
  const isTrusted = before.authority?.version === after.authority?.version;
  const clients = isTrusted ? '' : ', and every application and task that trusts them';
  const apply = kubernetes ? 'kubectl apply -f k8s/secrets && kubectl apply -k k8s/site' : 'docker compose up -d --wait';
  // Replaced one after the other, the first would look for the others by the new authority in vain, and the rest wait for it.
  const atOnce =
    kubernetes !== undefined && !isTrusted && caches.some(({ sentinel, cluster }) => sentinel !== undefined || cluster !== undefined);
  return [
    `run \`${apply}\`: ${names} start anew with their new certificates${clients}; whoever needs them waits for those seconds`,
    ...(atOnce
      ? [
          `then \`kubectl -n ${kubernetes.namespace} delete pod -l app.kubernetes.io/component=cache\`: nodes of a cache that know different authorities do not reach each other, so all start at once`,
        ]
      : []),
  ];
}
