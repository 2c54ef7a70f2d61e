import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatRange, networkBits, overlap, parseRange, parseRoutes } from '../../model/addresses.ts';

const address = (text: string): number => text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);

describe('a range of addresses', () => {
  test.each([
    ['10.201.4.0/22', '10.201.4.0', '10.201.7.255'],
    ['10.201.5.9/22', '10.201.4.0', '10.201.7.255'],
    ['0.0.0.0/0', '0.0.0.0', '255.255.255.255'],
    ['192.168.0.1/32', '192.168.0.1', '192.168.0.1'],
  ])('%s goes from %s to %s', (text, first, last) => {
    expect(parseRange(text)).toEqual({ first: address(first), last: address(last) });
  });

  test.each(['', 'fd00::/8', '10.0.0.0', '10.0.0.0/33', '10.0.0/8', 'any'])('is not %j', (text) => {
    expect(parseRange(text)).toBeUndefined();
  });

  test('is written as it is read', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 32 - 1), fc.integer({ min: 0, max: 32 }), (start, bits) => {
        const size = 2 ** (32 - bits);
        const first = Math.floor(start / size) * size;
        const range = { first, last: first + size - 1 };
        expect(parseRange(formatRange(range))).toEqual(range);
      }),
    );
  });

  test('overlaps another when they share one address', () => {
    const of = (text: string) => parseRange(text) ?? { first: -1, last: -1 };
    expect(overlap(of('10.0.0.0/8'), of('10.201.4.0/22'))).toBe(true);
    expect(overlap(of('10.201.4.0/22'), of('10.0.0.0/8'))).toBe(true);
    expect(overlap(of('10.201.4.0/22'), of('10.201.8.0/22'))).toBe(false);
  });
});

describe('a network', () => {
  test.each([
    ['10.0.0.0/8', '10.255.0.1/8'],
    ['10.0.0.1', '10.0.0.1/32'],
    ['0.0.0.0/0', '192.0.2.1/0'],
    ['2001:db8::/32', '2001:db8:0:0:1::/32'],
    ['::1', '0:0:0:0:0:0:0:1/128'],
    ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:0008'],
    ['::/0', '1::/0'],
  ])('%s is %s', (one, other) => {
    expect(networkBits(one)).toBe(networkBits(other));
  });

  test.each([
    ['10.0.0.0/8', '10.0.0.0/9'],
    ['10.0.0.0', '10.0.0.1'],
    ['0.0.0.0/0', '::/0'],
    ['1::/16', '::1/16'],
    ['::1', '1::'],
  ])('%s is not %s', (one, other) => {
    expect(networkBits(one)).not.toBe(networkBits(other));
  });
});

/** As a machine with a default route, Docker's bridge, an office VPN over all of 10/8's middle and a single host shows it. */
const table = `Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0102A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0
docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
eth0\t0002A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0
tun0\t0000400A\t00000000\t0001\t0\t0\t0\t0000C0FF\t0\t0\t0
eth1\t0100A8C0\t00000000\t0005\t0\t0\t0\tFFFFFFFF\t0\t0\t0
`;

describe('the routes of a host', () => {
  test('are read as ranges with the interface they go through, the default route apart', () => {
    expect(parseRoutes(table).map((route) => `${route.through} ${formatRange(route)}`)).toEqual([
      'docker0 172.17.0.0/16',
      'eth0 192.168.2.0/24',
      'tun0 10.64.0.0/10',
      'eth1 192.168.0.1/32',
    ]);
  });

  test.each(['', 'Iface\tDestination\n', 'Iface\tDestination\nbroken\n\n'])('are none in %j', (text) => {
    expect(parseRoutes(text)).toEqual([]);
  });
});
