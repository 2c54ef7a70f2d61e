import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { removeNetwork } from './leftovers.ts';
import { attempt, run } from './process.ts';
import type { RunResult } from './process.ts';
import { until } from './until.ts';

/*
 * A STAND-IN for a cluster, which the lab cannot have: it reads manifests and does with Docker what a kubelet, its DNS and its volume plug-ins would do,
 * as far as the manifests of a site ask for it. Nothing of an API server is in it: no validation, no Pod Security, no scheduler, no network policies.
 * What is proven here is that the containers work as the pods describe them: user, read-only root, folders in memory, a volume that belongs to root and
 * brings a lost+found, ConfigMaps and Secrets as files, variables and their references, names of Services, init containers, probes.
 */

interface EnvVariable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly secretKeyRef: { readonly name: string; readonly key: string } };
}
export interface Probe {
  readonly exec?: { readonly command: readonly string[] };
  readonly httpGet?: { readonly path: string; readonly port: string | number; readonly scheme?: string };
  readonly tcpSocket?: { readonly port: string | number };
}
export interface PodContainer {
  readonly name: string;
  readonly image: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: readonly EnvVariable[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly volumeMounts?: readonly {
    readonly name: string;
    readonly mountPath: string;
    readonly subPath?: string;
    readonly readOnly?: boolean;
  }[];
  readonly resources: { readonly limits: Readonly<Record<string, string>> };
  readonly securityContext: {
    readonly readOnlyRootFilesystem?: boolean;
    readonly capabilities?: { readonly drop?: readonly string[] };
    readonly allowPrivilegeEscalation?: boolean;
    readonly runAsUser?: number;
    readonly runAsGroup?: number;
  };
  readonly startupProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly livenessProbe?: Probe;
}
interface PodVolume {
  readonly name: string;
  readonly emptyDir?: { readonly medium?: 'Memory'; readonly sizeLimit: string };
  readonly configMap?: { readonly name: string; readonly defaultMode: number; readonly items?: readonly Item[] };
  readonly secret?: { readonly secretName: string; readonly defaultMode: number; readonly items?: readonly Item[] };
}
/** A key, and the file that it becomes. */
interface Item {
  readonly key: string;
  readonly path: string;
}
interface PodTemplate {
  readonly metadata: { readonly labels: Readonly<Record<string, string>> };
  readonly spec: {
    readonly securityContext: { readonly runAsUser: number; readonly runAsGroup: number; readonly fsGroup: number };
    readonly initContainers?: readonly PodContainer[];
    readonly containers: readonly [PodContainer];
    readonly volumes?: readonly PodVolume[];
  };
}
export interface KubernetesObject {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: {
    readonly replicas?: number;
    readonly clusterIP?: string;
    readonly selector?: Readonly<Record<string, string>>;
    readonly template?: PodTemplate;
    readonly volumeClaimTemplates?: readonly { readonly metadata: { readonly name: string } }[];
  };
}

export interface Pod {
  readonly name: string;
  readonly template: PodTemplate;
}

/** Third-party expansion of the kubelet: $(NAME) of a variable before it, $$ for one dollar, anything else as it stands. */
const expand = (value: string, known: ReadonlyMap<string, string>): string =>
  value.replaceAll(/\$\$|\$\(([^)]*)\)/g, (found, name: string | undefined) => (found === '$$' ? '$' : (known.get(name ?? '') ?? found)));

export class KubeletStandIn {
  readonly #network: string;
  readonly #folder = mkdtempSync(join(tmpdir(), 'berth-kubelet-'));
  #objects: readonly KubernetesObject[];

  private constructor(name: string, objects: readonly KubernetesObject[]) {
    this.#network = `berth-kubelet-${name}`;
    this.#objects = objects;
  }

  static async create(name: string, objects: readonly KubernetesObject[]): Promise<KubeletStandIn> {
    const kubelet = new KubeletStandIn(name, objects);
    await removeNetwork(kubelet.#network);
    // Docker's own choice of a range, but given by hand: only then an address may be asked for. Somebody else may be given the same in between.
    const create = async (): Promise<boolean> => {
      await run(['docker', 'network', 'create', kubelet.#network]);
      const range = await run(['docker', 'network', 'inspect', '--format', '{{(index .IPAM.Config 0).Subnet}}', kubelet.#network]);
      await run(['docker', 'network', 'rm', kubelet.#network]);
      await run(['docker', 'network', 'create', '--subnet', range, kubelet.#network]);
      return true;
    };
    await until(create, `the network ${kubelet.#network}`, { seconds: 15 });
    return kubelet;
  }

  /** What is found out only once the network is there. */
  give(objects: readonly KubernetesObject[]): void {
    this.#objects = objects;
  }

  get network(): string {
    return this.#network;
  }

  async destroy(): Promise<void> {
    await removeNetwork(this.#network);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #dataOf(kind: 'ConfigMap' | 'Secret', name: string): ReadonlyMap<string, string> {
    const found = this.#objects.find((one) => one.kind === kind && one.metadata.name === name);
    if (!found) throw new Error(`the pod would wait for ever: there is no ${kind} ${name}`);
    return new Map(
      Object.entries(found.data ?? {}).map(([key, value]) => [key, kind === 'Secret' ? Buffer.from(value, 'base64').toString() : value]),
    );
  }

  /** A folder of files on the host, as a ConfigMap or a Secret is brought into a pod: root's, and of the pod's group. */
  #files(path: string, files: ReadonlyMap<string, string>, mode: number, group: number): string {
    mkdirSync(path, { recursive: true });
    for (const [name, content] of files) {
      const file = join(path, name);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, content);
      chownSync(file, 0, group);
      chmodSync(file, mode);
    }
    return path;
  }

  /** What a volume plug-in gives: root's, with a lost+found, opened for the group of the pod. */
  #claim(pod: string, name: string, group: number): string {
    const path = join(this.#folder, 'claims', `${name}-${pod}`);
    mkdirSync(join(path, 'lost+found'), { recursive: true, mode: 0o700 });
    chownSync(path, 0, group);
    chmodSync(path, 0o2775);
    return path;
  }

  #mounts(pod: Pod, container: PodContainer): readonly string[] {
    const { volumes = [], securityContext } = pod.template.spec;
    return (container.volumeMounts ?? []).flatMap(({ name, mountPath, subPath, readOnly }) => {
      const volume = volumes.find((one) => one.name === name);
      if (volume?.emptyDir?.medium === 'Memory')
        return ['--tmpfs', `${mountPath}:size=${volume.emptyDir.sizeLimit.replace('Mi', 'm').replace('Gi', 'g')},mode=1777`];
      const from = join(this.#folder, pod.name, name);
      const group = securityContext.fsGroup;
      const source = volume?.configMap
        ? this.#keyFiles(from, 'ConfigMap', { ...volume.configMap, group })
        : volume?.secret
          ? this.#keyFiles(from, 'Secret', { ...volume.secret, name: volume.secret.secretName, group })
          : volume?.emptyDir
            ? this.#emptyFolder(from)
            : this.#claim(pod.name, name, group);
      return [
        '--mount',
        `type=bind,source=${subPath === undefined ? source : join(source, subPath)},target=${mountPath}${readOnly ? ',readonly' : ''}`,
      ];
    });
  }

  /** Of the disk of the node: what one container of a pod leaves there the next one finds. */
  #emptyFolder(path: string): string {
    mkdirSync(path, { recursive: true });
    chmodSync(path, 0o777);
    return path;
  }

  #keyFiles(
    path: string,
    kind: 'ConfigMap' | 'Secret',
    {
      name,
      items,
      defaultMode,
      group,
    }: { readonly name: string; readonly items?: readonly Item[]; readonly defaultMode: number; readonly group: number },
  ): string {
    const data = this.#dataOf(kind, name);
    const files = (items ?? [...data.keys()].map((key) => ({ key, path: key }))).map((item) => {
      const value = data.get(item.key);
      if (value === undefined) throw new Error(`the pod would wait for ever: ${kind} ${name} has no key ${item.key}`);
      return [item.path, value] as const;
    });
    return this.#files(path, new Map(files), defaultMode, group);
  }

  #env(container: PodContainer): ReadonlyMap<string, string> {
    const known = new Map<string, string>();
    for (const { name, value, valueFrom } of container.env ?? []) {
      const reference = valueFrom?.secretKeyRef;
      const found = reference ? this.#dataOf('Secret', reference.name).get(reference.key) : expand(value ?? '', known);
      if (found === undefined) throw new Error(`the pod would not start: ${name} is a key that its Secret does not have`);
      known.set(name, found);
    }
    return known;
  }

  #options(pod: Pod, container: PodContainer): readonly string[] {
    const { securityContext } = pod.template.spec;
    const own = container.securityContext;
    const envFile = join(this.#folder, `${pod.name}-${container.name}.env`);
    const env = this.#env(container);
    // One line a variable: what has several lines is handed over by the process of the client.
    writeFileSync(
      envFile,
      [...env]
        .filter(([, value]) => !value.includes('\n'))
        .map(([name, value]) => `${name}=${value}\n`)
        .join(''),
      { mode: 0o600 },
    );
    const limits = container.resources.limits;
    return [
      '--env-file',
      envFile,
      '--user',
      `${own.runAsUser ?? securityContext.runAsUser}:${own.runAsGroup ?? securityContext.runAsGroup}`,
      '--group-add',
      String(securityContext.fsGroup),
      ...(own.readOnlyRootFilesystem ? ['--read-only'] : []),
      ...(own.capabilities?.drop ?? []).flatMap((name) => ['--cap-drop', name]),
      ...(own.allowPrivilegeEscalation === false ? ['--security-opt', 'no-new-privileges:true'] : []),
      '--memory',
      (limits['memory'] ?? '').replace('Mi', 'm').replace('Gi', 'g'),
      ...this.#mounts(pod, container),
    ];
  }

  /** The image and what runs in it: command stands for its entrypoint, args for its command. */
  #image(container: PodContainer): readonly [options: readonly string[], image: readonly string[]] {
    const known = this.#env(container);
    const [entrypoint, ...rest] = (container.command ?? []).map((word) => expand(word, known));
    const args = (container.args ?? []).map((word) => expand(word, known));
    return [entrypoint === undefined ? [] : ['--entrypoint', entrypoint], [container.image, ...rest, ...args]];
  }

  /** The names by which a pod is reached: those of the Services that select it, and its own below one without an address. */
  #aliases(pod: Pod): readonly string[] {
    const { labels } = pod.template.metadata;
    return this.#objects
      .filter(({ kind, spec }) => kind === 'Service' && Object.entries(spec?.selector ?? {}).every(([key, value]) => labels[key] === value))
      .flatMap(({ metadata: { name, namespace }, spec }) =>
        [name, ...(spec?.clusterIP === 'None' ? [`${pod.name}.${name}`] : [])].map((one) => [
          one,
          `${one}.${namespace ?? ''}.svc.cluster.local`,
        ]),
      )
      .flat();
  }

  /** Every pod that the workloads of a kind stand for, the first `most` of each. */
  pods(kind: string, most = 1): readonly Pod[] {
    return this.#objects
      .filter((one) => one.kind === kind && one.spec?.template)
      .flatMap(({ metadata, spec }) =>
        Array.from({ length: Math.min(most, spec?.replicas ?? 1) }, (_, index) => ({
          name: `${metadata.name}-${index}`,
          template: spec?.template as PodTemplate,
        })),
      );
  }

  /** Run the init containers one after the other, then start the container. @throws when an init container fails. */
  async start(pod: Pod): Promise<string> {
    for (const container of pod.template.spec.initContainers ?? []) {
      const { code, stdout, stderr } = await this.#runToEnd(pod, container);
      if (code !== 0) throw new Error(`${pod.name}: init container ${container.name} ended with ${code}: ${stdout}${stderr}`);
    }
    const [container] = pod.template.spec.containers;
    const [entrypoint, image] = this.#image(container);
    const name = `${this.#network}-${pod.name}`;
    return run([
      'docker',
      'run',
      '--detach',
      '--name',
      name,
      '--network',
      this.#network,
      '--hostname',
      pod.name,
      ...this.#aliases(pod).flatMap((alias) => ['--network-alias', alias]),
      ...this.#options(pod, container),
      ...entrypoint,
      ...image,
    ]);
  }

  /** A Job: its container until one ends with 0, as each pod that failed is followed by another. */
  async finish(pod: Pod, tries = 5): Promise<RunResult> {
    const [container] = pod.template.spec.containers;
    let last = await this.#runToEnd(pod, container);
    for (let attempted = 1; last.code !== 0 && attempted < tries; attempted++) last = await this.#runToEnd(pod, container);
    return last;
  }

  #runToEnd(pod: Pod, container: PodContainer): Promise<RunResult> {
    const [entrypoint, image] = this.#image(container);
    return attempt(['docker', 'run', '--rm', '--network', this.#network, ...this.#options(pod, container), ...entrypoint, ...image]);
  }

  exec(pod: string, ...command: readonly string[]): Promise<RunResult> {
    return attempt(['docker', 'exec', `${this.#network}-${pod}`, ...command]);
  }

  async address(pod: string): Promise<string> {
    return run([
      'docker',
      'inspect',
      '--format',
      `{{(index .NetworkSettings.Networks "${this.#network}").IPAddress}}`,
      `${this.#network}-${pod}`,
    ]);
  }

  /** What it has said since it was started last. */
  async logs(pod: string): Promise<RunResult> {
    const name = `${this.#network}-${pod}`;
    const stopped = await run(['docker', 'inspect', '--format', '{{.State.FinishedAt}}', name]);
    return attempt(['docker', 'logs', ...(stopped.startsWith('0001') ? [] : ['--since', stopped]), name]);
  }

  /** Stop as the kubelet does, by the signal of the image. @returns how the process ended. */
  async stop(pod: string): Promise<number> {
    await run(['docker', 'stop', '--time', '60', `${this.#network}-${pod}`]);
    return Number(await run(['docker', 'inspect', '--format', '{{.State.ExitCode}}', `${this.#network}-${pod}`]));
  }

  /** A pod that was deleted, as its set makes it anew: from its init containers on, on the claim that it had. */
  async replace(pod: Pod): Promise<void> {
    await this.stop(pod.name);
    await run(['docker', 'rm', `${this.#network}-${pod.name}`]);
    await this.start(pod);
  }

  async restart(pod: string): Promise<void> {
    await run(['docker', 'start', `${this.#network}-${pod}`]);
  }

  /** The same for one that is stopped, as if it had come to another node: at an address that nobody has now. */
  async restartAt(pod: Pod, address: string): Promise<void> {
    const name = `${this.#network}-${pod.name}`;
    const aliases = this.#aliases(pod).flatMap((alias) => ['--alias', alias]);
    await run(['docker', 'network', 'disconnect', this.#network, name]);
    await run(['docker', 'network', 'connect', '--ip', address, ...aliases, this.#network, name]);
    await run(['docker', 'start', name]);
  }

  /** Ask once, as the kubelet asks: commands inside, the others from the node. */
  async ask(pod: Pod, probe: Probe): Promise<boolean> {
    const [container] = pod.template.spec.containers;
    const port = (name: string | number) => container.ports?.find((one) => one.name === name)?.containerPort ?? Number(name);
    if (probe.exec) return (await this.exec(pod.name, ...probe.exec.command)).code === 0;
    const host = await this.address(pod.name);
    if (probe.tcpSocket) return (await attempt(['bash', '-c', `exec 3<>/dev/tcp/${host}/${port(probe.tcpSocket.port)}`])).code === 0;
    const { path = '/', port: asked = 0, scheme = 'HTTP' } = probe.httpGet ?? {};
    // A kubelet asks by an address, and looks at no certificate.
    const seen = ['--insecure', '--silent', '--output', '/dev/null', '--write-out', '%{http_code}', '--max-time', '10'];
    const { stdout } = await attempt(['curl', ...seen, `${scheme.toLowerCase()}://${host}:${port(asked)}${path}`]);
    return /^[23]/.test(stdout);
  }

  /** Until a probe is content. @throws with the log of the pod. */
  async until(pod: Pod, probe: Probe): Promise<void> {
    const tell = async (): Promise<string> => {
      const { stdout, stderr } = await this.logs(pod.name);
      return `${stdout}${stderr}`.slice(-8000);
    };
    await until(() => this.ask(pod, probe), `${pod.name} answers ${JSON.stringify(probe)}`, { seconds: 300, everyMs: 500, tell });
  }
}
