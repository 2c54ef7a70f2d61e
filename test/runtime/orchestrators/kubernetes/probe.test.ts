import { describe, expect, test } from 'vitest';
import { judgePull, judgeWrite, probe } from '../../../../runtime/orchestrators/kubernetes/probe.ts';
import type { ProbeOptions } from '../../../../runtime/orchestrators/kubernetes/probe.ts';
import { needs, volume } from '../../../generator/doctor/needs-fixture.ts';
import { clientOf, testClock } from './kubeconfig-fixture.ts';
import { startScriptedServer, status } from './scripted-api-server.ts';
import type { Asked, Reply, ScriptedServer } from './scripted-api-server.ts';

type Body = { readonly metadata: { readonly name: string }; readonly spec: { readonly containers: readonly { readonly image: string }[] } };
const options: ProbeOptions = {
  namespace: 'hello',
  namespaceExists: true,
  id: 'ab12',
  deadlineSeconds: 60,
  imagePullPolicy: 'IfNotPresent',
};
const state = (more: object, phase = 'Pending'): object => ({ phase, containerStatuses: [{ state: more }] });
const succeeded = state({ terminated: { exitCode: 0 } }, 'Succeeded');

/** A cluster in which pods end up as `statusOf` says. It remembers what is there. */
function pretend(statusOf: (image: string, name: string) => object, refuse: (asked: Asked) => Reply | undefined = () => undefined) {
  const there = new Map<string, Body>();
  const script = (asked: Asked): Reply => {
    const refusal = refuse(asked);
    if (refusal) return refusal;
    const { method, path, query, body } = asked;
    if (method === 'POST') {
      there.set(`${path}/${(body as Body).metadata.name}`, body as Body);
      return { status: 201, body };
    }
    if (method === 'DELETE') return there.delete(path) ? {} : status(404, 'not found');
    if (method === 'PATCH') return {};
    if (path.endsWith('/events')) return { body: { items: [{ message: 'waiting for a volume to be created' }], metadata: {} } };
    if (path.includes('/persistentvolumeclaims/')) return { body: { spec: { volumeName: 'pv-1' } } };
    const name = /^metadata\.name=(.*)$/.exec(query['fieldSelector'] ?? '')?.[1] ?? '';
    const pod = there.get(`${path}/${name}`);
    return {
      body: {
        metadata: { resourceVersion: '1' },
        items: pod ? [{ ...pod, status: statusOf(pod.spec.containers[0]?.image ?? '', name) }] : [],
      },
    };
  };
  return { there, script };
}

const made = (stand: ScriptedServer): readonly string[] =>
  stand.asked.filter(({ method }) => method === 'POST').map(({ path, body }) => `${path}/${(body as Body).metadata.name}`);
const taken = (stand: ScriptedServer): readonly string[] => stand.asked.filter(({ method }) => method === 'DELETE').map(({ path }) => path);

describe('a probe of the scripted stand-in', () => {
  test('says of each image whether it came and of each volume whether it takes writes, and leaves nothing', async () => {
    const { there, script } = pretend((image) =>
      image === 'missing:1' ? state({ waiting: { reason: 'ErrImagePull', message: 'manifest unknown' } }) : succeeded,
    );
    await using stand = await startScriptedServer(script);
    const client = await clientOf(stand);
    const wants = needs({
      images: [
        { reference: 'good:1', service: 'web' },
        { reference: 'missing:1', service: 'web' },
        { reference: 'good:1', service: 'again' },
      ],
      volumes: [
        volume('a', { uid: 999, gid: 998, image: 'db:1' }),
        volume('b', { uid: 999, gid: 998 }),
        volume('c', { uid: 1000, gid: 1000, storageClass: 'nfs', image: 'db:1' }),
      ],
    });
    expect(await probe(client, client, wants, options)).toEqual({
      images: [
        { reference: 'good:1', outcome: 'done', detail: '' },
        { reference: 'missing:1', outcome: 'failed', detail: 'manifest unknown' },
      ],
      writes: [
        { uid: 999, gid: 998, outcome: 'done', detail: '' },
        { storageClass: 'nfs', uid: 1000, gid: 1000, outcome: 'done', detail: '' },
      ],
      leftovers: [],
    });
    expect([...there]).toEqual([]);
    expect(taken(stand).toSorted()).toEqual(made(stand).toSorted());
    // Otherwise a class that keeps volumes would keep this one.
    expect(stand.asked.filter(({ method }) => method === 'PATCH')).toMatchObject([
      { path: '/api/v1/persistentvolumes/pv-1', body: { spec: { persistentVolumeReclaimPolicy: 'Delete' } } },
      {},
    ]);
  });

  test('keeps to the restricted level, as the service that will write', async () => {
    const { script } = pretend(() => succeeded);
    await using stand = await startScriptedServer(script);
    const client = await clientOf(stand);
    await probe(client, client, needs({ pullSecret: 'registry', volumes: [volume('a', { uid: 70, gid: 71, image: 'db:1' })] }), options);
    const pods = stand.asked.filter(({ method, path }) => method === 'POST' && path.endsWith('/pods')).map(({ body }) => body);
    expect(pods).toHaveLength(2);
    for (const pod of pods)
      expect(pod).toMatchObject({
        spec: {
          restartPolicy: 'Never',
          activeDeadlineSeconds: 60,
          imagePullSecrets: [{ name: 'registry' }],
          securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
          containers: [
            { imagePullPolicy: 'IfNotPresent', securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } } },
          ],
        },
      });
    expect(pods).toContainEqual(
      expect.objectContaining({
        spec: expect.objectContaining({
          securityContext: expect.objectContaining({ runAsUser: 70, runAsGroup: 71, fsGroup: 71 }) as object,
        }) as object,
      }),
    );
  });

  test('makes a namespace for its time where there is none', async () => {
    const { there, script } = pretend(() => succeeded);
    await using stand = await startScriptedServer(script);
    const client = await clientOf(stand);
    await probe(client, client, needs({ volumes: [] }), { ...options, namespaceExists: false });
    expect(made(stand)).toEqual([
      '/api/v1/namespaces/berth-probe-ab12',
      '/api/v1/namespaces/berth-probe-ab12/pods/berth-probe-ab12-image-0',
    ]);
    expect([...there]).toEqual([]);
  });

  test('waits in a new namespace for the account without which it refuses pods', async () => {
    const answers = [status(404, 'not found'), status(404, 'not found')];
    const { script } = pretend(
      () => succeeded,
      ({ path }) => (path.endsWith('/serviceaccounts/default') ? answers.shift() : undefined),
    );
    await using stand = await startScriptedServer(script);
    const [client, clock] = [await clientOf(stand), testClock()];
    await probe(client, await clientOf(stand, { clock }), needs({ volumes: [] }), { ...options, namespaceExists: false });
    expect(clock.slept).toEqual([500, 500]);
    const paths = stand.asked.map(({ path }) => path);
    expect(paths.lastIndexOf('/api/v1/namespaces/berth-probe-ab12/serviceaccounts/default')).toBeLessThan(
      paths.indexOf('/api/v1/namespaces/berth-probe-ab12/pods'),
    );
  });

  test('ends at its deadline with what was seen last, and cleans up', async () => {
    const clock = testClock();
    const waiting = { phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'False', message: '0/3 nodes are available' }] };
    const { there, script } = pretend(
      () => waiting,
      ({ query }) => {
        if (query['watch'] !== undefined) setImmediate(clock.expire);
        return undefined;
      },
    );
    await using stand = await startScriptedServer(script);
    const found = await probe(
      await clientOf(stand, { clock }),
      await clientOf(stand),
      needs({ images: [], volumes: [volume('a', { image: 'db:1' })] }),
      options,
    );
    expect(found.writes).toMatchObject([
      { outcome: 'unknown', detail: expect.stringMatching(/within 60 s: 0\/3 nodes are available/) as string },
    ]);
    expect([...there]).toEqual([]);
  });

  test('cleans up when it is stopped', async () => {
    const stop = new AbortController();
    const { there, script } = pretend(() => {
      setImmediate(() => stop.abort());
      return state({ waiting: { reason: 'ContainerCreating' } });
    });
    await using stand = await startScriptedServer(script);
    const asked = probe(await clientOf(stand, { signal: stop.signal }), await clientOf(stand), needs(), {
      ...options,
      signal: stop.signal,
    });
    await expect(asked).rejects.toMatchObject({ name: 'BerthError', kind: 'interrupted' });
    expect(made(stand).length).toBeGreaterThan(1);
    expect([...there]).toEqual([]);
  });

  test('does not take "not allowed to try" for a failure', async () => {
    const { script } = pretend(
      () => succeeded,
      ({ method }) => (method === 'POST' ? status(403, 'pods is forbidden: exceeded quota') : undefined),
    );
    await using stand = await startScriptedServer(script);
    const client = await clientOf(stand);
    expect(await probe(client, client, needs(), options)).toMatchObject({
      images: [{ outcome: 'unknown', detail: 'pods is forbidden: exceeded quota' }],
      writes: [{ outcome: 'unknown' }],
      leftovers: [],
    });
    expect(taken(stand)).toEqual([]);
  });

  test('says what it could not take away', async () => {
    const { script } = pretend(
      () => succeeded,
      ({ method }) => (method === 'DELETE' ? status(403, 'forbidden') : undefined),
    );
    await using stand = await startScriptedServer(script);
    const client = await clientOf(stand);
    expect((await probe(client, client, needs({ volumes: [] }), options)).leftovers).toEqual([
      '`kubectl delete pods berth-probe-ab12-image-0 --namespace hello` (the cluster answered 403)',
    ]);
  });
});

test.each([
  ['nothing yet', {}, undefined],
  ['being created', state({ waiting: { reason: 'ContainerCreating' } }), undefined],
  ['pulled, and its program is not there', state({ terminated: { exitCode: 128, reason: 'StartError' } }, 'Failed'), 'done'],
  ['pulled, and not made', state({ waiting: { reason: 'CreateContainerError' } }), 'done'],
  ['running', state({ running: {} }), 'done'],
  ['not pulled', state({ waiting: { reason: 'ImagePullBackOff', message: 'Back-off' } }), 'failed'],
  ['a name that is none', state({ waiting: { reason: 'InvalidImageName' } }), 'failed'],
])('an image whose pod is %s', (_, podStatus, outcome) => {
  expect(judgePull({ status: podStatus })?.outcome).toBe(outcome);
});

test.each([
  ['waiting for its volume', { phase: 'Pending' }, undefined],
  ['done', succeeded, { outcome: 'done' }],
  [
    'refused by the volume',
    state({ terminated: { exitCode: 1, message: "mkdir: can't create\n/volume/berth: Permission denied\n" } }, 'Failed'),
    { outcome: 'failed', detail: '/volume/berth: Permission denied' },
  ],
  [
    'without a shell',
    state({ terminated: { exitCode: 128, reason: 'StartError', message: 'no such file' } }, 'Failed'),
    { outcome: 'unknown' },
  ],
  [
    'without its image',
    state({ waiting: { reason: 'ErrImagePull', message: 'gone' } }),
    { outcome: 'unknown', detail: 'its image could not be had: gone' },
  ],
])('a write whose pod is %s', (_, podStatus, outcome) => {
  if (outcome === undefined) expect(judgeWrite({ status: podStatus })).toBeUndefined();
  else expect(judgeWrite({ status: podStatus })).toMatchObject(outcome);
});
