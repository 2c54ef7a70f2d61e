import type { RelayPlan, Way } from '../../model/relay-plan.ts';

const wayView = ({ service, subnet, relay, ports }: Way, index: number): object => ({
  service,
  subnet,
  relay,
  ports: ports.map(({ port, hosts }) => ({
    port,
    // A variable: names of services have letters that its name may not have.
    id: `place_${index}_${port}`,
    place: `${hosts[0] ?? ''}:${port}`,
    several: hosts.length > 1 && hosts.map((host) => ({ host, place: `${host}:${port}` })),
  })),
});

/** What the configuration of the relay is made of. */
export const relayView = (relay: RelayPlan): object => ({ ...relay, ways: relay.ways.map(wayView) });
