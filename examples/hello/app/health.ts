import { reasonOf, within } from './reason.ts';
import type { ServiceName, Services } from './services.ts';

export type Status = 'healthy' | 'degraded' | 'unhealthy';

export interface Check {
  readonly status: 'healthy' | 'unhealthy';
  readonly latencyMs: number;
  /** One word, safe in public; see `reasonOf`. Absent when healthy. */
  readonly error?: string;
}
export type Checks = Readonly<Record<ServiceName, Check>>;

export interface HealthDocument {
  readonly status: Status;
  readonly timestamp: string;
  readonly version: string;
  readonly slot: string;
  readonly uptimeSeconds: number;
  readonly checks: Checks;
}

const severity: Record<Status, number> = { healthy: 0, degraded: 1, unhealthy: 2 };

/** What becomes of the whole when this part is down: without its database the application is no use, without the others it is less. */
const consequence: Record<ServiceName, Status> = { database: 'unhealthy', redis: 'degraded', storage: 'degraded' };

export function worse(one: Status, other: Status): Status {
  return severity[other] > severity[one] ? other : one;
}

/** The worst consequence of any check, whatever their order: a later `degraded` never hides an earlier `unhealthy`. */
export function rollUp(checks: Partial<Checks>): Status {
  return (Object.entries(checks) as [ServiceName, Check][])
    .map(([name, check]): Status => (check.status === 'healthy' ? 'healthy' : consequence[name]))
    .reduce(worse, 'healthy');
}

export interface HealthOptions {
  readonly services: Services;
  readonly version: string;
  readonly slot: string;
  readonly now: () => Date;
  /** Milliseconds that only ever grow; the wall clock may jump. */
  readonly elapsed: () => number;
  readonly timeoutMs?: number;
  readonly cacheMs?: number;
}

/**
 * Returns the way to ask for the document. However many ask at once, and however often, each dependency is checked at most once
 * every `cacheMs`; a check that does not answer within `timeoutMs` has failed. It never rejects.
 */
export function healthOf({
  services,
  version,
  slot,
  now,
  elapsed,
  timeoutMs = 1000,
  cacheMs = 2000,
}: HealthOptions): () => Promise<HealthDocument> {
  const started = elapsed();
  type Looked = Pick<HealthDocument, 'status' | 'timestamp' | 'checks'>;
  let latest: Promise<Looked> | undefined;
  let freshUntil = 0;

  const check = async (ping: () => Promise<void>): Promise<Check> => {
    const begun = elapsed();
    const latencyMs = (): number => Math.round(elapsed() - begun);
    try {
      await within(timeoutMs, ping());
      return { status: 'healthy', latencyMs: latencyMs() };
    } catch (error) {
      return { status: 'unhealthy', latencyMs: latencyMs(), error: reasonOf(error) };
    }
  };
  const look = async (): Promise<Looked> => {
    const [database, redis, storage] = await Promise.all([
      check(() => services.database.ping()),
      check(() => services.cache.ping()),
      check(() => services.storage.ping()),
    ]);
    freshUntil = elapsed() + cacheMs;
    const checks = { database, redis, storage };
    return { status: rollUp(checks), timestamp: now().toISOString(), checks };
  };

  return async () => {
    if (latest === undefined || elapsed() >= freshUntil) {
      freshUntil = Number.POSITIVE_INFINITY; // until this look ends, everybody waits for it
      latest = look();
    }
    const { status, timestamp, checks } = await latest;
    return { status, timestamp, version, slot, uptimeSeconds: Math.floor((elapsed() - started) / 1000), checks };
  };
}
