import { nginx } from '../../../model/engines/nginx.ts';
import { nginxRelay as facts } from '../../../model/engines/nginx-relay.ts';
import type { Decision } from '../../../model/decision.ts';
import type { PlannedService, Size } from '../../../model/planned-service.ts';
import { relayName } from '../../../model/relay-plan.ts';
import type { RelayPlan, Way } from '../../../model/relay-plan.ts';
import { mib, milliCpu, seconds } from '../../../model/units.ts';
import type { Demand } from '../demand.ts';

const name = relayName;
const folder = `/etc/berth/${name}`;
const because = `${facts.baseMiB} MiB, and ${facts.connectionKiB} KiB for each of ${facts.connections / facts.connectionsEach} connections that are led on`;
const worstCase = facts.baseMiB + facts.folderMiB + ((facts.connections / facts.connectionsEach) * facts.connectionKiB) / 1024;

/** One for the whole site, as large as its work on any host. */
export const relayDemand = (): Demand => ({
  name,
  role: 'relay',
  count: 1,
  pids: 16,
  memory: { wanted: mib(facts.memoryMiB), floor: mib(facts.memoryMiB), wantedBecause: because, floorBecause: because, change: 'fixed' },
  cpu: {
    wanted: milliCpu(1000),
    floor: milliCpu(20),
    wantedBecause: 'it works on one thread',
    floorBecause: 'enough to answer its health check and start within its grace',
    change: 'fixed',
  },
});

/** The end of the line shows that it is open, and what answers is this very configuration. */
const ready = ['/bin/bash', '-c', `read -r -t 2 answer < /dev/tcp/127.0.0.1/${nginx.healthPort} && test "$answer" = ok`] as const;

/** nginx between services that may reach few places and the way out: TLS goes through it as it comes, and it knows no way but those of the lists. */
export function planRelay(
  ways: readonly Way[],
  size: Size,
  image: { readonly user: string },
): { readonly service: PlannedService; readonly plan: RelayPlan; readonly decisions: readonly Decision[] } {
  const nofile = facts.connections + facts.ownFiles;
  return {
    plan: { service: name, connections: facts.connections, nofile, healthPort: nginx.healthPort, ways },
    decisions: [
      {
        key: `${name}.worker_connections`,
        value: String(facts.connections),
        formula: 'fixed',
        inputs: {},
        source: `design: ${facts.connections / facts.connectionsEach} connections to the outside at once, each of which is two`,
        change: 'fixed',
      },
      {
        key: `${name}.worker_rlimit_nofile`,
        value: String(nofile),
        formula: `worker_connections + ${facts.ownFiles}`,
        inputs: { worker_connections: String(facts.connections) },
        source: 'design: a descriptor for each connection, and those of listeners, DNS and logs',
        change: 'fixed',
      },
      {
        key: `${name}.worst_case`,
        value: `${worstCase} MiB of ${size.memory} MiB`,
        formula: `${facts.baseMiB} MiB + connections that are led on × ${facts.connectionKiB} KiB + folders in memory`,
        inputs: {
          'connections that are led on': String(facts.connections / facts.connectionsEach),
          'folders in memory': `${facts.folderMiB} MiB for /tmp`,
        },
        source: 'design: at most 0.9 of the limit',
        change: 'fixed',
      },
    ],
    service: {
      name,
      role: 'relay',
      title: `nginx: leads ${ways.map(({ service }) => service).join(', ')} to the places that berth.yaml names, and nowhere else`,
      kind: 'server',
      image: 'nginx',
      slotted: false,
      replicas: 1,
      size,
      user: image.user,
      command: ['nginx', '-c', `${folder}/nginx.conf`, '-g', 'daemon off;'],
      // Its log is lines of JSON; the image's entrypoint would put plain text before them.
      env: { NGINX_ENTRYPOINT_QUIET_LOGS: '1' },
      secretEnv: {},
      secretFiles: [],
      mounts: [{ source: `config/${name}`, target: folder, restarts: true }],
      volumes: [],
      tmpfs: [{ path: '/tmp', size: mib(facts.folderMiB), mode: '1777' }],
      nofile,
      ports: [],
      healthcheck: { argv: ready, interval: seconds(5), timeout: seconds(3), retries: 3, startPeriod: seconds(15) },
      connects: [],
      outside: ways.flatMap(({ ports }) => ports.flatMap(({ port, hosts }) => hosts.map((host) => ({ host, port })))),
      addresses: Object.fromEntries(ways.map(({ network, relay }) => [network, relay])),
      gates: [],
      // It lets connections come to their end for five seconds.
      stopSignal: 'SIGQUIT',
      stopGrace: seconds(10),
      networks: ['egress', ...ways.map(({ network }) => network)],
      after: [],
    },
  };
}
