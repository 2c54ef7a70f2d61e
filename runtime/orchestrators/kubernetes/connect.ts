import { createPrivateKey, X509Certificate } from 'node:crypto';
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import type { RequestOptions } from 'node:https';
import { isIPv6 } from 'node:net';
import { delimiter, dirname, isAbsolute, join } from 'node:path';
import type { Cluster, Context, KubeConfig, User } from '@kubernetes/client-node';
import { BerthError } from '../../../model/errors.ts';
import { withoutTokens } from './failures.ts';
import { readKubeconfig } from './kubeconfig.ts';

export interface ConnectOptions {
  /** --kubeconfig */
  readonly kubeconfig?: string;
  /** --context */
  readonly context?: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly now: Date;
  /** Where a pod finds its own account. */
  readonly serviceAccount?: string;
}

/** A cluster and who asks it. */
export interface Connection {
  /** For messages: without user or password. */
  readonly server: string;
  readonly address: string;
  readonly context: string;
  readonly namespace?: string;
  /** Everything that makes a request ours: certificates, token, proxy. May run the login program that the kubeconfig names. */
  authorise: () => Promise<RequestOptions>;
}

const podAccount = '/var/run/secrets/kubernetes.io/serviceaccount';

const failure = (message: string, hint: string, options?: ErrorOptions): BerthError =>
  new BerthError('unreachable', message, hint, options);

/** The files that a kubeconfig is read from; none inside a pod. */
function filesOf({ kubeconfig, env, serviceAccount = podAccount }: ConnectOptions): readonly string[] {
  if (kubeconfig !== undefined) {
    if (!existsSync(kubeconfig)) throw failure(`there is no kubeconfig ${kubeconfig}`, 'correct the path after --kubeconfig');
    return [kubeconfig];
  }
  const named = (env['KUBECONFIG'] ?? '').split(delimiter).filter((file) => file !== '');
  if (named.length > 0) {
    const there = named.filter((file) => existsSync(file));
    if (there.length > 0) return there;
    throw failure(
      `KUBECONFIG names ${named.join(' and ')}, which is not there`,
      'correct KUBECONFIG, or name a file with --kubeconfig FILE',
    );
  }
  const own = env['HOME'] === undefined ? undefined : join(env['HOME'], '.kube', 'config');
  if (own !== undefined && existsSync(own)) return [own];
  if (env['KUBERNETES_SERVICE_HOST'] !== undefined && existsSync(join(serviceAccount, 'token'))) return [];
  throw failure(
    `there is no kubeconfig${own === undefined ? '' : `: not ${own}, and KUBECONFIG is not set`}`,
    'name one with --kubeconfig FILE; whoever runs the cluster has it',
  );
}

/** The account that a pod was given. */
function podConfig({ env, serviceAccount = podAccount }: ConnectOptions): {
  clusters: Cluster[];
  users: User[];
  contexts: Context[];
  currentContext: string;
} {
  const host = env['KUBERNETES_SERVICE_HOST'] ?? '';
  const file = (name: string): string => join(serviceAccount, name);
  const name = 'pod';
  return {
    clusters: [
      {
        name,
        server: `https://${isIPv6(host) ? `[${host}]` : host}:${env['KUBERNETES_SERVICE_PORT'] ?? '443'}`,
        caFile: file('ca.crt'),
        skipTLSVerify: false,
      },
    ],
    users: [{ name, token: readFileSync(file('token'), 'utf8').trim() }],
    contexts: [
      {
        name,
        cluster: name,
        user: name,
        ...(existsSync(file('namespace')) ? { namespace: readFileSync(file('namespace'), 'utf8').trim() } : {}),
      },
    ],
    currentContext: name,
  };
}

const among = (names: readonly string[]): string => (names.length === 0 ? 'it has none' : `it has ${names.join(', ')}`);

function chosenContext(config: KubeConfig, wanted: string | undefined, where: string): Context {
  const names = config.contexts.map(({ name }) => name);
  const name = wanted ?? config.currentContext;
  if (name === undefined || name === '')
    throw failure(
      `${where} has no current context; ${among(names)}`,
      'name one with --context NAME, or choose one for good with `kubectl config use-context NAME`',
    );
  const found = config.contexts.find((context) => context.name === name);
  if (found) return found;
  throw failure(
    `${where} has no context ${name}; ${among(names)}`,
    wanted === undefined ? 'name one with --context NAME' : 'correct the name after --context',
  );
}

function chosen<T extends { readonly name: string }>(kind: string, name: string, all: readonly T[], context: Context, where: string): T {
  const found = all.find((one) => one.name === name);
  if (found) return found;
  throw failure(
    `the context ${context.name} of ${where} names the ${kind} ${name || '""'}, which is not there; ${among(all.map((one) => one.name))}`,
    `correct the context with \`kubectl config set-context ${context.name} --${kind}=NAME\``,
  );
}

/** A file or base64 that the kubeconfig names, as it is. */
function material(what: string, file: string | undefined, data: string | undefined, where: string): string | undefined {
  if (file === undefined || file === null)
    return data === undefined || data === null ? undefined : Buffer.from(data, 'base64').toString('latin1');
  try {
    return readFileSync(file, 'latin1');
  } catch (error) {
    throw failure(
      `cannot read the ${what} ${file}, which ${where} names: ${(error as NodeJS.ErrnoException).code ?? ''}`,
      'correct the path in the kubeconfig, or make the file readable for you',
      { cause: error },
    );
  }
}

const newKubeconfig = 'get a new kubeconfig from whoever runs the cluster';

/** A certificate that the server would refuse in words nobody understands is refused here in better ones. */
function checkClientCertificate(user: User, now: Date, where: string): void {
  const pem = material('client certificate', user.certFile, user.certData, where);
  const key = material('client key', user.keyFile, user.keyData, where);
  if (pem === undefined) return;
  if (key === undefined) throw failure(`the user ${user.name} of ${where} has a client certificate and no key`, newKubeconfig);
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(Buffer.from(pem, 'latin1'));
  } catch (error) {
    throw failure(`the client certificate of the user ${user.name} in ${where} is no certificate`, newKubeconfig, { cause: error });
  }
  const [from, to] = [new Date(certificate.validFrom), new Date(certificate.validTo)];
  if (to < now)
    throw failure(
      `the client certificate of the user ${user.name} in ${where} expired on ${to.toISOString().slice(0, 10)}`,
      `${newKubeconfig} (with kubeadm: \`kubeadm certs renew admin.conf\`), and see that this machine's clock is right`,
    );
  if (from > now)
    throw failure(
      `the client certificate of the user ${user.name} in ${where} is valid from ${from.toISOString()} only`,
      "see that this machine's clock is right",
    );
  let matches: boolean;
  try {
    matches = certificate.checkPrivateKey(createPrivateKey(Buffer.from(key, 'latin1')));
  } catch (error) {
    throw failure(`the client key of the user ${user.name} in ${where} is no private key`, newKubeconfig, { cause: error });
  }
  if (!matches) throw failure(`client certificate and key of the user ${user.name} in ${where} do not belong together`, newKubeconfig);
}

function checkAuthority(cluster: Cluster, where: string): void {
  const pem = material('authority', cluster.caFile, cluster.caData, where);
  if (pem !== undefined && !pem.includes('-----BEGIN CERTIFICATE-----'))
    throw failure(`the certificate authority of the cluster ${cluster.name} in ${where} is no certificate`, newKubeconfig);
}

/** A program that logs in, as kubeconfigs of cloud providers have it. */
interface LoginProgram {
  command?: string;
  apiVersion?: string;
  installHint?: string;
  env?: { name: string; value: string }[] | null;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** As kubectl finds it: by PATH, or from the folder of the kubeconfig. Tells it what kubectl tells it. */
function prepareLogin(user: User, folder: string, { env }: ConnectOptions, where: string): void {
  const login = user.exec as LoginProgram | null | undefined;
  if (!login) return;
  const name = login.command ?? '';
  const hint = (login.installHint ?? '').split('\n')[0] ?? '';
  const candidates = name.includes('/')
    ? [isAbsolute(name) ? name : join(folder, name)]
    : (env['PATH'] ?? '').split(delimiter).map((path) => join(path, name));
  const found = name === '' ? undefined : candidates.find(isExecutable);
  if (found === undefined)
    throw failure(
      `the user ${user.name} of ${where} logs in with the program ${name || '""'}, which is not there`,
      hint === '' ? `install ${name || 'it'}, or use a kubeconfig with a token or a certificate` : hint,
    );
  login.command = found;
  const info = { apiVersion: login.apiVersion ?? 'client.authentication.k8s.io/v1', kind: 'ExecCredential', spec: { interactive: false } };
  login.env = [...(login.env ?? []), { name: 'KUBERNETES_EXEC_INFO', value: JSON.stringify(info) }];
}

/** An address as it may be shown. */
function withoutUser(address: string): string {
  const url = new URL(address);
  return url.username === '' && url.password === '' ? address : `${url.protocol}//${url.host}${url.pathname === '/' ? '' : url.pathname}`;
}

function checkAddress(cluster: Cluster, where: string): void {
  if (!URL.canParse(cluster.server) || !/^https?:/.test(cluster.server))
    throw failure(
      `the address of the cluster ${cluster.name} in ${where} is no address: ${cluster.server}`,
      'write one such as https://10.0.0.1:6443 as its `server`',
    );
  if (cluster.server.startsWith('http:') && !cluster.skipTLSVerify)
    throw failure(
      `the address of the cluster ${cluster.name} in ${where} is not encrypted: ${withoutUser(cluster.server)}`,
      'write https:// as its `server`; for a `kubectl proxy` on this machine, set `insecure-skip-tls-verify: true` beside it',
    );
}

/** Read who and where, and refuse early what cannot work. Sends nothing. @throws BerthError `unreachable` that names the file. */
export async function connect(options: ConnectOptions): Promise<Connection> {
  const { KubeConfig } = await import('@kubernetes/client-node');
  const files = filesOf(options);
  const where = files.length === 0 ? "the pod's own account" : files.join(' and ');
  const config = new KubeConfig();
  config.loadFromOptions(files.length === 0 ? podConfig(options) : await readKubeconfig(files));
  const context = chosenContext(config, options.context, where);
  config.setCurrentContext(context.name);
  const cluster = chosen('cluster', context.cluster, config.clusters, context, where);
  const user = chosen('user', context.user, config.users, context, where);
  checkAddress(cluster, where);
  checkAuthority(cluster, where);
  checkClientCertificate(user, options.now, where);
  prepareLogin(user, dirname(files[0] ?? '/'), options, where);
  const server = withoutUser(cluster.server);
  return {
    server,
    address: cluster.server,
    context: context.name,
    ...(context.namespace === undefined ? {} : { namespace: context.namespace }),
    authorise: async () => {
      const request: RequestOptions = { headers: {} };
      try {
        await config.applyToHTTPSOptions(request);
      } catch (error) {
        throw failure(
          `cannot log in to the cluster at ${server} as the user ${user.name} of ${where}: ${withoutTokens(error instanceof Error ? (error.message.trim().split('\n')[0] ?? '') : '')}`,
          'log in again with the program that the kubeconfig names, or use another context with --context NAME',
          { cause: error },
        );
      }
      return request;
    },
  };
}
