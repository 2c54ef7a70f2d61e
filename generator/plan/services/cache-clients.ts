import type { Decision } from '../../../model/decision.ts';
import type { HardwareProfile } from '../../../model/profile.ts';
import type { CacheSpec } from '../../../model/cache-spec.ts';
import type { StackSpec } from '../../../model/stack-spec.ts';
import { replicasOf, usersOf } from '../connections.ts';

interface Setting {
  /** The service that has it. */
  readonly service: string;
  /** Its name there. */
  readonly name: string;
  readonly because: string;
  /** Connections that other parts of the cache open. */
  readonly peers?: number;
}

/** Connections that a cache must accept, under the name that its engine has for them. */
export function cacheClients(
  cache: CacheSpec,
  spec: StackSpec,
  profile: HardwareProfile,
  { service, name, because, peers = 0 }: Setting,
): { readonly clients: number; readonly decision: Decision } {
  const users = usersOf(spec, cache.name);
  const clients =
    peers +
    Math.max(
      128,
      users.reduce((sum, app) => sum + (replicasOf(app, profile) + 1) * 50, 32),
    );
  return {
    clients,
    decision: {
      key: `${service}.${name}`,
      value: String(clients),
      formula: `max(128, Σ (replicas + 1) × 50 + 32)${peers > 0 ? ' + those of its own' : ''}`,
      inputs: {
        replicas: users.map((app) => `${app.name} ${replicasOf(app, profile)}`).join(', ') || 'none',
        ...(peers > 0 ? { 'those of its own': `${peers} for nodes, what watches over them and what checks them` } : {}),
      },
      source: `design: ${because}`,
      change: 'services.*.replicas in berth.yaml',
    },
  };
}
