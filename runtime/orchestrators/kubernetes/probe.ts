import type { ClusterFacts, ProbeOutcome } from '../../../model/cluster-facts.ts';
import type { ClusterNeeds, VolumeNeed } from '../../../model/cluster-needs.ts';
import { BerthError } from '../../../model/errors.ts';
import type { Client } from './client.ts';
import { refusal, statusOf, withoutTokens } from './failures.ts';
import { listOf } from './list.ts';
import { managedBy } from './objects.ts';
import type { ClaimObject, KubernetesObject, PodObject } from './objects.ts';
import { follow } from './watch.ts';

export interface ProbeOptions {
  readonly namespace: string;
  /** A namespace that is not there yet is made for the time of the probe. */
  readonly namespaceExists: boolean;
  /** Makes names that nobody else has. */
  readonly id: string;
  readonly deadlineSeconds: number;
  /** Where images are had from: `Always` asks the registry though a node has them. */
  readonly imagePullPolicy: 'IfNotPresent' | 'Always';
  readonly signal?: AbortSignal;
}

export type Probed = Required<Pick<ClusterFacts, 'images' | 'writes'>> & {
  /** What could not be taken away again, and how to do it by hand. */
  readonly leftovers: readonly string[];
};

interface Scene {
  /** Stops at the signal. */
  readonly client: Client;
  /** Does not: what is being made must be known to be made, or it could not be taken away. */
  readonly steady: Client;
  readonly needs: ClusterNeeds;
  readonly options: ProbeOptions;
  readonly namespace: string;
  /** Ends with the deadline. */
  readonly signal: AbortSignal;
  /** Paths of what was made, in that order. */
  readonly made: string[];
}

const nobody = 65_534;
const labelsOf = ({ options }: Scene): Readonly<Record<string, string>> => ({ [managedBy]: 'berth', 'berth/probe': options.id });
const folder = (namespace: string, resource: string): string => `/api/v1/namespaces/${namespace}/${resource}`;

/** Pod Security `restricted`, a little of everything that quotas ask for, and an end of its own should nobody clean up. */
const podSpec = (scene: Scene, uid: number, gid: number, container: object, more: object = {}): object => ({
  restartPolicy: 'Never',
  activeDeadlineSeconds: scene.options.deadlineSeconds,
  terminationGracePeriodSeconds: 0,
  automountServiceAccountToken: false,
  enableServiceLinks: false,
  securityContext: { runAsNonRoot: true, runAsUser: uid, runAsGroup: gid, fsGroup: gid, seccompProfile: { type: 'RuntimeDefault' } },
  ...(scene.needs.pullSecret === undefined ? {} : { imagePullSecrets: [{ name: scene.needs.pullSecret }] }),
  containers: [
    {
      name: 'probe',
      imagePullPolicy: scene.options.imagePullPolicy,
      terminationMessagePolicy: 'FallbackToLogsOnError',
      securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
      resources: { requests: { cpu: '10m', memory: '32Mi' }, limits: { cpu: '100m', memory: '32Mi' } },
      ...container,
    },
  ],
  ...more,
});

/** Make an object and note it for the end, before it is certain that it was made. */
async function make(scene: Scene, resource: string, name: string, body: object): Promise<ProbeOutcome | undefined> {
  const path = folder(scene.namespace, resource);
  scene.made.push(`${path}/${name}`);
  const { status, body: answer } = await scene.steady.ask('POST', path, {
    deed: `create ${resource} in ${scene.namespace}`,
    body: { ...body, metadata: { name, namespace: scene.namespace, labels: labelsOf(scene) } },
  });
  if (status === 200 || status === 201) return undefined;
  // What is refused is not there. What is there already was not made here.
  scene.made.splice(scene.made.indexOf(`${path}/${name}`), 1);
  const said = withoutTokens(statusOf(answer).message) || `the cluster answered ${status}`;
  // Not allowed to try is no answer to the question.
  return { outcome: status === 403 ? 'unknown' : 'failed', detail: said };
}

/** Watch one pod until it says what it was made for. */
async function outcomeOf(scene: Scene, pod: string, judge: (pod: PodObject) => ProbeOutcome | undefined): Promise<ProbeOutcome> {
  let last: PodObject = {};
  const sights = follow<PodObject>(scene.client, folder(scene.namespace, 'pods'), {
    deed: `watch pods in ${scene.namespace}`,
    query: { fieldSelector: `metadata.name=${pod}` },
    signal: scene.signal,
  });
  for await (const { object, gone } of sights) {
    if (gone) return { outcome: 'unknown', detail: 'somebody deleted its pod' };
    last = object;
    const found = judge(object);
    if (found) return found;
  }
  if (scene.options.signal?.aborted) throw new BerthError('interrupted', 'stopped', 'run the command again');
  const waits = last.status?.conditions?.find(({ status, message }) => status === 'False' && message !== undefined)?.message;
  return {
    outcome: 'unknown',
    detail: `nothing was decided within ${scene.options.deadlineSeconds} s${waits === undefined ? '' : `: ${waits}`}`,
  };
}

const pullFailures =
  /^(ErrImagePull|ImagePullBackOff|InvalidImageName|ErrImageNeverPull|ImageInspectError|RegistryUnavailable|SignatureValidationFailed)$/;
const before = /^(ContainerCreating|PodInitializing)?$/;

/** Whatever a container does or fails to do after its image is there: the image is there. */
export function judgePull({ status = {} }: PodObject): ProbeOutcome | undefined {
  const [container] = status.containerStatuses ?? [];
  const { waiting, running, terminated } = container?.state ?? {};
  if (waiting && pullFailures.test(waiting.reason ?? '')) return { outcome: 'failed', detail: waiting.message ?? waiting.reason ?? '' };
  if (running || terminated || (container?.imageID ?? '') !== '' || (waiting && !before.test(waiting.reason ?? '')))
    return { outcome: 'done', detail: '' };
  return undefined;
}

export function judgeWrite(pod: PodObject): ProbeOutcome | undefined {
  const terminated = pod.status?.containerStatuses?.[0]?.state?.terminated;
  if (pod.status?.phase === 'Succeeded' || terminated?.exitCode === 0) return { outcome: 'done', detail: '' };
  if (/^(StartError|ContainerCannotRun)$/.test(terminated?.reason ?? ''))
    return { outcome: 'unknown', detail: 'its image has no shell to try it with' };
  if (terminated || pod.status?.phase === 'Failed')
    return { outcome: 'failed', detail: (terminated?.message ?? terminated?.reason ?? 'its pod failed').trim().split('\n').at(-1) ?? '' };
  const pull = judgePull(pod);
  return pull?.outcome === 'failed' ? { outcome: 'unknown', detail: `its image could not be had: ${pull.detail}` } : undefined;
}

async function probeImage(scene: Scene, reference: string, index: number): Promise<ProbeOutcome & { readonly reference: string }> {
  const name = `berth-probe-${scene.options.id}-image-${index}`;
  const body = {
    apiVersion: 'v1',
    kind: 'Pod',
    // A program that no image has: the image is fetched, and nothing of it runs.
    spec: podSpec(scene, nobody, nobody, { image: reference, command: ['/berth-probe-runs-nothing'] }),
  };
  const found = (await make(scene, 'pods', name, body)) ?? (await outcomeOf(scene, name, judgePull));
  const credentials = scene.options.namespaceExists ? undefined : scene.needs.pullSecret;
  return found.outcome === 'failed' && credentials !== undefined
    ? { reference, outcome: 'unknown', detail: `${found.detail}; the Secret ${credentials} is not in the temporary namespace` }
    : { reference, ...found };
}

type Write = Pick<VolumeNeed, 'storageClass' | 'many' | 'uid' | 'gid' | 'image'>;

/** What the volume itself says while it is not there. */
async function whyNoVolume(scene: Scene, claim: string): Promise<string> {
  const events = await listOf<KubernetesObject & { readonly message?: string }>(
    scene.client,
    folder(scene.namespace, 'events'),
    'list events',
    { fieldSelector: `involvedObject.name=${claim}` },
  );
  return events === 'unknown' ? '' : (events.at(-1)?.message ?? '');
}

async function probeWrite(scene: Scene, { storageClass, many, uid, gid, image }: Write, index: number): Promise<Probed['writes'][number]> {
  const name = `berth-probe-${scene.options.id}-write-${index}`;
  const asked = { ...(storageClass === undefined ? {} : { storageClass }), uid, gid };
  const reference = image ?? scene.needs.images[0]?.reference;
  if (reference === undefined) return { ...asked, outcome: 'unknown', detail: 'the site has no image to try it with' };
  const claim = await make(scene, 'persistentvolumeclaims', name, {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    spec: {
      accessModes: [many ? 'ReadWriteMany' : 'ReadWriteOnce'],
      ...(storageClass === undefined ? {} : { storageClassName: storageClass }),
      resources: { requests: { storage: '1Gi' } },
    },
  });
  if (claim) return { ...asked, ...claim };
  const pod = await make(scene, 'pods', name, {
    apiVersion: 'v1',
    kind: 'Pod',
    spec: podSpec(
      scene,
      uid,
      gid,
      {
        image: reference,
        command: [
          '/bin/sh',
          '-c',
          'mkdir /volume/berth && echo berth > /volume/berth/probe && read back < /volume/berth/probe && test "$back" = berth',
        ],
        volumeMounts: [{ name: 'volume', mountPath: '/volume' }],
      },
      { volumes: [{ name: 'volume', persistentVolumeClaim: { claimName: name } }] },
    ),
  });
  if (pod) return { ...asked, ...pod };
  const outcome = await outcomeOf(scene, name, judgeWrite);
  const reason = outcome.outcome === 'unknown' ? await whyNoVolume(scene, name) : '';
  return { ...asked, ...outcome, detail: reason === '' ? outcome.detail : `${outcome.detail}; the volume says: ${withoutTokens(reason)}` };
}

/** Volumes of a class that keeps them would stay behind: of these, first say that this one goes with its claim. */
async function forgetVolume(client: Client, path: string): Promise<string | undefined> {
  const { status, body } = await client.ask('GET', path, { deed: 'read a volume claim' });
  const volume = status === 200 ? (body as ClaimObject).spec?.volumeName : undefined;
  if (volume === undefined) return undefined;
  const answer = await client.ask('PATCH', `/api/v1/persistentvolumes/${volume}`, {
    deed: 'change a volume',
    contentType: 'application/merge-patch+json',
    body: { spec: { persistentVolumeReclaimPolicy: 'Delete' } },
  });
  return answer.status === 200 ? undefined : `the volume ${volume}, unless its class deletes it: \`kubectl delete pv ${volume}\``;
}

/** Last made, first deleted. What is gone already is fine. */
async function cleanUp(client: Client, made: readonly string[]): Promise<readonly string[]> {
  const leftovers: string[] = [];
  for (const path of made.toReversed()) {
    const [name = '', resource = '', namespace = ''] = path.split('/').toReversed();
    const typed = `kubectl delete ${resource} ${name}${resource === 'namespaces' ? '' : ` --namespace ${namespace}`}`;
    try {
      const volume = resource === 'persistentvolumeclaims' ? await forgetVolume(client, path) : undefined;
      if (volume !== undefined) leftovers.push(volume);
      const { status } = await client.ask('DELETE', path, { deed: `delete ${name}`, query: { propagationPolicy: 'Background' } });
      if (status >= 300 && status !== 404) leftovers.push(`\`${typed}\` (the cluster answered ${status})`);
    } catch (error) {
      leftovers.push(`\`${typed}\` (${error instanceof Error ? error.message : ''})`);
    }
  }
  return leftovers;
}

const unique = <T>(all: readonly T[], key: (one: T) => string): readonly T[] => [...new Map(all.map((one) => [key(one), one])).values()];

const accountTries = 20;
const accountPause = 500;

/** A new namespace refuses pods until its account `default` is there, which takes the cluster a moment. */
async function accountThere(client: Client, namespace: string): Promise<void> {
  for (let attempt = 0; attempt < accountTries; attempt += 1) {
    const { status } = await client.ask('GET', `${folder(namespace, 'serviceaccounts')}/default`, {
      deed: `read an account in ${namespace}`,
    });
    if (status !== 404) return;
    await client.clock.sleep(accountPause);
  }
}

/** A namespace of its own, with the rules of the real one. */
async function makeNamespace(client: Client, name: string, options: ProbeOptions, made: string[]): Promise<void> {
  made.push(`/api/v1/namespaces/${name}`);
  const { status, body } = await client.ask('POST', '/api/v1/namespaces', {
    deed: `create the namespace ${name}`,
    body: {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name, labels: { [managedBy]: 'berth', 'berth/probe': options.id, 'pod-security.kubernetes.io/enforce': 'restricted' } },
    },
  });
  if (status >= 300) {
    made.pop();
    throw refusal(status, body, `create the namespace ${name}`, client.server);
  }
  await accountThere(client, name);
}

/** Once all have ended, the first failure or all results: nothing may still be made while it is cleaned up. */
async function allEnded<T>(tasks: readonly Promise<T>[]): Promise<readonly T[]> {
  const ended = await Promise.allSettled(tasks);
  return ended.map((one) => {
    if (one.status === 'rejected') throw one.reason;
    return one.value;
  });
}

/**
 * Try what cannot be read: whether nodes get the images, and whether volumes take what a service writes. Makes pods and claims, and takes them away again
 * whatever happens.
 * @param client - stops at the signal of the options.
 * @param steady - the same, but does not.
 */
export async function probe(client: Client, steady: Client, needs: ClusterNeeds, options: ProbeOptions): Promise<Probed> {
  const limit = client.clock.deadline(options.deadlineSeconds * 1000);
  const made: string[] = [];
  const namespace = options.namespaceExists ? options.namespace : `berth-probe-${options.id}`;
  const signal = options.signal ? AbortSignal.any([limit, options.signal]) : limit;
  const scene: Scene = { client, steady, needs, options, namespace, signal, made };
  const images = unique(needs.images, ({ reference }) => reference);
  const volumes = unique(needs.volumes, ({ storageClass = '', many = false, uid, gid }) => `${storageClass} ${String(many)} ${uid} ${gid}`);
  let leftovers: readonly string[] = [];
  let tried: Omit<Probed, 'leftovers'>;
  try {
    if (!options.namespaceExists) await makeNamespace(steady, namespace, options, made);
    const running = [
      allEnded(images.map(({ reference }, index) => probeImage(scene, reference, index))),
      allEnded(volumes.map((volume, index) => probeWrite(scene, volume, index))),
    ] as const;
    await Promise.allSettled(running);
    tried = { images: await running[0], writes: await running[1] };
  } finally {
    leftovers = await cleanUp(steady, made);
  }
  return { ...tried, leftovers };
}
