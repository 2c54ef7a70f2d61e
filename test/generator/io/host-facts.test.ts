import fc from 'fast-check';
import { availableParallelism, totalmem } from 'node:os';
import { describe, expect, test } from 'vitest';
import { chooseNetwork, parseRoutes, readHostFacts, readRoutes } from '../../../generator/io/host-facts.ts';

const address = (text: string): number => text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
const range = (first: string, last: string) => ({ first: address(first), last: address(last) });

/** As a machine with a default route, Docker's bridge, an office VPN over all of 10/8's middle and a single host shows it. */
const table = `Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0102A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0
docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
eth0\t0002A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0
tun0\t0000400A\t00000000\t0001\t0\t0\t0\t0000C0FF\t0\t0\t0
eth1\t0100A8C0\t00000000\t0005\t0\t0\t0\tFFFFFFFF\t0\t0\t0
`;

describe('the routes of a host', () => {
  test('are read as ranges of addresses, the default route apart', () => {
    expect(parseRoutes(table)).toEqual([
      range('172.17.0.0', '172.17.255.255'),
      range('192.168.2.0', '192.168.2.255'),
      range('10.64.0.0', '10.127.255.255'),
      range('192.168.0.1', '192.168.0.1'),
    ]);
  });

  test.each(['', 'Iface\tDestination\n', 'Iface\tDestination\nbroken\n\n'])('are none in %j', (text) => {
    expect(parseRoutes(text)).toEqual([]);
  });

  test('of this machine can be read', () => {
    for (const { first, last } of readRoutes()) expect(last).toBeGreaterThanOrEqual(first);
  });
});

describe('the network of a site', () => {
  const span = (network: string) => {
    const first = address(network.replace('/22', ''));
    return { first, last: first + 1023 };
  };

  test('is a /22 in 10.16.0.0 to 10.255.255.255, the same for the same name', () => {
    fc.assert(
      fc.property(fc.string(), (name) => {
        const network = chooseNetwork(name, []);
        expect(network).toMatch(/^10\.(1[6-9]|[2-9]\d|1\d\d|2[0-4]\d|25[0-5])\.\d+\.0\/22$/);
        expect(span(network).first % 1024).toBe(0);
        expect(chooseNetwork(name, [])).toBe(network);
      }),
    );
    expect(new Set(Array.from({ length: 100 }, (_, index) => chooseNetwork(`site-${index}`, []))).size).toBeGreaterThan(90);
  });

  test('meets none that is taken, as long as one is left', () => {
    const part = fc
      .tuple(fc.nat(2 ** 24 - 1), fc.nat(2 ** 22))
      .map(([from, length]) => ({ first: address('10.0.0.0') + from, last: address('10.0.0.0') + from + length }));
    fc.assert(
      fc.property(fc.string(), fc.array(part, { maxLength: 3 }), (name, taken) => {
        const { first, last } = span(chooseNetwork(name, taken));
        expect(taken.filter((one) => one.first <= last && one.last >= first)).toEqual([]);
      }),
    );
  });

  test('moves on from the one its name gives when that one is taken', () => {
    const free = chooseNetwork('shop', []);
    expect(chooseNetwork('shop', [span(free)])).not.toBe(free);
    expect(chooseNetwork('shop', [{ first: span(free).last, last: span(free).last }])).not.toBe(free);
    expect(
      chooseNetwork('shop', [
        { first: span(free).last + 1, last: span(free).last + 9 },
        { first: span(free).first - 9, last: span(free).first - 1 },
      ]),
    ).toBe(free);
  });

  test('is an ordinary one where the host has routes to all of them', () => {
    expect(chooseNetwork('shop', [range('10.0.0.0', '10.255.255.255')])).toBe('10.201.0.0/22');
  });
});

describe('this host', () => {
  test('is measured, also for a folder that is not there yet', () => {
    const facts = readHostFacts('/tmp/not/there/yet');
    expect([facts.cpus, facts.memory]).toEqual([availableParallelism() * 1000, Math.floor(totalmem() / 2 ** 20)]);
    expect(facts.disk).toBeGreaterThanOrEqual(0);
    expect(facts.disk % 1024).toBe(0);
  });
});
