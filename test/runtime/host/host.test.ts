import { chmodSync, existsSync, readdirSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isKnown, notKnown } from '../../../model/host-state.ts';
import { measureSync, percentile, readDisk } from '../../../runtime/host/disk.ts';
import { parseResolvers, readDns } from '../../../runtime/host/dns.ts';
import { parseDevices, parseMount, readEncryption } from '../../../runtime/host/encryption.ts';
import { readImages } from '../../../runtime/host/images.ts';
import { readHugePages, readKernel, readOpenFiles, readSwap } from '../../../runtime/host/kernel.ts';
import { readHost } from '../../../runtime/host/read-host.ts';
import { viewOf } from '../../../runtime/host/view.ts';
import type { Answer } from '../../../runtime/host/view.ts';
import { hostNeeds } from '../../generator/doctor/host-fixture.ts';
import { temporarySite } from '../../generator/io/site-fixture.ts';
import { scriptedView } from './scripted-view.ts';

describe('the disk', () => {
  test('is what statfs says of a folder', () => {
    using folder = temporarySite();
    const state = readDisk(folder.path);
    expect(isKnown(state) && state.size >= state.free && state.free > 0).toBe(true);
    expect(readDisk('/not/there')).toEqual({ notKnown: '/not/there is not there' });
  });

  test('is measured with writes that last, and nothing of it stays', () => {
    using folder = temporarySite();
    let time = 0;
    const latency = measureSync(folder.path, [], 'id', () => (time += 1));
    expect(latency).toEqual({ folder: folder.path, writes: 200, median: 1, p99: 1 });
    expect(readdirSync(folder.path)).toEqual([]);
  });

  test('is measured no longer than three seconds', () => {
    using folder = temporarySite();
    let time = 0;
    expect(measureSync(folder.path, [], 'id', () => (time += 500))).toMatchObject({ writes: 2 });
  });

  test('is not known where nobody can write, or nothing is', () => {
    expect(measureSync('/proc', [], 'id', () => 0)).toEqual({ notKnown: expect.stringMatching(/write to \/proc/) as string });
    expect(measureSync('/not/there', [], 'id', () => 0)).toEqual({ notKnown: '/not/there is not there' });
  });

  test('has a percentile that so many writes do not exceed', () => {
    const values = Array.from({ length: 200 }, (_, index) => 200 - index);
    expect([percentile(values, 0.5), percentile(values, 0.99), percentile([7], 0.99), percentile([], 0.99)]).toEqual([100, 198, 7, 0]);
  });
});

describe('the kernel', () => {
  const view = scriptedView({
    '/proc/sys/vm/overcommit_memory': '1\n',
    '/sys/kernel/mm/transparent_hugepage/enabled': 'always [madvise] never\n',
    '/proc/meminfo': 'MemTotal:       24684100 kB\nSwapTotal:       2097148 kB\n',
    '/proc/sys/fs/nr_open': '1048576\n',
    '/proc/self/limits':
      'Limit                     Soft Limit           Hard Limit           Units\nMax open files            1024                 4096                 files\n',
  });

  test('tells its settings, and of those that are missing that they are', () => {
    expect(readKernel(view).get('vm.overcommit_memory')).toBe('1');
    expect(readKernel(view).get('vm.max_map_count')).toEqual({ notKnown: '/proc/sys/vm/max_map_count is not there' });
    expect([readHugePages(view), readSwap(view)]).toEqual(['madvise', 2047]);
    for (const read of [readHugePages, readSwap]) expect(read(scriptedView({}))).toHaveProperty('notKnown');
  });

  test('bounds open files by itself, and for an engine without root by what that has', () => {
    expect([readOpenFiles(view, false), readOpenFiles(view, true)]).toEqual([1_048_576, 4096]);
    expect([readOpenFiles(scriptedView({}), false), readOpenFiles(scriptedView({}), true)]).toEqual([
      { notKnown: '/proc/sys/fs/nr_open is not there' },
      { notKnown: '/proc/self/limits is not there' },
    ]);
  });
});

describe('names', () => {
  test('are asked of the servers in resolv.conf', () => {
    expect(parseResolvers('# nameserver 1.1.1.1\nnameserver 192.168.2.1\n\tnameserver fd00::1\nsearch example\n')).toEqual([
      '192.168.2.1',
      'fd00::1',
    ]);
  });

  test('are looked up as this host looks them up; one that nobody has, has no address', async () => {
    const ask = async (answer?: Partial<Answer>) => {
      const programs = answer === undefined ? {} : { 'getent ahosts shop.example.com': answer };
      const state = await readDns(scriptedView({ '/etc/resolv.conf': '' }, programs), 'shop.example.com');
      return isKnown(state) ? state.domain : state;
    };
    const stdout = '192.0.2.1      STREAM shop.example.com\n192.0.2.1      DGRAM\nfd00::1         STREAM\n';
    expect(await ask({ stdout })).toEqual(['192.0.2.1', 'fd00::1']);
    expect(await ask({ code: 2 })).toEqual([]);
    expect(await ask({ code: 1 })).toEqual({ notKnown: '`getent ahosts shop.example.com` ended with 1' });
    expect(await ask()).toEqual({ notKnown: 'getent is not on the PATH' });
    expect(await readDns(scriptedView({}), 'localhost')).toEqual({ notKnown: '/etc/resolv.conf is not there' });
  });

  test('of this machine itself are found', async () => {
    expect(await readDns(viewOf(process.env), 'localhost')).toMatchObject({ domain: [expect.stringMatching(/^(?:127\.|::1)/)] });
  });
});

const lsblk = (...layers: readonly (readonly [string, string])[]): string =>
  JSON.stringify({
    blockdevices: [
      layers.reduceRight<object | undefined>((below, [name, type]) => ({ name, type, ...(below ? { children: [below] } : {}) }), undefined),
    ],
  });
const findmnt = (source: string, fstype = 'ext4') => JSON.stringify({ filesystems: [{ source, fstype }] });

describe('encryption', () => {
  const ask = (source: string, devices?: string, fstype?: string) =>
    readEncryption(
      scriptedView(
        {},
        {
          'findmnt --json --target /data --output SOURCE,FSTYPE': findmnt(source, fstype),
          ...(devices === undefined ? {} : { [`lsblk --json --inverse --output NAME,TYPE ${source.replace(/\[.*/, '')}`]: devices }),
        },
      ),
      '/data',
    );

  test('is found anywhere below a folder', async () => {
    expect(await ask('/dev/mapper/vg-docker', lsblk(['vg-docker', 'lvm'], ['luks', 'crypt'], ['sda2', 'part'], ['sda', 'disk']))).toEqual({
      encrypted: true,
      path: 'vg-docker (lvm) on luks (crypt) on sda2 (part) on sda (disk)',
    });
    expect(await ask('/dev/vda[/var/lib/docker]', lsblk(['vda', 'disk']))).toEqual({ encrypted: false, path: 'vda (disk)' });
  });

  test('is not known of what is no device, nor without the tools', async () => {
    expect(await ask('server:/export', undefined, 'nfs4')).toEqual({
      notKnown: '/data lies on server:/export (nfs4), which is no device of this host',
    });
    expect(await ask('/dev/vda')).toEqual({ notKnown: 'lsblk is not on the PATH' });
    expect(await ask('/dev/vda', '{}')).toEqual({ notKnown: 'lsblk does not know /dev/vda' });
    expect(await readEncryption(scriptedView({}), '/data')).toEqual({ notKnown: 'findmnt is not on the PATH' });
  });

  test('is read from several layers of one disk, and from nothing', () => {
    expect(parseDevices('')).toEqual([]);
    expect(parseMount('')).toEqual({ source: '', type: '' });
  });
});

describe('images', () => {
  const view = scriptedView(
    {},
    {
      'docker image inspect a:1': '[{"Architecture":"amd64"}]',
      'docker image inspect quay.io/b:1': { code: 1, stderr: 'Error response from daemon: No such image: quay.io/b:1\n' },
      'docker image inspect quay.io/c:1': { code: 1, stderr: 'Error: No such image: quay.io/c:1\n' },
    },
  );

  test('that are not here have their registry asked, once each', async () => {
    const asked: string[] = [];
    const states = await readImages(view, ['a:1', 'quay.io/b:1', 'quay.io/c:1'], false, (host) => {
      asked.push(host);
      return Promise.resolve({ host, answers: true, detail: 'answers 401' });
    });
    const registry = { host: 'quay.io', answers: true, detail: 'answers 401' };
    expect(states).toEqual([
      { reference: 'a:1', architecture: 'amd64' },
      { reference: 'quay.io/b:1', registry },
      { reference: 'quay.io/c:1', registry },
    ]);
    expect(asked).toEqual(['quay.io']);
  });

  test('behind a proxy are not asked for', async () => {
    const never = () => Promise.reject(new Error('asked'));
    expect(await readImages(view, ['quay.io/b:1'], true, never)).toMatchObject([
      { registry: { notKnown: expect.stringContaining('proxy') as string } },
    ]);
  });

  test('are not known when docker fails otherwise', async () => {
    expect(await readImages(view, ['d:1'], false)).toEqual({ notKnown: 'docker is not on the PATH' });
  });
});

describe('a program', () => {
  test('that is missing, fails or hangs is an answer, never a throw', async () => {
    using folder = temporarySite();
    const script = join(folder.path, 'fails');
    writeFileSync(script, '#!/bin/sh\necho out; echo err >&2; exit 3\n');
    chmodSync(script, 0o755);
    writeFileSync(join(folder.path, 'no-program'), '');
    const view = viewOf({ PATH: folder.path });
    expect(await view.run('not-there')).toEqual({ notKnown: 'not-there is not on the PATH' });
    expect(await view.run('fails')).toEqual({ code: 3, stdout: 'out\n', stderr: 'err\n' });
    expect(await view.run('no-program')).toHaveProperty('notKnown');
    expect(view.file(folder.path)).toHaveProperty('notKnown');
  });
});

describe('a host', () => {
  const options = { now: () => new Date(), clock: () => performance.now(), folder: '/', id: 'test' };

  test('of which nothing can be seen is not known in every point, with a reason', async () => {
    const host = await readHost(hostNeeds({ outside: [] }), { ...options, view: scriptedView({}) });
    for (const [point, seen] of Object.entries(host).filter(([name]) => name !== 'kernel' && name !== 'outside'))
      expect(seen, point).toEqual({ notKnown: expect.stringMatching(/./) as string });
    for (const [name, seen] of host.kernel) expect(seen, name).toHaveProperty('notKnown');
  });

  test('that is another machine than this one is not taken for it', async () => {
    const info = JSON.stringify({ ServerVersion: '28.0.0', Name: `not-${hostname()}`, DockerRootDir: '/' });
    const host = await readHost(hostNeeds({ images: [] }), {
      ...options,
      view: scriptedView({ '/proc/meminfo': 'SwapTotal: 0 kB' }, { 'docker info --format {{json .}}': info }),
    });
    expect(isKnown(host.engine)).toBe(true);
    const away = notKnown(`the engine runs on not-${hostname()}, and this is ${hostname()}: run \`berth doctor\` there`);
    for (const point of [
      'disk',
      'syncLatency',
      'listeners',
      'ranges',
      'swap',
      'hugePages',
      'clock',
      'dns',
      'encryption',
      'openFiles',
      'outside',
    ] as const)
      expect(host[point], point).toEqual(away);
    expect(existsSync('/.berth-fsync-test')).toBe(false);
  });
});
