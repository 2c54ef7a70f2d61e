import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { locked, succeeds } from '../lab/process.ts';
import { until } from '../lab/until.ts';
import { makeAuthority } from '../runtime/orchestrators/kubernetes/certificates.ts';
import { kubeconfig, withCertificate } from '../runtime/orchestrators/kubernetes/kubeconfig-fixture.ts';

/** How to reach the control plane of a run, as it goes to the processes of the tests. */
export interface Access {
  readonly url: string;
  /** Its own, which no machine trusts. */
  readonly authority: string;
  /** Kubeconfigs: who may everything, and who may nothing until a test lets it. */
  readonly admin: string;
  readonly operator: string;
}
/** Who is in the certificate of {@link Access.operator}. */
export const operator = 'operator';

/** Of those that the lab keeps from outgoing connections. */
const ports = { first: 38_900, count: 60 };
const isFree = async (port: number): Promise<boolean> => {
  const server = createServer();
  const ended = Promise.race([once(server, 'listening').then(() => true), once(server, 'error').then(() => false)]);
  server.listen(port, '127.0.0.1');
  const free = await ended;
  if (free) await new Promise((resolve) => server.close(resolve));
  return free;
};
async function freePorts(count: number): Promise<readonly number[]> {
  const found: number[] = [];
  for (let port = ports.first; port < ports.first + ports.count && found.length < count; port++) if (await isFree(port)) found.push(port);
  if (found.length < count) throw new Error(`of the ports from ${ports.first} on fewer than ${count} are free: stop what listens there`);
  return found;
}

/** etcd, an API server and its controllers, on loopback. There are no nodes: pods are made, and wait for one. */
export class ControlPlane {
  readonly access: Access;
  readonly #folder: string;
  readonly #running: readonly (readonly [string, ChildProcess])[];

  private constructor(access: Access, folder: string, running: readonly (readonly [string, ChildProcess])[]) {
    this.access = access;
    this.#folder = folder;
    this.#running = running;
  }

  /** @param programs - The folder that holds them. */
  static async start(programs: string): Promise<ControlPlane> {
    const folder = mkdtempSync(join(tmpdir(), 'berth-cluster-'));
    // Two runs that look for ports at once would both find the same ones.
    return locked('cluster-ports', async () => {
      const running: (readonly [string, ChildProcess])[] = [];
      const begin = (name: string, ...args: readonly string[]): void => {
        const log = openSync(join(folder, `${name}.log`), 'a');
        // They end with the process of the tests, however that ends.
        running.push([
          name,
          spawn('setpriv', ['--pdeathsig', 'KILL', join(programs, name), ...args], { cwd: folder, stdio: ['ignore', log, log] }),
        ]);
      };
      const [clients = 0, peers = 0, port = 0] = await freePorts(3);
      const access = await writeKeys(folder, `https://127.0.0.1:${port}`);
      const plane = new ControlPlane(access, folder, running);
      try {
        begin('etcd', ...etcdArguments(`http://127.0.0.1:${clients}`, `http://127.0.0.1:${peers}`));
        begin('kube-apiserver', ...serverArguments(`http://127.0.0.1:${clients}`, port));
        const ready = ['kubectl', '--kubeconfig', access.admin, 'get', '--raw', '/readyz'];
        const state = await until(async () => plane.#ended() ?? ((await succeeds(ready)) && 'ready'), 'an API server that is ready', {
          seconds: 240,
          everyMs: 500,
          tell: () => plane.said(),
        });
        if (state !== 'ready') throw new Error(`${state} has ended\n${plane.said()}`);
        begin('kube-controller-manager', ...controllerArguments);
        return plane;
      } catch (error) {
        await plane.stop();
        throw error;
      }
    });
  }

  /** One of them that does not run any more: nothing comes then. */
  #ended(): string | undefined {
    return this.#running.find(([, { exitCode, signalCode }]) => exitCode !== null || signalCode !== null)?.[0];
  }

  /** The ends of their logs. */
  said(): string {
    return this.#running.map(([name]) => `${name}: ${readFileSync(join(this.#folder, `${name}.log`), 'utf8').slice(-1500)}`).join('\n');
  }

  /** Stop them, those first that need the others, and leave nothing behind. */
  async stop(): Promise<void> {
    for (const [, child] of this.#running.toReversed()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGKILL'); // nothing of it is kept
      await once(child, 'exit');
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

const serviceAccountKey = 'service-accounts.key';

/** Keys and certificates of servers and users, as files. */
async function writeKeys(folder: string, url: string): Promise<Access> {
  const authority = await makeAuthority('test cluster');
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  mkdirSync(join(folder, 'certificates'));
  const server = await authority.issue({
    name: 'kube-apiserver',
    addresses: ['127.0.0.1', '10.96.0.1', 'kubernetes.default.svc'],
    for: 'server',
  });
  write('ca.crt', authority.certificate);
  write('server.crt', server.certificate);
  write('server.key', server.key);
  write(
    serviceAccountKey,
    generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  );
  const user = async (file: string, name: string, ...groups: readonly string[]): Promise<string> => {
    const certificate = await authority.issue({ name, groups, for: 'client' });
    return write(file, kubeconfig({ server: url, authority: authority.certificate, user: withCertificate(certificate) }));
  };
  await user('controllers.kubeconfig', 'system:kube-controller-manager');
  return {
    url,
    authority: authority.certificate,
    admin: await user('admin.kubeconfig', 'admin', 'system:masters'),
    operator: await user('operator.kubeconfig', operator),
  };
}

/** What is lost with the machine may be lost: nothing is written through. */
const etcdArguments = (clients: string, peers: string): readonly string[] => [
  '--data-dir=etcd',
  '--unsafe-no-fsync',
  `--listen-client-urls=${clients}`,
  `--advertise-client-urls=${clients}`,
  `--listen-peer-urls=${peers}`,
  `--initial-advertise-peer-urls=${peers}`,
  `--initial-cluster=default=${peers}`,
];

const serverArguments = (etcd: string, port: number): readonly string[] => [
  `--etcd-servers=${etcd}`,
  '--bind-address=127.0.0.1',
  `--secure-port=${port}`,
  '--cert-dir=certificates',
  '--tls-cert-file=server.crt',
  '--tls-private-key-file=server.key',
  '--client-ca-file=ca.crt',
  `--service-account-key-file=${serviceAccountKey}`,
  `--service-account-signing-key-file=${serviceAccountKey}`,
  '--service-account-issuer=https://kubernetes.default.svc',
  '--service-cluster-ip-range=10.96.0.0/16',
  '--authorization-mode=RBAC',
  // Else pods with privileges are refused before the admission plug-in is asked.
  '--allow-privileged',
  // In place of Pod Security admission, which is younger: pod-security.ts.
  '--enable-admission-plugins=PodSecurityPolicy',
  // Jobs that take themselves away: on without being asked since 1.21.
  '--feature-gates=TTLAfterFinished=true',
  // One caller stands for many here.
  '--max-requests-inflight=2000',
  '--enable-priority-and-fairness=false',
];

const controllerArguments: readonly string[] = [
  '--kubeconfig=controllers.kubeconfig',
  '--service-account-private-key-file',
  serviceAccountKey,
  '--root-ca-file=ca.crt',
  // Each with its own rights, as in a cluster: one that may everything would be let past the admission of pods.
  '--use-service-account-credentials',
  '--leader-elect=false',
  '--port=0',
  '--secure-port=0',
  '--kube-api-qps=200',
  '--kube-api-burst=400',
  '--feature-gates=TTLAfterFinished=true',
];
