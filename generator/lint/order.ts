import { at, entries, list, text } from './check.ts';
import type { Check } from './check.ts';
import { forKind } from './rules.ts';
import { hit, ofKind } from './world.ts';
import type { World } from './world.ts';
import { referencesOf } from './pods.ts';

const label = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;

const levels = ['enforce', 'audit', 'warn'] as const;

export const orderChecks: readonly Check<World>[] = [
  forKind(
    {
      id: 'pod-security',
      rule: 'a namespace enforces, audits and warns of Pod Security `restricted`, at a fixed version',
      reason: 'without it one mistyped manifest runs as root',
      cure: 'add the labels pod-security.kubernetes.io/enforce, audit, warn and their versions',
    },
    'Namespace',
    ({ body }) => {
      const wrong = levels.find(
        (level) =>
          at(body, 'metadata', 'labels', `pod-security.kubernetes.io/${level}`) !== 'restricted' ||
          at(body, 'metadata', 'labels', `pod-security.kubernetes.io/${level}-version`) === undefined,
      );
      return (
        wrong && [
          `metadata.labels.pod-security.kubernetes.io/${wrong}`,
          text(at(body, 'metadata', 'labels', `pod-security.kubernetes.io/${wrong}`)) || 'missing',
        ]
      );
    },
  ),
  ...(['ResourceQuota', 'LimitRange'] as const).map((kind) =>
    forKind(
      {
        id: kind === 'ResourceQuota' ? 'quota' : 'limit-range',
        rule: `a namespace has a ${kind}`,
        reason: 'a fault of one site would starve the others',
        cure: `add a ${kind}`,
      },
      'Namespace',
      ({ name }, world) =>
        ofKind(world, kind).some(({ namespace }) => namespace === name) ? undefined : ['metadata.name', `${name} has none`],
    ),
  ),
  forKind(
    {
      id: 'default-deny',
      rule: 'a namespace denies every connection that no policy allows',
      reason: 'what is forgotten would be open',
      cure: 'add a NetworkPolicy for all pods, without rules',
    },
    'Namespace',
    ({ name }, world) =>
      ofKind(world, 'NetworkPolicy').some(
        ({ namespace, body }) =>
          namespace === name &&
          entries(at(body, 'spec', 'podSelector')).length === 0 &&
          ['Ingress', 'Egress'].every((direction) => list(at(body, 'spec', 'policyTypes')).includes(direction)) &&
          at(body, 'spec', 'ingress') === undefined &&
          at(body, 'spec', 'egress') === undefined,
      )
        ? undefined
        : ['metadata.name', `${name} has none`],
  ),
  ...(
    [
      ['backoffLimit', 'retries', 'a Job that fails tries again a few times, not for ever'],
      ['activeDeadlineSeconds', 'deadline', 'a Job has an end, whatever happens'],
      ['ttlSecondsAfterFinished', 'ttl', 'a Job that has ended goes away'],
    ] as const
  ).map(([field, id, rule]) =>
    forKind(
      { id: `job-${id}`, rule, reason: 'jobs that stay or hang pile up, and hide the one that matters', cure: `set ${field}` },
      'Job',
      ({ body }) => (typeof at(body, 'spec', field) === 'number' ? undefined : [`spec.${field}`, 'missing']),
    ),
  ),
  forKind(
    {
      id: 'job-restart',
      rule: 'a Job tries again in the same pod, or not at all',
      reason: 'the server refuses Always',
      cure: 'set restartPolicy: OnFailure',
    },
    'Job',
    ({ body }) =>
      ['OnFailure', 'Never'].includes(text(at(body, 'spec', 'template', 'spec', 'restartPolicy')))
        ? undefined
        : ['spec.template.spec.restartPolicy', 'missing'],
  ),
  forKind(
    {
      id: 'cron-concurrency',
      rule: 'a CronJob runs once at a time',
      reason: 'a run that takes too long would meet the next, and both would take longer still',
      cure: 'set concurrencyPolicy: Forbid',
    },
    'CronJob',
    ({ body }) => (at(body, 'spec', 'concurrencyPolicy') === 'Forbid' ? undefined : ['spec.concurrencyPolicy', 'missing']),
  ),
  forKind(
    {
      id: 'cron-missed',
      rule: 'a CronJob says how late it may start',
      reason: 'after a hundred missed starts the controller would never start it again',
      cure: 'set startingDeadlineSeconds',
    },
    'CronJob',
    ({ body }) =>
      typeof at(body, 'spec', 'startingDeadlineSeconds') === 'number' ? undefined : ['spec.startingDeadlineSeconds', 'missing'],
  ),
  forKind(
    {
      id: 'cron-deadline',
      rule: 'every run of a CronJob has an end',
      reason: 'one that hangs would keep all others from running',
      cure: 'set activeDeadlineSeconds',
    },
    'CronJob',
    ({ body }) =>
      typeof at(body, 'spec', 'jobTemplate', 'spec', 'activeDeadlineSeconds') === 'number'
        ? undefined
        : ['spec.jobTemplate.spec.activeDeadlineSeconds', 'missing'],
  ),
  forKind(
    {
      id: 'cron-history',
      rule: 'a CronJob keeps a few failed runs',
      reason: 'without them nobody sees why it failed',
      cure: 'set failedJobsHistoryLimit to 1 or more',
    },
    'CronJob',
    ({ body }) => (Number(at(body, 'spec', 'failedJobsHistoryLimit') ?? 0) > 0 ? undefined : ['spec.failedJobsHistoryLimit', 'missing']),
  ),

  {
    id: 'references',
    rule: 'everything that a pod refers to is there',
    reason: 'the pod would wait for ever',
    cure: 'correct the name, or add what is missing',
    *find(world) {
      for (const workload of world.workloads)
        for (const { kind, name, key } of referencesOf(workload)) {
          const found = world.objects.find(
            (object) =>
              object.kind === kind && object.name === name && (object.namespace === workload.namespace || object.namespace === ''),
          );
          const there = kind === 'Secret' ? world.secrets.has(`${workload.namespace}/${name}/${key ?? ''}`) : found !== undefined;
          if (!there)
            yield hit(
              workload,
              workload.podPath,
              `no ${kind} ${name}${kind === 'Secret' && key !== undefined ? ` with the key ${key}` : ''}`,
            );
        }
    },
  },
  {
    id: 'twice',
    rule: 'every object is there once',
    reason: 'the second would overwrite the first',
    cure: 'give one of them another name',
    *find({ objects }) {
      const seen = new Set<string>();
      for (const object of objects) {
        if (seen.has(object.id)) yield hit(object, 'metadata.name', object.name);
        seen.add(object.id);
      }
    },
  },
  {
    id: 'names',
    rule: 'every name is legal, also with what a controller appends to it',
    reason: 'the server would refuse it, or the pods of it',
    cure: 'give it a shorter name of lower-case letters, digits and -',
    *find({ objects }) {
      // A StatefulSet appends the number of a pod, and its revision in a label.
      const longest: Readonly<Record<string, number>> = { StatefulSet: 52, CronJob: 52 };
      for (const object of objects)
        if (!label.test(object.name) || object.name.length > (longest[object.kind] ?? 63)) yield hit(object, 'metadata.name', object.name);
    },
  },
  {
    id: 'labels',
    rule: 'every object says what it belongs to',
    reason: 'nobody could find all of a site, or delete it',
    cure: 'add app.kubernetes.io/instance and app.kubernetes.io/managed-by',
    *find({ objects }) {
      for (const object of objects)
        for (const key of ['app.kubernetes.io/instance', 'app.kubernetes.io/managed-by'])
          if (at(object.body, 'metadata', 'labels', key) === undefined) yield hit(object, 'metadata.labels', `no ${key}`);
    },
  },
  {
    id: 'namespace',
    rule: 'every object says its namespace',
    reason: 'it would land where the next kubectl happens to point',
    cure: 'add metadata.namespace',
    *find({ objects }) {
      for (const object of objects)
        if (object.namespace === '' && !['Namespace', 'PriorityClass'].includes(object.kind))
          yield hit(object, 'metadata.namespace', 'missing');
    },
  },
  forKind(
    {
      id: 'secret-manifest',
      rule: 'no Secret stands among what is generated',
      reason: 'k8s/generated is read and copied',
      cure: 'write it to k8s/secrets',
    },
    'Secret',
    ({ name }) => ['metadata.name', name],
  ),
  forKind(
    {
      id: 'account-token',
      rule: 'no account gives a token to its pods',
      reason: 'a pod that forgets to refuse it would have one',
      cure: 'set automountServiceAccountToken: false',
    },
    'ServiceAccount',
    ({ body }) => (at(body, 'automountServiceAccountToken') === false ? undefined : ['automountServiceAccountToken', 'missing']),
  ),
  forKind(
    {
      id: 'ingress-class',
      rule: 'an Ingress names its class',
      reason: 'without one every controller takes it, or none',
      cure: 'set ingressClassName',
    },
    'Ingress',
    ({ body }) => (text(at(body, 'spec', 'ingressClassName')) === '' ? ['spec.ingressClassName', 'missing'] : undefined),
  ),
];
