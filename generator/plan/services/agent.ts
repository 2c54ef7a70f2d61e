import type { BackupsSpec } from '../../../model/backups-spec.ts';
import type { PlannedService, Size } from '../../../model/planned-service.ts';
import type { StackSpec } from '../../../model/stack-spec.ts';
import type { MiB } from '../../../model/units.ts';
import { agentContainer, type Copier } from './agent-container.ts';
import { backupSecret, copying, type Agent, type Copying } from './copied-databases.ts';
import { exchangeMount } from './exchange.ts';
import { bundledFiles, trustedFiles } from './internal-tls.ts';
import { trustMounts, trustOfNode } from './surroundings.ts';

/** Its certificates are checked as an application on Node checks them. */
const trusting = (container: PlannedService, spec: StackSpec): PlannedService => ({
  ...container,
  secretFiles: [...container.secretFiles, ...bundledFiles(spec)],
  env: { ...container.env, ...trustOfNode(spec) },
  mounts: [...container.mounts, ...trustMounts(spec)],
});

/** What copies the databases: in their image, so that client, server and the server in which restores are tried are of one version. */
export function planAgent(
  { name, own, engine, image, databases, elsewhere }: Agent,
  backups: BackupsSpec,
  size: Size,
  disk: MiB,
  user: string,
  spec: StackSpec,
): PlannedService {
  const { port, unused, loosened, imageGroup }: Copying = copying[engine];
  const shared = exchangeMount(engine);
  const names = databases.map((database) => database.name);
  const copied = [...names, ...elsewhere.map((database) => database.name)];
  const copier: Copier = {
    name,
    own,
    image,
    title: `copies ${copied.join(', ')} while it runs, ships its log, and restores what it copied into a server of its own to prove it`,
    holds: 'log on its way, and restores that are tried',
    covered: unused,
    ...(loosened === undefined ? {} : { loosened }),
    ...(imageGroup === undefined ? {} : { imageGroup }),
    ...(shared === undefined ? {} : { shared: [shared] }),
    secretFiles: [...copied.map(backupSecret), ...trustedFiles(spec)],
    connects: names.map((service) => ({ service, port })),
    after: names.map((database) => ({ service: `${database}-accounts`, condition: 'service_completed_successfully', required: true })),
  };
  const container = agentContainer(
    { ...copier, ...(elsewhere.length === 0 ? {} : { elsewhere: elsewhere.map(({ host, port: at }) => ({ host, port: at })) }) },
    backups,
    size,
    disk,
    user,
    spec.target,
  );
  return elsewhere.some(({ tls }) => tls === 'verify') ? trusting(container, spec) : container;
}
