import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { bigHost, prepareHello } from './hello.ts';

const nodes = [0, 1, 2].flatMap((shard) => [0, 1].map((index) => `cache-shard-${shard}-${index}`));
const addressOf = (name: string): string => `10.0.0.${nodes.indexOf(name) + 1}`;
const idOf = (name: string): string => `${nodes.indexOf(name) + 1}`.repeat(40);
interface Line {
  readonly name: string;
  readonly flags: string;
  readonly primary?: string;
  readonly slots?: string;
  readonly id?: string;
  readonly address?: string;
  readonly epoch?: string;
}
const line = ({ name, flags, primary, slots = '', id = idOf(name), address = addressOf(name), epoch = '2' }: Line): string =>
  `${id} ${address}:6379@16379,${name} ${flags} ${primary === undefined ? '-' : idOf(primary)} 0 1 ${epoch} connected ${slots}`.trim();
const slotsOf = ['0-5461', '5462-10922', '10923-16383'];
/** All six as they are meant to be, seen by one of them. */
const asMeant = (self: string): readonly Line[] =>
  nodes.map((name, index) => ({
    name,
    ...(index % 2 === 0 ? { flags: 'master', slots: slotsOf[index / 2] ?? '' } : { flags: 'slave', primary: nodes[index - 1] ?? '' }),
    ...(name === self ? { flags: `myself,${index % 2 === 0 ? 'master' : 'slave'}` } : {}),
  }));
const good =
  'cluster_state:ok\r\ncluster_slots_assigned:16384\r\ncluster_slots_ok:16384\r\ncluster_slots_pfail:0\r\ncluster_slots_fail:0\r';

/** The script of a node, run by /bin/sh with a client, a server and a directory of names that answer from files and write down what they are asked. */
describe('the script of a node of a cluster', () => {
  let folder = '';
  const at = (...path: readonly string[]): string => join(folder, ...path);
  const answer = (host: string, question: string, text: string): void => {
    writeFileSync(at('answers', `${host} ${question}`), `${text}\n`);
  };
  const views = (of: (name: string) => readonly Line[]): void => {
    for (const name of nodes) answer(name, 'cluster nodes', of(name).map(line).join('\n'));
  };
  const asked = (): readonly string[] => (existsSync(at('asked')) ? readFileSync(at('asked'), 'utf8').trim().split('\n') : []);
  /** Without what only looks. */
  const done = (): readonly string[] => [...new Set(asked().filter((one) => !/ (?:cluster (?:nodes|info)|role|ping|dbsize)$/.test(one)))];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'berth-cluster-'));
    for (const name of ['bin', 'answers', 'data']) mkdirSync(at(name));
    const program = (name: string, text: string): void => {
      writeFileSync(at('bin', name), `#!/bin/sh\n${text}\n`);
      chmodSync(at('bin', name), 0o755);
    };
    // valkey-cli -h HOST -p PORT --user USER --no-auth-warning QUESTION
    program(
      'valkey-cli',
      `host=$2; shift 7; echo "$host $*" >>${at('asked')}; [ "$host" != 127.0.0.1 ] || host=$(cat ${at('hostname')}); cat "${at('answers')}/$host $*"`,
    );
    program('valkey-server', `trap 'exit 0' TERM; echo "$*" >${at('started')}; while :; do /bin/sleep 0.02; done`);
    program('getent', `sed -n "s/^$2 //p" ${at('names')}`);
    program('sleep', 'exec /bin/sleep 0.02');
    writeFileSync(at('names'), nodes.map((name) => `${name} ${addressOf(name)} STREAM\n`).join(''));
    writeFileSync(at('password'), 'a-password');
    writeFileSync(at('acl'), 'user default on nopass -@all +ping\nuser berth_nodes on #abc resetkeys &* -@all +ping\n');
    writeFileSync(at('data', 'nodes.conf'), `${line({ name: 'x', id: 'e'.repeat(40), flags: 'myself,slave' })}\n`);
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  const scriptOf = async (self: string, use: string): Promise<string> => {
    writeFileSync(at('hostname'), `${self}\n`);
    const set = { 'caches.cache.use': use, 'caches.cache.client': 'cluster' };
    const { decision } = await prepareHello({ profile: 'minimum', host: bigHost, set });
    return (decision.merged.get('config/cache-shard/cluster.sh') ?? expect.unreachable('no cluster.sh'))
      .replaceAll('/tmp/node.conf', at('node.conf'))
      .replaceAll('/proc/sys/kernel/hostname', at('hostname'))
      .replaceAll('/run/secrets/cache-replication', at('password'))
      .replaceAll('/run/secrets/cache-acl', at('acl'))
      .replaceAll('/tmp/users.acl', at('users'))
      .replaceAll('/data', at('data'));
  };
  const begin = (text: string, ...words: readonly string[]) => {
    const child = spawn('/bin/sh', ['-c', text, 'cluster.sh', ...words], {
      env: { PATH: `${at('bin')}:/usr/bin:/bin` },
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
      detached: true,
    });
    (child.stdio[3] as Readable).resume();
    const code = new Promise<number | null>((resolve) => child.on('exit', resolve));
    // Whatever it began has the pipe too, also what a signal to its group does not reach: once that is closed nobody writes any more.
    const silence = new Promise((resolve) => child.on('close', resolve));
    /** In a container what is left, if anything is, ends with the script. */
    const endRest = async (): Promise<void> => {
      try {
        process.kill(-(child.pid ?? Number.NaN), 'SIGKILL');
      } catch (error) {
        expect(error).toMatchObject({ code: 'ESRCH' });
      }
      await silence;
    };
    return { child, code, silence, endRest };
  };
  /** Run until `holds`, and until it has looked around some times more; then stop it as an engine does. */
  const run = async (self: string, holds: () => boolean, use = 'sessions'): Promise<number | null> => {
    rmSync(at('started'), { force: true });
    const { child, code, endRest } = begin(await scriptOf(self, use));
    // A server that does not listen to signals yet is killed by them.
    const ready = (): boolean => existsSync(at('started')) && holds();
    try {
      for (let tick = 0; tick < 2000 && !ready(); tick++) await wait(20);
      expect(ready(), asked().slice(-20).join('\n')).toBe(true);
      child.kill('SIGTERM');
      return await code;
    } finally {
      await endRest();
    }
  };
  const looks = (times: number) => (): boolean => asked().filter((one) => one === '127.0.0.1 cluster nodes').length >= times;
  const healthy = async (self: string): Promise<number | null> => {
    const { code, silence } = begin(await scriptOf(self, 'sessions'), 'healthy');
    await silence;
    return code;
  };

  test('starts the server under its name and address of today, with the password', async () => {
    views(asMeant);
    expect(await run('cache-shard-1-1', looks(1))).toBe(0);
    const conf = readFileSync(at('node.conf'), 'utf8');
    expect(conf).toContain('cluster-announce-hostname "cache-shard-1-1"\ncluster-announce-ip "10.0.0.4"\n');
    expect(conf).toContain('masteruser berth_shard_1\nmasterauth "a-password"\n');
    expect(readFileSync(at('started'), 'utf8')).toBe(`${at('node.conf')}\n`);
  });

  test('leaves a cluster alone that is whole', async () => {
    views(asMeant);
    await run('cache-shard-1-1', looks(4));
    expect(done()).toEqual([]);
  });

  test('meets whoever has another address, also one that was somebody else’s', async () => {
    views((self) =>
      asMeant(self).map((one) =>
        one.name === 'cache-shard-0-0'
          ? { ...one, address: '10.0.0.3' }
          : one.name === 'cache-shard-1-0'
            ? { ...one, address: '10.0.0.1' }
            : one,
      ),
    );
    await run('cache-shard-2-1', looks(2));
    expect([...done()].sort()).toEqual(['127.0.0.1 cluster meet 10.0.0.1 6379', '127.0.0.1 cluster meet 10.0.0.3 6379']);
  });

  test('is copied by its own shard alone, and by nobody while it is empty and has no place', async () => {
    const users = () => readFileSync(at('users'), 'utf8');
    const copier = 'user berth_shard_1 on #abc resetkeys resetchannels -@all +ping +replconf +psync\n';
    views(asMeant);
    await run('cache-shard-1-0', looks(1));
    expect(users()).toBe(readFileSync(at('acl'), 'utf8') + copier);
    writeFileSync(at('data', 'nodes.conf'), `${line({ name: 'x', flags: 'myself,master' })}\n`);
    views(alone);
    await run('cache-shard-1-0', looks(4));
    expect(users()).toBe(readFileSync(at('acl'), 'utf8'));
    views(asMeant);
    await run('cache-shard-1-0', () => asked().includes('127.0.0.1 acl load'));
    expect(users()).toContain(copier);
  });

  const alone = (self: string): readonly Line[] => [{ name: self, flags: 'myself,master' }];
  const fresh = (self: string): readonly Line[] => nodes.map((name) => ({ name, flags: name === self ? 'myself,master' : 'master' }));

  test('takes the slots of its shard when all answer and nobody ever had one', async () => {
    views(fresh);
    await run('cache-shard-1-0', looks(2));
    expect(done()).toContain('127.0.0.1 cluster addslotsrange 5462 10922');
    rmSync(at('asked'));
    await run('cache-shard-1-1', looks(3));
    expect(done()).toEqual([]);
  });

  test.each([
    ['one does not answer', () => rmSync(at('answers', 'cache-shard-2-1 cluster nodes'))],
    [
      'one remembers who had them, dead or not',
      () => {
        const dead: Line = { name: 'cache-shard-1-0', id: 'd'.repeat(40), flags: 'master,fail', address: '', slots: '5462-10922' };
        answer('cache-shard-0-1', 'cluster nodes', [...fresh('cache-shard-0-1'), dead].map(line).join('\n'));
      },
    ],
    [
      'one knows of a single one',
      () =>
        answer(
          'cache-shard-2-1',
          'cluster nodes',
          [line({ name: 'cache-shard-2-1', flags: 'myself,master', slots: '3 7000 [9->-x]' })].join('\n'),
        ),
    ],
  ])('takes no slots when %s', async (_, change) => {
    views(fresh);
    change();
    await run('cache-shard-1-0', looks(4));
    expect(done().filter((one) => one.includes('addslots'))).toEqual([]);
  });

  test('copies whoever serves its shard when it is empty, and nobody else', async () => {
    views((self) =>
      asMeant(self).map((one) =>
        one.name === 'cache-shard-1-0'
          ? { name: one.name, flags: one.name === self ? 'myself,master' : 'master' }
          : one.name === 'cache-shard-1-1'
            ? { name: one.name, flags: 'master', slots: '5462-10922' }
            : one,
      ),
    );
    await run('cache-shard-1-0', looks(2));
    expect(done()).toEqual([`127.0.0.1 cluster replicate ${idOf('cache-shard-1-1')}`]);
    // It has data of slots that are the other one's, and is refused for them until they lie aside.
    answer(
      '127.0.0.1',
      `cluster replicate ${idOf('cache-shard-1-1')}`,
      'ERR To set a master the node must be empty and without assigned slots.',
    );
    answer(
      'cache-shard-1-0',
      `cluster replicate ${idOf('cache-shard-1-1')}`,
      'ERR To set a master the node must be empty and without assigned slots.',
    );
    mkdirSync(at('data', 'appendonlydir'));
    writeFileSync(at('data', 'appendonlydir', 'holds'), 'stale');
    rmSync(at('started'), { force: true });
    const { code, endRest } = begin(await scriptOf('cache-shard-1-0', 'sessions'));
    expect(await code).toBe(0);
    await endRest();
    expect([existsSync(at('data', '.berth-unowned')), existsSync(at('data', 'appendonlydir'))]).toEqual([true, true]);
    rmSync(at('answers', `cache-shard-1-0 cluster replicate ${idOf('cache-shard-1-1')}`));
    await run('cache-shard-1-0', looks(2));
    expect(readFileSync(at('data', 'appendonlydir.unowned', 'holds'), 'utf8')).toBe('stale');
    expect([existsSync(at('data', '.berth-unowned')), existsSync(at('data', 'appendonlydir'))]).toEqual([false, false]);
    rmSync(at('asked'));
    // The one that served is dead and has its slots still.
    views((self) =>
      asMeant(self).map((one) =>
        one.name === self
          ? { name: self, flags: 'myself,master' }
          : one.name === 'cache-shard-1-0'
            ? { ...one, flags: 'master,fail' }
            : one,
      ),
    );
    await run('cache-shard-1-1', looks(3));
    expect(done()).toEqual([]);
  });

  test('never copies who it was itself, while that one seems to be there still', async () => {
    const was: Line = { name: 'cache-shard-1-0', id: 'd'.repeat(40), flags: 'master', slots: '5462-10922' };
    views((self) => [...asMeant(self).map((one) => (one.name === 'cache-shard-1-0' ? { name: self, flags: 'myself,master' } : one)), was]);
    await run('cache-shard-1-0', looks(4));
    expect(done()).toEqual([]);
  });

  test('forgets who a node was that is somebody else now, once that one owns nothing', async () => {
    const was: Line = { name: 'cache-shard-0-0', id: 'd'.repeat(40), flags: 'master,fail', address: '' };
    views((self) => [...asMeant(self), was]);
    await run('cache-shard-2-1', looks(2));
    expect(done()).toEqual([`127.0.0.1 cluster forget ${'d'.repeat(40)}`]);
    for (const kept of [
      { ...was, slots: '0-5461' },
      { ...was, flags: 'master,fail?' },
      { ...was, name: 'cache-shard-9-9' },
    ]) {
      rmSync(at('asked'));
      views((self) => [...asMeant(self), kept]);
      await run('cache-shard-2-1', looks(3));
      expect([kept, done()]).toEqual([kept, []]);
    }
  });

  test('forgets nobody of whom it does not yet know the name, though another has none either', async () => {
    const nameless = (name: string, flags: string): Line => ({ name: '', id: idOf(name), address: addressOf(name), flags });
    views((self) => [
      ...asMeant(self).filter(({ name }) => !name.startsWith('cache-shard-0')),
      nameless('cache-shard-0-0', 'master,fail'),
      nameless('cache-shard-0-1', 'master'),
    ]);
    await run('cache-shard-2-1', looks(3));
    expect(done().filter((one) => one.includes('forget'))).toEqual([]);
  });

  test('takes a new epoch where another one believes in a newer one of its, since nobody would elect its copy', async () => {
    const believed = (by: string, epoch: string) =>
      views((self) => asMeant(self).map((one) => (one.name === 'cache-shard-1-0' && self === by ? { ...one, epoch } : one)));
    believed('cache-shard-2-1', '10');
    await run('cache-shard-1-0', () => asked().includes('127.0.0.1 cluster bumpepoch'));
    expect(done()).toEqual(['127.0.0.1 cluster bumpepoch']);
    for (const another of ['cache-shard-0-0', 'cache-shard-1-1']) {
      rmSync(at('asked'));
      await run(another, looks(4));
      expect([another, done()]).toEqual([another, []]);
    }
    // A copy of it took over, of which it has not heard itself: with a new epoch it would take its slots back.
    views((self) =>
      asMeant(self).map((one) => (one.name === 'cache-shard-1-0' && self === 'cache-shard-2-1' ? { ...one, epoch: '10', slots: '' } : one)),
    );
    rmSync(at('asked'));
    await run('cache-shard-1-0', looks(8));
    expect(done()).toEqual([]);
    // One that was away takes a copy for the owner still, as an epoch of another was left with it; the copy itself knows better.
    const mistaken = (by: string, ...more: readonly string[]) =>
      views((self) =>
        asMeant(self).map((one) => {
          if (![by, ...more].includes(self)) return one;
          if (one.name === 'cache-shard-1-0') return { ...one, slots: '' };
          return one.name === 'cache-shard-1-1' ? { ...one, epoch: '12', slots: slotsOf[1] ?? '' } : one;
        }),
      );
    mistaken('cache-shard-0-1');
    rmSync(at('asked'));
    await run('cache-shard-1-0', () => asked().includes('127.0.0.1 cluster bumpepoch'));
    expect(done()).toEqual(['127.0.0.1 cluster bumpepoch']);
    mistaken('cache-shard-0-1', 'cache-shard-1-1');
    rmSync(at('asked'));
    await run('cache-shard-1-0', looks(8));
    expect(done()).toEqual([]);
    // Whoever does not answer may know of that.
    believed('cache-shard-2-1', '10');
    rmSync(at('answers', 'cache-shard-0-1 cluster nodes'));
    rmSync(at('asked'));
    await run('cache-shard-1-0', looks(8));
    expect(done()).toEqual([]);
    // Who has not heard of the newest one yet soon will.
    believed('cache-shard-2-1', '1');
    rmSync(at('asked'));
    await run('cache-shard-1-0', looks(8));
    expect(done()).toEqual([]);
  });

  test('has its copy take over before it stops, and stops alone where there is none', async () => {
    views(asMeant);
    answer('cache-shard-0-0', 'role', 'master');
    answer('cache-shard-0-1', 'role', 'slave\ncache-shard-0-0\n6379\nconnected\n1');
    answer('cache-shard-0-1', 'cluster failover', 'OK');
    answer('cache-shard-0-1', 'ping', 'PONG');
    expect(await run('cache-shard-0-0', looks(1))).toBe(0);
    expect(done()).toEqual(['cache-shard-0-1 cluster failover']);
    rmSync(at('asked'));
    answer('cache-shard-0-1', 'role', 'slave\ncache-shard-0-0\n6379\nconnecting\n-1');
    expect(await run('cache-shard-0-0', looks(1))).toBe(0);
    expect(done()).toEqual([]);
    rmSync(at('asked'));
    answer('cache-shard-0-0', 'role', 'slave');
    expect(await run('cache-shard-0-0', looks(1))).toBe(0);
    expect(done()).toEqual([]);
  });

  test('ends as its server ended, whether that was asked to or not', async () => {
    views(asMeant);
    answer('cache-shard-0-0', 'role', 'slave');
    const server = (text: string): void => writeFileSync(at('bin', 'valkey-server'), `#!/bin/sh\n${text}\n`);
    server(`trap '/bin/sleep 0.2; exit 7' TERM; : >${at('started')}; while :; do /bin/sleep 0.02; done`);
    expect(await run('cache-shard-0-0', looks(1))).toBe(7);
    server('/bin/sleep 0.1; exit 9');
    const { code, endRest } = begin(await scriptOf('cache-shard-0-0', 'sessions'));
    expect(await code).toBe(9);
    await endRest();
  });

  test('starts nothing while a restore of its data is half done', async () => {
    writeFileSync(at('data', '.berth-exchanging'), '');
    const { code, silence } = begin(await scriptOf('cache-shard-0-0', 'sessions'));
    expect(await code).toBe(1);
    await silence;
    expect(existsSync(at('started'))).toBe(false);
  });

  test('waits with an empty node while its copy has the data, and not where nothing is lost', async () => {
    views(asMeant);
    const identity = idOf('cache-shard-0-0');
    writeFileSync(at('data', 'nodes.conf'), `${line({ name: 'cache-shard-0-0', flags: 'myself,master', slots: '0-5461' })}\n`);
    expect(identity).toHaveLength(40);
    answer('cache-shard-0-1', 'dbsize', '3');
    await run('cache-shard-0-0', looks(1), 'cache');
    expect(asked().filter((one) => one === 'cache-shard-0-1 dbsize')).toHaveLength(30);
    for (const use of ['sessions', 'cache']) {
      rmSync(at('asked'));
      answer('cache-shard-0-1', 'dbsize', '0');
      await run('cache-shard-0-0', looks(1), use);
      expect(asked().filter((one) => one === 'cache-shard-0-1 dbsize').length).toBeLessThan(2);
    }
  });

  test('calls a node healthy that does its work while every key is served', async () => {
    views(asMeant);
    answer('cache-shard-0-0', 'cluster info', good);
    answer('cache-shard-0-1', 'cluster info', good);
    answer('cache-shard-0-1', 'role', 'slave\ncache-shard-0-0\n6379\nconnected\n1');
    expect([await healthy('cache-shard-0-0'), await healthy('cache-shard-0-1')]).toEqual([0, 0]);
    answer('cache-shard-0-1', 'role', 'slave\ncache-shard-0-0\n6379\nconnect\n-1');
    expect(await healthy('cache-shard-0-1')).toBe(1);
    answer('cache-shard-0-0', 'cluster nodes', alone('cache-shard-0-0').map(line).join('\n'));
    expect(await healthy('cache-shard-0-0')).toBe(1);
    views(asMeant);
    for (const bad of ['cluster_state:fail', 'cluster_slots_assigned:10923', 'cluster_slots_fail:5461']) {
      answer('cache-shard-0-0', 'cluster info', good.replace(new RegExp(`${bad.split(':')[0] ?? ''}:[a-z0-9]+`), bad));
      expect([bad, await healthy('cache-shard-0-0')]).toEqual([bad, 1]);
    }
  });

  test('calls none healthy that does not yet know the name of another: clients would be sent there in vain', async () => {
    const nameless = (flags: string) => (self: string) =>
      asMeant(self).map((one) =>
        one.name === 'cache-shard-2-0' ? { ...one, name: '', flags, id: idOf(one.name), address: addressOf(one.name) } : one,
      );
    answer('cache-shard-0-0', 'cluster info', good);
    views(nameless('master'));
    expect(await healthy('cache-shard-0-0')).toBe(1);
    // One that is gone is nobody's way.
    views(nameless('master,fail'));
    expect(await healthy('cache-shard-0-0')).toBe(0);
  });
});
