import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { attempt, run } from '../lab/process.ts';
import type { RunResult } from '../lab/process.ts';
import { until } from '../lab/until.ts';
import { temporarySite } from '../generator/io/site-fixture.ts';
import { expectExit } from '../program/berth.ts';
import type { Ended } from '../program/berth.ts';
import type { Access } from './control-plane.ts';
import { manifestsOf, toOldKubernetes } from './old-kubernetes.ts';
import type { Manifest } from './old-kubernetes.ts';
import { enforced } from './pod-security.ts';

/** What the server holds of an object. */
export interface Stored extends Manifest {
  readonly metadata: Manifest['metadata'] & {
    readonly resourceVersion: string;
    readonly generation?: number;
    readonly ownerReferences?: readonly { readonly kind: string; readonly name: string }[];
  };
  readonly status?: Readonly<Record<string, unknown>>;
  readonly reason?: string;
  readonly message?: string;
}

/** The last before a pause at the end of a container is a field of its own, `preStop.sleep`, without which a server that is older refuses the pod. */
const writtenFor = '1.29';
const level = 'pod-security.kubernetes.io/enforce';
const listOf = (text: string): readonly Stored[] => {
  const read = JSON.parse(text) as Stored & { readonly items?: readonly Stored[] };
  return read.items ?? [read];
};

/** A site in a cluster, and what its runbook says to type. */
export class ClusterSite implements AsyncDisposable {
  readonly folder: string;
  /** Comes before that of kubectl: what Berth asks it is answered for the older server. */
  readonly #programs: string;
  readonly #access: Access;
  readonly #site = temporarySite();

  private constructor(access: Access) {
    this.#access = access;
    this.folder = join(this.#site.path, 'site');
    this.#programs = join(this.#site.path, 'bin');
    mkdirSync(this.#programs);
    const program = join(this.#programs, 'kubectl');
    const path = process.env['PATH'] ?? '';
    writeFileSync(
      program,
      `#!/bin/sh\nPATH_OF_KUBECTL='${path}' exec '${process.execPath}' '${join(import.meta.dirname, 'old-kubectl.child.ts')}' "$@"\n`,
    );
    chmodSync(program, 0o755);
  }

  /** @param name - Its own: a site's namespaces and priorities are called by it. */
  static async create(access: Access, name: string, ...options: readonly string[]): Promise<ClusterSite> {
    const site = new ClusterSite(access);
    const target = ['--target', 'kubernetes', '--kubernetes-version', writtenFor];
    try {
      await expectExit(0, ['init', site.folder, ...target, '--set', `name=${name}`, ...options]);
      return site;
    } catch (error) {
      site.#site[Symbol.dispose]();
      throw error;
    }
  }

  /** A verb at this site, as the administrator of the cluster unless it says `--kubeconfig`. */
  async berth(code: number, ...args: readonly string[]): Promise<Ended> {
    const env = { KUBECONFIG: this.#access.admin, PATH: `${this.#programs}:${process.env['PATH']}` };
    return expectExit(code, [...args, '--site', this.folder], { env });
  }

  /** Change berth.yaml or release.yaml, and write what follows from it. */
  async change(file: string, edit: (text: string) => string): Promise<void> {
    const before = readFileSync(`${this.folder}/${file}`, 'utf8');
    const after = edit(before);
    if (after === before) throw new Error(`the edit of ${file} changes nothing`);
    await run(['sh', '-c', 'cat > "$1"', 'sh', `${this.folder}/${file}`], { input: after });
    await this.berth(0, 'generate');
  }

  kubectl(...args: readonly string[]): Promise<RunResult> {
    return attempt(['kubectl', '--kubeconfig', this.#access.admin, ...args], { cwd: this.folder });
  }
  async #apply(objects: readonly object[]): Promise<RunResult> {
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
    // Whatever it knows, kubectl would refuse here: what of it the server does not keep, `missing` says.
    return attempt(['kubectl', '--kubeconfig', this.#access.admin, 'apply', '--validate=false', '-f', '-'], { input });
  }

  /** What `kubectl apply -k k8s/site` applies, for a server that is older. */
  async manifests(): Promise<readonly Manifest[]> {
    return manifestsOf(await run(['kubectl', 'kustomize', 'k8s/site'], { cwd: this.folder })).map(toOldKubernetes);
  }
  /** What `kubectl apply -f k8s/secrets` applies. */
  async secrets(): Promise<readonly Manifest[]> {
    return manifestsOf(await run(['sh', '-c', 'for file in k8s/secrets/*.yaml; do echo ---; cat "$file"; done'], { cwd: this.folder }));
  }

  /** The two commands of SITE.md, one after the other. @returns what they said, of both. */
  async apply(): Promise<RunResult> {
    const secrets = await this.kubectl('apply', '-f', 'k8s/secrets');
    if (secrets.code !== 0) return secrets;
    const manifests = await this.manifests();
    const spaces = manifests.filter(({ kind }) => kind === 'Namespace');
    await run(['kubectl', '--kubeconfig', this.#access.admin, 'apply', '-f', '-'], {
      input: JSON.stringify({
        apiVersion: 'v1',
        kind: 'List',
        items: spaces.map(({ metadata: { name, labels } }) => enforced(name, labels?.[level])),
      }),
    });
    const site = await this.#apply(manifests);
    return { code: site.code, stdout: `${secrets.stdout}${site.stdout}`, stderr: `${secrets.stderr}${site.stderr}` };
  }
  /** The same where nothing may go wrong. @returns a line for each object. @throws also for a warning. */
  async applied(): Promise<readonly string[]> {
    const { code, stdout, stderr } = await this.apply();
    if (code !== 0 || stderr !== '') throw new Error(`apply ended with ${code}, and said:\n${stderr}`);
    return stdout.trim().split('\n');
  }

  /** What the server holds of objects. */
  async stored(objects: readonly Manifest[]): Promise<readonly Stored[]> {
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
    return listOf(await run(['kubectl', '--kubeconfig', this.#access.admin, 'get', '-o', 'json', '-f', '-'], { input }));
  }
  /** All of some kinds in the namespaces of the site. */
  async all(kinds: string): Promise<readonly Stored[]> {
    const found = await Promise.all(
      (await this.namespaces()).map((name) =>
        run(['kubectl', '--kubeconfig', this.#access.admin, '-n', name, 'get', kinds, '-o', 'json']).then(listOf),
      ),
    );
    return found.flat();
  }
  async namespaces(): Promise<readonly string[]> {
    return (await this.manifests()).filter(({ kind }) => kind === 'Namespace').map(({ metadata }) => metadata.name);
  }

  /**
   * Until every workload has the pods that it asks for. No node is there, so none of them runs.
   * @returns the pods.
   * @throws with what the controllers said when some do not come.
   */
  async untilPodsAreMade(): Promise<readonly Stored[]> {
    const tell = async (): Promise<string> => (await this.refusals()).join('\n');
    return until(
      async () => {
        const pods = await this.all('pods');
        const short = (await this.all('deployments,statefulsets,jobs')).filter((one) => wantedOf(one) > podsOf(one, pods).length);
        if (short.length > 0)
          throw new Error(`without their pods: ${short.map(({ kind, metadata }) => `${kind} ${metadata.name}`).join(', ')}`);
        return pods;
      },
      'all pods',
      { seconds: 90, everyMs: 1000, tell },
    );
  }

  /**
   * Each autoscaler at its most, and then all pods anew at once: as much as a site may ever ask for. The autoscaler of an empty slot sleeps. No pod gets ready here, so nothing
   * goes before all new ones are there. A set makes a pod anew while the quota still counts the one before, is refused, and tries again: that is no lack of room.
   * @returns the pods, old and new.
   * @throws when some do not come.
   */
  async surge(): Promise<readonly Stored[]> {
    const asleep = (await this.all('deployments')).filter(({ spec }) => spec?.['replicas'] === 0).map(({ metadata }) => metadata.name);
    for (const { metadata, spec } of await this.all('horizontalpodautoscalers')) {
      const { scaleTargetRef, maxReplicas } = spec as unknown as {
        readonly scaleTargetRef: { readonly name: string };
        readonly maxReplicas: number;
      };
      if (asleep.includes(scaleTargetRef.name)) continue;
      await this.#done('-n', metadata.namespace ?? '', 'scale', `deployment/${scaleTargetRef.name}`, `--replicas=${maxReplicas}`);
    }
    await this.untilPodsAreMade();
    for (const { metadata, kind } of (await this.all('deployments,statefulsets')).filter(isFirstOfItsKind))
      await this.#done('-n', metadata.namespace ?? '', 'rollout', 'restart', kind.toLowerCase());
    const begun = ({ kind, spec, metadata, status = {} }: Stored): boolean =>
      Number(status['observedGeneration'] ?? 0) >= (metadata.generation ?? 0) &&
      (Number(spec?.['replicas'] ?? 1) === 0 ||
        (kind === 'StatefulSet' && JSON.stringify(spec?.['updateStrategy']).includes('OnDelete')) ||
        Number(status['updatedReplicas'] ?? 0) > 0);
    await until(
      async () => {
        const waiting = (await this.all('deployments,statefulsets')).filter((one) => !begun(one));
        if (waiting.length > 0) throw new Error(`not begun: ${waiting.map(({ metadata }) => metadata.name).join(', ')}`);
        return true;
      },
      'a new pod of each',
      { seconds: 90, everyMs: 1000, tell: async () => (await this.refusals()).join('\n') },
    );
    return this.untilPodsAreMade();
  }
  async #done(...args: readonly string[]): Promise<void> {
    const { code, stderr } = await this.kubectl(...args);
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')} ended with ${code}: ${stderr}`);
  }

  /** What controllers could not make, and why. A quota that counted two pods at once says `try again`, and they do. */
  async refusals(): Promise<readonly string[]> {
    const events = await this.all('events');
    return events
      .filter(({ reason, message = '' }) => reason === 'FailedCreate' && !message.endsWith('please try again.'))
      .map(({ message = '' }) => message);
  }

  /** Take it out of the cluster; what it leaves there goes by itself. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.kubectl('delete', 'namespace', '--wait=false', '--ignore-not-found', ...(await this.namespaces()));
    this.#site[Symbol.dispose]();
  }
}

const isFirstOfItsKind = ({ kind, metadata }: Stored, index: number, all: readonly Stored[]): boolean =>
  all.findIndex((one) => one.kind === kind && one.metadata.namespace === metadata.namespace) === index;

const wantedOf = ({ kind, spec }: Stored): number =>
  kind === 'Job' ? Number(spec?.['parallelism'] ?? 1) : Number(spec?.['replicas'] ?? 1);
const podsOf = ({ metadata, spec }: Stored, pods: readonly Stored[]): readonly Stored[] => {
  const selector = (spec?.['selector'] as { readonly matchLabels?: Readonly<Record<string, string>> } | undefined)?.matchLabels ?? {};
  return pods.filter(
    (pod) =>
      pod.metadata.namespace === metadata.namespace &&
      Object.entries(selector).every(([name, value]) => pod.metadata.labels?.[name] === value),
  );
};
