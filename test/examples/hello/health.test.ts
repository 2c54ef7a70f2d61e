import { expect, test } from 'vitest';
import { healthOf, rollUp, worse, type Check, type Status } from '../../../examples/hello/app/health.ts';
import { FakeServices } from './fakes.ts';

const up: Check = { status: 'healthy', latencyMs: 1 };
const gone: Check = { status: 'unhealthy', latencyMs: 1, error: 'ECONNREFUSED' };

test.each<{ database: Check; redis: Check; storage: Check; whole: Status }>([
  { database: up, redis: up, storage: up, whole: 'healthy' },
  { database: up, redis: gone, storage: up, whole: 'degraded' },
  { database: up, redis: up, storage: gone, whole: 'degraded' },
  { database: up, redis: gone, storage: gone, whole: 'degraded' },
  { database: gone, redis: up, storage: up, whole: 'unhealthy' },
  { database: gone, redis: gone, storage: up, whole: 'unhealthy' },
  { database: gone, redis: up, storage: gone, whole: 'unhealthy' },
  { database: gone, redis: gone, storage: gone, whole: 'unhealthy' },
])('database $database.status, redis $redis.status, storage $storage.status is $whole in any order', ({ whole, ...checks }) => {
  expect(rollUp(checks)).toBe(whole);
  expect(rollUp(Object.fromEntries(Object.entries(checks).reverse()))).toBe(whole);
});

test.each<[Status, Status, Status]>([
  ['healthy', 'degraded', 'degraded'],
  ['degraded', 'healthy', 'degraded'],
  ['unhealthy', 'degraded', 'unhealthy'],
  ['degraded', 'unhealthy', 'unhealthy'],
  ['unhealthy', 'healthy', 'unhealthy'],
])('%s and then %s is %s', (first, then, result) => {
  expect(worse(first, then)).toBe(result);
});

function healthWithClock(timeoutMs = 1000) {
  const services = new FakeServices();
  const clock = { ms: 5000 };
  const now = (): Date => new Date(Date.UTC(2026, 2, 1) + clock.ms);
  const ask = healthOf({ services, version: '1.4.0', slot: 'blue', now, elapsed: () => clock.ms, timeoutMs });
  return { services, clock, ask };
}

test('the document has exactly the agreed fields', async () => {
  const { services, clock, ask } = healthWithClock();
  services.down.redis = 'ECONNREFUSED';
  clock.ms += 61_500;
  expect(await ask()).toEqual({
    status: 'degraded',
    timestamp: '2026-03-01T00:01:06.500Z',
    version: '1.4.0',
    slot: 'blue',
    uptimeSeconds: 61,
    checks: {
      database: { status: 'healthy', latencyMs: 0 },
      redis: { status: 'unhealthy', latencyMs: 0, error: 'ECONNREFUSED' },
      storage: { status: 'healthy', latencyMs: 0 },
    },
  });
});

test('a check that does not answer in time has failed, without holding up the others', async () => {
  const { services, ask } = healthWithClock(20);
  services.down.storage = 'SILENT';
  const { status, checks } = await ask();
  expect(status).toBe('degraded');
  expect(checks.storage.error).toBe('ETIMEDOUT');
  expect(checks.database.status).toBe('healthy');
});

test('many who ask at once share one look', async () => {
  const { services, ask } = healthWithClock();
  await Promise.all(Array.from({ length: 50 }, () => ask()));
  expect(services.pings).toEqual({ database: 1, redis: 1, storage: 1 });
});

test('a look is good for two seconds, and the uptime in it is current all the same', async () => {
  const { services, clock, ask } = healthWithClock();
  await ask();
  clock.ms += 1999;
  expect((await ask()).uptimeSeconds).toBe(1);
  expect(services.pings.database).toBe(1);
  services.down.database = 'ECONNREFUSED';
  clock.ms += 1;
  expect((await ask()).status).toBe('unhealthy');
  expect(services.pings.database).toBe(2);
});
