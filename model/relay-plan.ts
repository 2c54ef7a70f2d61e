import type { WayName } from './planned-service.ts';

/** The service that leads outside; no application may have its name. */
export const relayName = 'egress';

/** The way out of one service to the places of its list. */
export interface Way {
  /** The service, and its migrations with it. */
  readonly service: string;
  readonly network: WayName;
  /** Of that network. */
  readonly subnet: string;
  /** The part of it that containers get their addresses from; that of the relay lies beside it. */
  readonly range: string;
  /** The address of the relay there. */
  readonly relay: string;
  /** Several names on one port are told apart by what TLS asks for. */
  readonly ports: readonly { readonly port: number; readonly hosts: readonly string[] }[];
}

/** What leads services to the places that they may reach, and to no other. */
export interface RelayPlan {
  readonly service: string;
  readonly connections: number;
  readonly nofile: number;
  readonly healthPort: number;
  readonly ways: readonly Way[];
}
