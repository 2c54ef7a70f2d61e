import type { Decision } from '../../../model/plan.ts';
import type { HardwareProfile } from '../../../model/profile.ts';
import type { CacheSpec, StackSpec } from '../../../model/stack-spec.ts';
import { replicasOf, usersOf } from '../connections.ts';

/** Connections that a cache must accept, under the name that its engine has for them. */
export function cacheClients(
  cache: CacheSpec,
  spec: StackSpec,
  profile: HardwareProfile,
  setting: string,
  because: string,
): { readonly clients: number; readonly decision: Decision } {
  const users = usersOf(spec, cache.name);
  const clients = Math.max(
    128,
    users.reduce((sum, app) => sum + (replicasOf(app, profile) + 1) * 50, 32),
  );
  return {
    clients,
    decision: {
      key: `${cache.name}.${setting}`,
      value: String(clients),
      formula: 'max(128, Σ (replicas + 1) × 50 + 32)',
      inputs: { replicas: users.map((app) => `${app.name} ${replicasOf(app, profile)}`).join(', ') || 'none' },
      source: `design: ${because}`,
      change: 'services.*.replicas in berth.yaml',
    },
  };
}
