import { authorityFile, bundleFile } from '../../../model/internal-tls.ts';
import type { PlannedService } from '../../../model/planned-service.ts';
import { slotServiceOf } from '../../../model/kubernetes-spec.ts';
import { slots } from '../../../model/release.ts';
import type { AppSpec } from '../../../model/app-spec.ts';
import type { StackSpec } from '../../../model/stack-spec.ts';
import { copiesOf, hostsOf } from './database-engine.ts';

/** One file of all the authorities; the folder is the same in every container. */
const trustFolder = '/etc/berth/trust';
const trustFile = `${trustFolder}/ca.pem`;
const trustSource = 'config/trust';

/** Names that are reached directly: the whole site, what it uses elsewhere, and what the operator excepts. */
function directNames(spec: StackSpec): readonly string[] {
  const { kubernetes, domain } = spec;
  return [
    ...new Set([
      'localhost',
      '127.0.0.1',
      domain,
      ...spec.services.flatMap(({ name, http }) =>
        http ? slots.flatMap((slot) => [...new Set([`${name}-${slot}`, slotServiceOf(kubernetes, name, slot)])]) : [],
      ),
      ...spec.databases.flatMap((database) => [
        database.name,
        ...copiesOf(database).map(({ name }) => name),
        ...Object.values(hostsOf(database)),
      ]),
      ...spec.caches.map(({ name }) => name),
      ...spec.stores.map(({ name }) => name),
      ...spec.externals.map(({ host }) => host.replaceAll(/[[\]]/g, '')),
      ...(spec.target === 'kubernetes' ? ['.svc', `.svc.${kubernetes.clusterDomain}`] : []),
      ...(spec.proxy?.except ?? []),
    ]),
  ];
}

/** Whether it may reach the places of a list and nothing else. */
export const hasList = ({ egress, reaches }: AppSpec): boolean => !egress && reaches.length > 0;
/** Whether any may, where no network keeps it to that by itself. */
export const hasLists = ({ target, services }: StackSpec): boolean => target === 'compose' && services.some(hasList);

const goesOut = ({ egress, reaches }: AppSpec): boolean => egress || reaches.length > 0;

/** Programs disagree on the case of these names. */
function proxyVariables(app: AppSpec, spec: StackSpec): Readonly<Record<string, string>> {
  const { proxy } = spec;
  if (!proxy || !goesOut(app)) return {};
  const url = `http://${proxy.host}:${proxy.port}`;
  const direct = directNames(spec).join(',');
  return {
    HTTP_PROXY: url,
    HTTPS_PROXY: url,
    NO_PROXY: direct,
    http_proxy: url,
    https_proxy: url,
    no_proxy: direct,
    ...(app.runtime === 'node' ? { NODE_USE_ENV_PROXY: '1' } : {}),
  };
}

/** Node adds what its variable names to what it knows; the others read the whole of what they trust from one file, and OpenSSL and Go also from their folder. */
const trustVariables = ({ runtime }: AppSpec, file: string): Readonly<Record<string, string>> => ({
  NODE_EXTRA_CA_CERTS: file,
  ...(runtime === 'node' ? {} : { SSL_CERT_FILE: file, REQUESTS_CA_BUNDLE: file }),
});

/** What is trusted beyond what an image knows: a file of the operator's authorities, of the site's own, or of both. */
const trustedFile = ({ trust, internalTls }: StackSpec): string | undefined =>
  internalTls ? (trust.length > 0 ? bundleFile : authorityFile) : trust.length > 0 ? trustFile : undefined;

/** For a program on Node that Berth brings along. */
export const trustOfNode = (spec: StackSpec): Readonly<Record<string, string>> => {
  const file = trustedFile(spec);
  return file === undefined ? {} : { NODE_EXTRA_CA_CERTS: file };
};

/** Variables that lead through what surrounds the site. What the spec sets itself, in whatever case, holds. */
export function surroundingVariables(app: AppSpec, spec: StackSpec): Readonly<Record<string, string>> {
  const own = new Set([...Object.keys(app.env), ...app.secrets.map(({ name }) => name)].map((name) => name.toLowerCase()));
  const file = trustedFile(spec);
  return Object.fromEntries(
    Object.entries({ ...(file === undefined ? {} : trustVariables(app, file)), ...proxyVariables(app, spec) }).filter(
      ([name]) => !own.has(name.toLowerCase()),
    ),
  );
}

export const trustMounts = ({ trust }: StackSpec): PlannedService['mounts'] =>
  trust.length > 0 ? [{ source: trustSource, target: trustFolder, restarts: true }] : [];

/** Places outside that it opens connections to: those of the spec, and the proxy on the way. */
export const placesOf = (app: AppSpec, { proxy }: StackSpec): NonNullable<PlannedService['outside']> => [
  ...app.reaches,
  ...(proxy && goesOut(app) ? [{ host: proxy.host, port: proxy.port }] : []),
];
