import { expect, test } from 'vitest';
import { helloPlan } from '../render/hello.ts';

test('what stands elsewhere is asked where its clients ask it, and buckets of backups at the port of their scheme', () => {
  const external = { host: 'db.corp.example', port: 6432, user: 'app' };
  const bucket = { name: 'hello-backups', accessKey: 'agent' };
  const set = {
    'databases.orders': { engine: 'postgres', external: { ...external, backup: 'none' } },
    'services.web.uses': { database: 'DATABASE_URL', orders: 'ORDERS_URL', cache: 'REDIS_URL', files: 'S3' },
    'backups': {
      bucket: { ...bucket, endpoint: 'https://s3.corp.example' },
      offsite: { bucket: { ...bucket, endpoint: 'https://[fd00::7]:9000', name: 'hello-offsite' } },
    },
  };
  expect(helloPlan({ target: 'compose', profile: 'minimum', set }).outside).toEqual([
    { name: 'orders', path: 'databases.orders.external', host: 'db.corp.example', port: 6432, needed: true },
    { name: 'backups', path: 'backups.bucket', host: 's3.corp.example', port: 443, needed: false },
    { name: 'offsite', path: 'backups.offsite.bucket', host: 'fd00::7', port: 9000, needed: false },
  ]);
});
