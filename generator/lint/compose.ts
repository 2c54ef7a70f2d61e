import { at, entries, list, namesSecret, namesVersion, text } from './check.ts';
import type { Check, Json } from './check.ts';

/** A Compose project, and whether a service is one that runs to its end. */
export interface Project {
  readonly body: Json;
}

const services = ({ body }: Project): readonly (readonly [name: string, service: Json])[] => entries(at(body, 'services'));
const isTask = (service: Json): boolean => at(service, 'restart') === 'no';
const isRelay = (service: Json): boolean => at(service, 'labels', 'berth.role') === 'relay';
/** By name alone, or each with what is said of it. */
const networksOf = (service: Json): readonly string[] => {
  const networks = at(service, 'networks');
  return Array.isArray(networks) ? networks.map(text) : entries(networks).map(([name]) => name);
};
const isEdge = (service: Json): boolean => at(service, 'labels', 'berth.role') === 'edge';

const forServices = (
  about: Pick<Check<Project>, 'id' | 'rule' | 'reason' | 'cure'>,
  path: string,
  broken: (service: Json, project: Project) => string | undefined,
): Check<Project> => ({
  ...about,
  *find(project) {
    for (const [name, service] of services(project)) {
      const found = broken(service, project);
      if (found !== undefined) yield { object: `service ${name}`, path: `services.${name}.${path}`, found };
    }
  },
});
const unless = (value: Json, wanted: Json): string | undefined =>
  value === wanted ? undefined : value === undefined ? 'missing' : text(value);
const limit = (service: Json, what: string): Json => at(service, 'deploy', 'resources', 'limits', what);

export const composeChecks: readonly Check<Project>[] = [
  forServices(
    {
      id: 'compose-user',
      rule: 'every container runs as a user that is not root',
      reason: 'root in a container is root on the host once it gets out',
      cure: 'set user: "uid:gid"',
    },
    'user',
    (service) => (/^[1-9]\d*:[1-9]\d*$/.test(text(at(service, 'user'))) ? undefined : text(at(service, 'user')) || 'missing'),
  ),
  forServices(
    {
      id: 'compose-read-only-root',
      rule: 'every container has a read-only root',
      reason: 'what breaks in cannot leave anything behind',
      cure: 'set read_only: true, and tmpfs where it must write',
    },
    'read_only',
    (service) => unless(at(service, 'read_only'), true),
  ),
  forServices(
    {
      id: 'compose-capabilities',
      rule: 'every container drops all capabilities and adds none',
      reason: 'none of what Berth runs needs one',
      cure: 'set cap_drop: [ALL]',
    },
    'cap_drop',
    (service) =>
      list(at(service, 'cap_drop')).includes('ALL') && at(service, 'cap_add') === undefined
        ? undefined
        : text(at(service, 'cap_add')) || 'missing',
  ),
  forServices(
    {
      id: 'compose-no-escalation',
      rule: 'no process gains rights',
      reason: 'a setuid program would make a user root',
      cure: 'set security_opt: ["no-new-privileges:true"]',
    },
    'security_opt',
    (service) => (list(at(service, 'security_opt')).includes('no-new-privileges:true') ? undefined : 'missing'),
  ),
  forServices(
    {
      id: 'compose-privileged',
      rule: 'no container is privileged or shares namespaces with its host',
      reason: 'it would be the host',
      cure: 'remove privileged, pid, ipc and network_mode',
    },
    'privileged',
    (service) => ['privileged', 'pid', 'ipc', 'network_mode', 'userns_mode'].find((key) => at(service, key) !== undefined),
  ),
  forServices(
    {
      id: 'compose-engine-socket',
      rule: 'no container is given the engine’s socket',
      reason: 'whoever speaks to the engine is root on the host',
      cure: 'remove the mount',
    },
    'volumes',
    (service) =>
      list(at(service, 'volumes'))
        .map((mount) => text(at(mount, 'source')) || text(mount))
        .find((source) => source.includes('docker.sock')),
  ),
  forServices(
    {
      id: 'compose-pids',
      rule: 'every container has a limit of processes',
      reason: 'one that forks without end takes the host along',
      cure: 'set deploy.resources.limits.pids',
    },
    'deploy.resources.limits.pids',
    (service) => (limit(service, 'pids') === undefined ? 'missing' : undefined),
  ),
  forServices(
    {
      id: 'compose-memory',
      rule: 'every container has a limit of memory, and no swap beyond it',
      reason: 'the host would kill whatever it likes, or crawl',
      cure: 'set deploy.resources.limits.memory, and memswap_limit to the same',
    },
    'deploy.resources.limits.memory',
    (service) =>
      limit(service, 'memory') === undefined
        ? 'missing'
        : at(service, 'memswap_limit') === limit(service, 'memory')
          ? undefined
          : `memswap_limit ${text(at(service, 'memswap_limit')) || 'missing'}`,
  ),
  forServices(
    {
      id: 'compose-cpu',
      rule: 'every container has a limit of CPUs',
      reason: 'one that spins starves the others',
      cure: 'set deploy.resources.limits.cpus',
    },
    'deploy.resources.limits.cpus',
    (service) => (limit(service, 'cpus') === undefined ? 'missing' : undefined),
  ),
  forServices(
    {
      id: 'compose-logs',
      rule: 'logs have a bound',
      reason: 'a disk full of logs stops every database',
      cure: 'set logging.options.max-size and max-file',
    },
    'logging',
    (service) =>
      at(service, 'logging', 'options', 'max-size') === undefined || at(service, 'logging', 'options', 'max-file') === undefined
        ? 'missing'
        : undefined,
  ),
  forServices(
    {
      id: 'compose-healthcheck',
      rule: 'every server is asked whether it works',
      reason: '`up --wait` would end before anything does',
      cure: 'add a healthcheck',
    },
    'healthcheck',
    (service) => (isTask(service) || at(service, 'healthcheck', 'test') !== undefined ? undefined : 'missing'),
  ),
  forServices(
    {
      id: 'compose-start-interval',
      rule: 'no health check has a start_interval',
      reason: 'an engine before 25 refuses the whole project for it',
      cure: 'remove start_interval',
    },
    'healthcheck.start_interval',
    (service) =>
      at(service, 'healthcheck', 'start_interval') === undefined ? undefined : text(at(service, 'healthcheck', 'start_interval')),
  ),
  forServices(
    {
      id: 'compose-stop',
      rule: 'every container says how long it may take to stop',
      reason: 'ten seconds are too few for a database',
      cure: 'set stop_grace_period',
    },
    'stop_grace_period',
    (service) => (at(service, 'stop_grace_period') === undefined ? 'missing' : undefined),
  ),
  forServices(
    {
      id: 'compose-restart',
      rule: 'every server comes back after it died',
      reason: 'a host that was restarted would be an outage',
      cure: 'set restart: unless-stopped',
    },
    'restart',
    (service) =>
      ['unless-stopped', 'always', 'no'].includes(text(at(service, 'restart'))) ? undefined : text(at(service, 'restart')) || 'missing',
  ),
  forServices(
    {
      id: 'compose-ports',
      rule: 'only the edge has ports on the host',
      reason: 'Docker opens them past the firewall of the host',
      cure: 'remove ports',
    },
    'ports',
    (service) => (isEdge(service) || list(at(service, 'ports')).length === 0 ? undefined : text(at(service, 'ports', 0))),
  ),
  forServices(
    {
      id: 'compose-replicas',
      rule: 'what has a fixed port on the host runs once',
      reason: 'the second one finds the port taken',
      cure: 'set deploy.replicas: 1, or remove ports',
    },
    'deploy.replicas',
    (service) =>
      list(at(service, 'ports')).length > 0 && !['', '1'].includes(text(at(service, 'deploy', 'replicas')))
        ? text(at(service, 'deploy', 'replicas'))
        : undefined,
  ),
  forServices(
    {
      id: 'compose-image',
      rule: 'every image names one version',
      reason: 'nobody can say what runs, or roll back to it',
      cure: 'give it a tag other than latest, or a digest',
    },
    'image',
    (service) => {
      const image = text(at(service, 'image'));
      return image.startsWith('${') || namesVersion(image) ? undefined : image;
    },
  ),
  forServices(
    {
      id: 'compose-plain-secret',
      rule: 'no secret stands in compose.yaml',
      reason: 'it is read, copied and shown by docker inspect',
      cure: 'use env_file or secrets',
    },
    'environment',
    (service) =>
      entries(at(service, 'environment'))
        .map(([name]) => name)
        .find(namesSecret),
  ),
  forServices(
    {
      id: 'compose-slot-dependency',
      rule: 'nothing depends on a slot that is not in it',
      reason: 'an empty slot would keep it from starting',
      cure: 'depend on what both slots depend on',
    },
    'depends_on',
    (service, { body }) =>
      entries(at(service, 'depends_on'))
        .map(([name]) => name)
        .find((name) => {
          const profiles = at(body, 'services', name, 'profiles');
          return profiles !== undefined && text(profiles) !== text(at(service, 'profiles'));
        }),
  ),
  {
    id: 'compose-version',
    rule: 'the project names no version of the file format',
    reason: 'Compose warns of it at every command',
    cure: 'remove version',
    *find({ body }) {
      if (at(body, 'version') !== undefined) yield { object: 'project', path: 'version', found: text(at(body, 'version')) };
    },
  },
  {
    id: 'compose-inner-networks',
    rule: 'data and services that may reach few places have no other way out',
    reason: 'what breaks into one could call home',
    cure: 'set internal: true',
    *find({ body }) {
      for (const [name] of entries(at(body, 'networks')))
        if (/^(?:app$|data$|egress-)/.test(name) && at(body, 'networks', name, 'internal') !== true)
          yield { object: `network ${name}`, path: `networks.${name}.internal`, found: 'missing' };
    },
  },
  forServices(
    {
      id: 'compose-one-way-out',
      rule: 'a service that is led to few places has no way past what leads it',
      reason: 'what breaks into it could call home',
      cure: 'take it out of the network egress, or write egress: true for it in berth.yaml',
    },
    'networks',
    (service) => {
      const networks = networksOf(service);
      const isLed = !isRelay(service) && networks.some((name) => name.startsWith('egress-'));
      return isLed && networks.includes('egress') ? 'egress' : undefined;
    },
  ),
];
