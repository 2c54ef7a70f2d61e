import { describe, expect, test } from 'vitest';
import { serversToStart } from '../../cli/internal-certs.ts';
import type { Ledger } from '../../generator/io/ledger.ts';
import { bigHost, prepareHello } from '../generator/render/hello.ts';

const set = { 'internalTls': true, 'caches.cache': { engine: 'valkey', use: 'sessions', topology: 'sentinel' } };
const renewed = (ledger: Ledger): Ledger => ({
  ...ledger,
  servers: new Map([...(ledger.servers ?? [])].map(([name, pair]) => [name, { ...pair, version: pair.version + 1 }])),
});
const signedAnew = (ledger: Ledger): Ledger => ({
  ...renewed(ledger),
  authority: ledger.authority && { ...ledger.authority, version: ledger.authority.version + 1 },
});

describe('after certificates between services were drawn anew', () => {
  test('one command brings them in, and nothing is said where there are none', async () => {
    const { plan, ledger } = await prepareHello({ set, host: bigHost });
    expect(serversToStart(plan, ledger, ledger)).toEqual([]);
    expect(serversToStart(plan, ledger, renewed(ledger))).toEqual([
      expect.stringMatching(/^run `docker compose up -d --wait`: database, .* start anew with their new certificates; whoever/),
    ]);
  });

  test('in a cluster nodes of a cache are told to start at once where their authority is another one, as they would wait for each other', async () => {
    const { plan, ledger } = await prepareHello({ set, host: bigHost, target: 'kubernetes' });
    expect(serversToStart(plan, ledger, renewed(ledger))).toHaveLength(1);
    const said = serversToStart(plan, ledger, signedAnew(ledger));
    expect(said[0]).toContain('run `kubectl apply -f k8s/secrets && kubectl apply -k k8s/site`');
    expect(said[1]).toContain('then `kubectl -n hello delete pod -l app.kubernetes.io/component=cache`');
  });
});
