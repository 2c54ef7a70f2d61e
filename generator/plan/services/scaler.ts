import type { PlannedService, Size } from '../../../model/planned-service.ts';
import { slots } from '../../../model/release.ts';
import type { AppSpec, Scaling } from '../../../model/app-spec.ts';
import type { StackSpec } from '../../../model/stack-spec.ts';
import { mib, seconds } from '../../../model/units.ts';

/** Its image may have to be fetched first. */
const deadline = seconds(600);
const account = '/var/run/secrets/kubernetes.io/serviceaccount';
/** The name that every cluster gives its API server. */
const api = 'kubernetes.default.svc';

const autoscalers = (app: AppSpec): readonly string[] => (app.http ? slots.map((slot) => `${app.name}-${slot}`) : [app.name]);

/** Sends one change to every autoscaler of an application; the token goes by standard input, so that no list of processes shows it. */
const patch = (app: AppSpec, namespace: string, type: string, body: string, accepts: string): readonly [string, ...string[]] => [
  '/bin/sh',
  '-c',
  `for name in ${autoscalers(app).join(' ')}; do
  code=$(printf 'Authorization: Bearer %s' "$(cat ${account}/token)" | curl --silent --show-error --max-time 30 --retry 3 --output /tmp/answer --write-out '%{http_code}' --cacert ${account}/ca.crt --header @- --header 'Content-Type: application/${type}' --request PATCH --data "$1" https://${api}/apis/autoscaling/v2/namespaces/${namespace}/horizontalpodautoscalers/$name) || exit 1
  case $code in ${accepts}) ;; *) cat /tmp/answer >&2; exit 1 ;; esac
done`,
  'sh',
  body,
];

const base = (app: AppSpec, size: Size, image: { readonly user: string }): Omit<PlannedService, 'name' | 'title' | 'kind'> => ({
  role: 'task',
  image: 'nginx',
  slotted: false,
  replicas: 1,
  size,
  user: image.user,
  env: {},
  secretEnv: {},
  secretFiles: [],
  mounts: [],
  volumes: [],
  tmpfs: [{ path: '/tmp', size: mib(16), mode: '1777' }],
  ports: [],
  connects: [],
  rights: [{ group: 'autoscaling', resource: 'horizontalpodautoscalers', names: autoscalers(app), verbs: ['get', 'patch'] }],
  gates: [],
  deadline,
  stopGrace: seconds(10),
  networks: ['egress'],
  after: [],
});

/** A number that is still as the server made it becomes the one of the spec; one that a schedule has set is left alone, with 422. */
const initial = (min: number): string =>
  JSON.stringify([
    { op: 'test', path: '/spec/minReplicas', value: 1 },
    { op: 'replace', path: '/spec/minReplicas', value: min },
  ]);

/**
 * What changes the fewest replicas of an application at set times. The autoscaler goes on to choose above that number, and an apply, whose manifests
 * do not name it, leaves it as the schedule set it. Only a cluster has autoscalers.
 */
export function planScalers(app: AppSpec, spec: StackSpec, size: Size, image: { readonly user: string }): readonly PlannedService[] {
  const scaling: Scaling | undefined = spec.target === 'kubernetes' ? app.scaling : undefined;
  if (!scaling?.schedule) return [];
  const { times, timeZone } = scaling.schedule;
  const common = base(app, size, image);
  const { namespace } = spec.kubernetes;
  return [
    {
      ...common,
      name: `${app.name}-scale`,
      title: `gives the autoscalers of ${app.name} their first number of replicas; changes nothing later`,
      kind: 'task',
      entrypoint: patch(app, namespace, 'json-patch+json', initial(scaling.min), '200 | 422'),
    },
    ...times.map(({ cron, min }, index): PlannedService => ({
      ...common,
      name: `${app.name}-scale-${index + 1}`,
      title: `at ${cron} (${timeZone}), ${app.name} has ${min} replicas at least`,
      kind: 'job',
      schedule: { cron, timeZone, deadline },
      entrypoint: patch(app, namespace, 'merge-patch+json', JSON.stringify({ spec: { minReplicas: min } }), '200'),
    })),
  ];
}
