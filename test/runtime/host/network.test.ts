import { describe, expect, test } from 'vitest';
import { parseNetworks, parsePublished, parseSockets, readListeners, readRanges } from '../../../runtime/host/network.ts';
import { scriptedView } from './scripted-view.ts';

const head = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';
const socket = (local: string, state: string, inode: number) =>
  `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000     0        0 ${inode} 1 0 100 0 0 10 0\n`;

describe('sockets that listen', () => {
  test('are those of all addresses and of outer ones, not those of the machine itself', () => {
    const table =
      head +
      socket('00000000:0050', '0A', 7) +
      socket('0100007F:1F90', '0A', 8) +
      socket('0202A8C0:01BB', '0A', 9) +
      socket('00000000:0016', '01', 10);
    expect(parseSockets(table)).toEqual([
      { port: 80, inode: '7' },
      { port: 443, inode: '9' },
    ]);
  });

  test('are found in the table of IPv6 as well', () => {
    const table = head + socket(`${'0'.repeat(32)}:01BB`, '0A', 3) + socket('00000000000000000000000001000000:0050', '0A', 4);
    expect(parseSockets(table)).toEqual([{ port: 443, inode: '3' }]);
  });
});

const container = (name: string, ports: string, labels = '') => JSON.stringify({ Names: name, Ports: ports, Labels: labels });

describe('ports that containers publish', () => {
  test('are read with the container and its project', () => {
    const text = [
      container('shop-edge-1', '0.0.0.0:80->8080/tcp, :::80->8080/tcp, 0.0.0.0:443->8443/tcp', 'a=b,com.docker.compose.project=shop,c=d'),
      container('db', '5432/tcp'),
      container('many', '127.0.0.1:9000-9002->9000-9002/tcp, [::]:7000->7000/tcp'),
      '',
    ].join('\n');
    expect(parsePublished(text)).toEqual([
      { port: 80, by: 'container shop-edge-1', project: 'shop' },
      { port: 443, by: 'container shop-edge-1', project: 'shop' },
      ...[9000, 9001, 9002, 7000].map((port) => ({ port, by: 'container many' })),
    ]);
  });

  test('belong to the container, not to the proxy that Docker starts for it', async () => {
    const view = scriptedView(
      { '/proc/net/tcp': head + socket('00000000:0050', '0A', 1) + socket('00000000:0016', '0A', 2) },
      { 'docker ps --no-trunc --format {{json .}}': container('edge', '0.0.0.0:80->8080/tcp') },
    );
    expect(await readListeners(view)).toEqual([{ port: 80, by: 'container edge' }, { port: 22 }]);
  });

  test('do not matter when docker is not there: the kernel still tells', async () => {
    expect(await readListeners(scriptedView({ '/proc/net/tcp': head + socket('00000000:0050', '0A', 1) }))).toEqual([{ port: 80 }]);
    expect(await readListeners(scriptedView({}))).toEqual({ notKnown: '/proc/net/tcp is not there' });
  });
});

const networks = JSON.stringify([
  {
    Name: 'bridge',
    Id: 'f'.repeat(64),
    Labels: {},
    Options: { 'com.docker.network.bridge.name': 'docker0' },
    IPAM: { Config: [{ Subnet: '172.17.0.0/16' }] },
  },
  {
    Name: 'shop_data',
    Id: '0123456789abcdef',
    Labels: { 'com.docker.compose.project': 'shop' },
    Options: null,
    IPAM: { Config: [{ Subnet: '10.201.6.0/24' }] },
  },
  { Name: 'host', Id: 'a', Labels: null, Options: {}, IPAM: { Config: null } },
]);

describe('addresses in use', () => {
  test('are those of Docker’s networks', () => {
    expect(parseNetworks(networks)).toEqual([
      { bridge: 'docker0', taken: { range: '172.17.0.0/16', by: "Docker's network bridge" } },
      { bridge: 'br-0123456789ab', taken: { range: '10.201.6.0/24', by: "Docker's network shop_data", project: 'shop' } },
    ]);
  });

  test('are those of routes, but not of the bridges of these networks', async () => {
    const table =
      'Iface\tDestination\tGateway\nbr-0123456789ab\t0006C90A\t0\t1\t0\t0\t0\t00FFFFFF\neth0\t0002A8C0\t0\t1\t0\t0\t0\t00FFFFFF\n';
    const view = scriptedView(
      { '/proc/net/route': table },
      { 'docker network ls --quiet --no-trunc': 'f\n0123\n', 'docker network inspect f 0123': networks },
    );
    expect(await readRanges(view)).toEqual([
      { range: '192.168.2.0/24', by: 'the route through eth0' },
      { range: '172.17.0.0/16', by: "Docker's network bridge" },
      { range: '10.201.6.0/24', by: "Docker's network shop_data", project: 'shop' },
    ]);
  });

  test('are not known when either cannot be asked', async () => {
    expect(await readRanges(scriptedView({}))).toEqual({ notKnown: '/proc/net/route is not there' });
    expect(await readRanges(scriptedView({ '/proc/net/route': '' }))).toEqual({ notKnown: 'docker is not on the PATH' });
  });
});
