import type { Plan } from '../../model/plan.ts';
import type { PlannedService, Role } from '../../model/planned-service.ts';
import { secretUses } from './secret-uses.ts';

/** Why a secret cannot be drawn anew, or what has to be done once it was. */
export type Rotation =
  | { readonly possible: false; readonly because: string; readonly instead: string }
  | {
      readonly possible: true;
      /** What it means for those who are connected. */
      readonly effect: string;
      /** The shortest way to bring it into force. */
      readonly short: readonly string[];
      /** The way on which requests keep being answered, where that is another one. */
      readonly gentle?: readonly string[];
      /** Whether nothing is refused on that way. Where an engine lets one version in alone, connections that are opened meanwhile are. */
      readonly lossless: boolean;
      /** Where the version before stays good beside the new one: what ends that, and brings it into force. */
      readonly retire?: { readonly command: string; readonly apply: string };
    };

/** Of others it is not known how they take a new secret. */
const known: ReadonlySet<Role> = new Set<Role>(['app', 'cache', 'storage', 'task', 'edge', 'agent', 'relay']);

const unique = (services: readonly PlannedService[]): readonly PlannedService[] => [...new Set(services)];
const listed = (services: readonly PlannedService[]): string => services.map(({ name }) => name).join(', ');

/** The other slot of an application takes over while this one is made anew. */
function throughSlots(plan: Plan, apps: readonly PlannedService[]): readonly string[] | undefined {
  // What nobody calls is made anew at the end.
  const slotted = apps.filter((app) => app.slotted);
  const moves = slotted.flatMap((app) => {
    const [live, ...others] = (plan.release.get(app.name) ?? []).filter(({ weight }) => weight > 0);
    return live && others.length === 0
      ? [{ app: app.name, from: live.slot, to: live.slot === 'blue' ? 'green' : 'blue', image: live.image }]
      : [];
  });
  if (moves.length === 0 || moves.length !== slotted.length) return undefined;
  const each = (text: (move: (typeof moves)[number]) => string, joint: string): string => moves.map(text).join(joint);
  return [
    `in release.yaml, fill ${each(({ app, to, image }) => `${to} of ${app} with \`{ image: ${image}, replicas: 1, weight: 0 }\``, ' and ')}; then \`berth generate\``,
    // With what it depends on, the tasks among it, and with nothing else. Not by --no-deps: Compose 2.26 would make the container anew at the next `up`.
    `docker compose up -d --wait ${each(({ app, to }) => `${app}-${to}`, ' ')}`,
    `in release.yaml, give ${each(({ app, from, to }) => `${app} the weights ${from} 0 and ${to} 100`, ' and ')}; then \`berth generate\`, and wait five seconds`,
    'docker compose up -d --wait',
    `in release.yaml, give ${each(({ app, from }) => `${app} its weights again, ${from} 100`, ' and ')}; then \`berth generate\`, and empty the other slot when all is well`,
  ];
}

/** In a cluster the pods replace each other by themselves; it is over when all of them have. */
function throughPods(plan: Plan, namespace: string, apply: string, apps: readonly PlannedService[]): readonly string[] {
  const deployments = apps.flatMap(({ name, slotted }) =>
    slotted ? (plan.release.get(name) ?? []).filter(({ replicas }) => replicas > 0).map(({ slot }) => `${name}-${slot}`) : [name],
  );
  return [apply, ...deployments.map((name) => `kubectl -n ${namespace} rollout status deployment/${name}`)];
}

function effectOf(
  engines: readonly PlannedService[],
  tasks: readonly PlannedService[],
  apps: readonly PlannedService[],
  overlaps: boolean,
): string {
  if (overlaps && engines.length === 0)
    return `${listed(tasks)} makes it known to its engine, which lets the old one in as well until it is retired`;
  if (engines.length > 0)
    return `${listed(engines)} starts anew with it: whoever needs it waits for those seconds, and a cache without a volume is empty then`;
  if (tasks.length > 0)
    return `${listed(tasks)} makes it known to its engine; connections that are open stay open, and new ones with the old secret are refused from then on`;
  return `${listed(apps)} starts anew with it; what was signed or encrypted with the old one is no longer understood`;
}

/** What it takes to draw a secret of the site anew. */
export function rotationOf(plan: Plan, secret: string): Rotation {
  const apply = plan.kubernetes ? 'kubectl apply -f k8s/secrets && kubectl apply -k k8s/site' : 'docker compose up -d --wait';
  const uses = secretUses(plan, secret);
  const users = unique(uses.map(({ service }) => service));
  if (plan.secrets.some(({ name, supplied }) => name === secret && supplied !== undefined))
    return {
      possible: false,
      because: 'it is somebody else’s, and you supply it',
      instead: `write the new one into secrets/supplied/${secret}, then run \`berth generate\``,
    };
  if (plan.secrets.some(({ name, runtime }) => name === secret && runtime))
    return {
      possible: true,
      lossless: true,
      effect: 'backups are signed with it from the next one on; those of before stay good, as backup/signers.pem keeps who signed them',
      // On one host an agent sees by itself what has changed in the folder of the site.
      short: [...(plan.kubernetes && plan.agents.length > 0 ? [apply] : []), 'berth backup now', 'berth kit export --into FOLDER'],
    };
  if (users.length === 0)
    return {
      possible: false,
      because: 'nothing of the site uses it any more',
      instead: 'leave it where it is: a volume may still know it',
    };
  // A replica and a pool of connections read their own at every start, and an operator is told of a new one.
  const follows = ({ replicaOf, poolOf, operator }: PlannedService): boolean =>
    replicaOf !== undefined || poolOf !== undefined || operator !== undefined;
  const fixed = users.find((user) => user.role === 'database' && user.kind === 'server' && !follows(user));
  if (fixed)
    return {
      possible: false,
      because: `${fixed.name} takes it while its volume is empty and never again: it would keep the old one, and nobody could log in with the new one`,
      instead: 'leave it as it is; it is used on this host only, by the tasks of the site and by those who may read secrets/',
    };
  const unknown = users.find((user) => !known.has(user.role) && !follows(user));
  if (unknown)
    return {
      possible: false,
      because: `${unknown.name} uses it, and this version does not know how that one takes a new secret`,
      instead: 'leave it as it is until a later version can',
    };
  const tasks = users.filter(({ role }) => role === 'task');
  const engines = users.filter(({ kind, operator, role }) => kind === 'server' && role !== 'app' && operator === undefined);
  const apps = users.filter(({ role, kind }) => role === 'app' && kind === 'server');
  const overlaps = plan.secrets.some((one) => one.name === secret && one.overlaps);
  const effect = effectOf(engines, tasks, apps, overlaps);
  const retire = overlaps ? { command: `berth secrets retire ${secret}`, apply } : undefined;
  // At once: the old one counts no more from the moment that the new one does.
  const short = retire ? [retire.command, apply] : [apply];
  const base = { possible: true, effect, lossless: overlaps || tasks.length === 0, ...(retire ? { retire } : {}) } as const;
  const ended = (way: readonly string[]): readonly string[] => (retire ? [...way, retire.command, apply] : way);
  if (plan.kubernetes) {
    // By it they know each other: one by one, the first with the new one would copy nobody.
    const peers = plan.caches.find(({ cache }) => secret === `${cache}-replication`);
    if (!peers && retire && engines.length === 0)
      return { ...base, short, gentle: ended(throughPods(plan, plan.kubernetes.namespace, apply, apps)) };
    if (!peers) return { ...base, short };
    const sets = peers.members.map((name) => `statefulset/${name}`).join(' ');
    return { ...base, short: [`kubectl -n ${plan.kubernetes.namespace} scale ${sets} --replicas=0`, apply] };
  }
  const gentle = engines.length > 0 ? undefined : throughSlots(plan, apps);
  return { ...base, short, ...(gentle ? { gentle: ended(gentle) } : {}) };
}
