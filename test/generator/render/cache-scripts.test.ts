import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { helloPlan, prepareHello, smallHost } from './hello.ts';

/** What each address answers to each question, one line a rule: `HOST PORT WORD ANSWER`; read anew for every question. */
type Answers = readonly string[];
const says = (primary: string, by: readonly number[] = [0, 1, 2]): Answers =>
  by.map((index) => `cache-sentinel-${index} 26379 sentinel ${primary}`);

/** The scripts of a site, run by /bin/sh with a client and a server that write down what they are asked. */
describe('the scripts of a cache with Sentinel', () => {
  let folder = '';
  const at = (...path: readonly string[]): string => join(folder, ...path);
  const answer = (...rules: readonly Answers[]): void => {
    // In one step: a client that reads meanwhile must not find half of them.
    writeFileSync(at('answers.new'), `${rules.flat().join('\n')}\n`);
    renameSync(at('answers.new'), at('answers'));
  };
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'berth-cache-'));
    mkdirSync(at('bin'));
    const program = (name: string, text: string): void => {
      writeFileSync(at('bin', name), `#!/bin/sh\n${text}\n`);
      chmodSync(at('bin', name), 0o755);
    };
    program(
      'valkey-cli',
      `while read -r host port word text; do [ "$host $port $word" != "$2 $4 $5" ] || { echo "$text"; exit 0; }; done <${at('answers')}\nexit 1`,
    );
    program('valkey-server', `echo "$*" >${at('started')}`);
    // A second is much less of one here.
    program('sleep', 'exec /bin/sleep 0.04');
    writeFileSync(at('password'), 'a-password');
    writeFileSync(at('hostname'), 'cache-node-1\n');
    mkdirSync(at('data'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  const start = async (
    script: 'cache-node/node.sh' | 'cache-sentinel/sentinel.sh',
    use: string,
    meanwhile?: () => void,
    ends = 0,
  ): Promise<string> => {
    const set = { 'caches.cache.use': use, 'caches.cache.topology': 'sentinel' };
    const { decision } = await prepareHello({ profile: 'minimum', host: smallHost, set });
    const text = (decision.merged.get(`config/${script}`) ?? expect.unreachable(`no ${script}`))
      .replaceAll('/tmp/node.conf', at('node.conf'))
      .replaceAll('/proc/sys/kernel/hostname', at('hostname'))
      .replaceAll('/run/secrets/cache-replication', at('password'))
      .replaceAll('/etc/berth/cache/sentinel.conf', at('sentinel.conf'))
      .replaceAll('/data', at('data'));
    writeFileSync(at('sentinel.conf'), decision.merged.get('config/cache-sentinel/sentinel.conf') ?? '');
    const child = spawn('/bin/sh', ['-c', text], { env: { PATH: `${at('bin')}:/usr/bin:/bin` }, stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    if (meanwhile) setTimeout(meanwhile, 200);
    const code = await new Promise<number | null>((resolve) => child.on('exit', resolve));
    expect([code, existsSync(at('started'))], said).toEqual([ends, ends === 0]);
    return said;
  };
  const conf = (): string => readFileSync(at('node.conf'), 'utf8');

  test('start a node as the primary where the Sentinels name it', async () => {
    answer(says('cache-node-1'));
    expect(await start('cache-node/node.sh', 'queue')).toContain('is the primary');
    expect(conf()).not.toContain('replicaof');
    expect(conf()).toContain('replica-announce-ip "cache-node-1"');
    expect(conf()).toContain('masterauth "a-password"');
  });

  test('start a node that copies the one they name, once that one answers', async () => {
    answer(says('cache-node-2'));
    const said = await start('cache-node/node.sh', 'queue', () => {
      answer(says('cache-node-2'), ['cache-node-2 6379 ping LOADING it reads its data']);
    });
    expect(said).toContain('copies cache-node-2');
    expect(conf()).toContain('replicaof "cache-node-2" 6379');
  });

  test('believe one Sentinel alone only after the others were silent for long', async () => {
    answer(says('cache-node-1', [2]), ['cache-node-0 6379 ping PONG']);
    await start('cache-node/node.sh', 'queue', () => {
      answer(says('cache-node-0'), ['cache-node-0 6379 ping PONG']);
    });
    expect(existsSync(at('node.conf'))).toBe(true);
  });

  test('do not let a node that has forgotten everything come back as the primary while another has a copy', async () => {
    answer(says('cache-node-1'), ['cache-node-0 6379 role slave']);
    await start('cache-node/node.sh', 'cache', () => {
      answer(says('cache-node-0'), ['cache-node-0 6379 ping PONG', 'cache-node-0 6379 role master']);
    });
    expect(conf()).toContain('replicaof "cache-node-0" 6379');
  });

  test('let it begin where nobody has a copy, and one with its data on disk in any case', async () => {
    answer(says('cache-node-1'));
    await start('cache-node/node.sh', 'cache');
    expect(conf()).not.toContain('replicaof');
    answer(says('cache-node-1'), ['cache-node-0 6379 role slave']);
    await start('cache-node/node.sh', 'sessions');
    expect(conf()).not.toContain('replicaof');
  });

  test('start no node while a restore of it is half done', async () => {
    answer(says('cache-node-1'));
    writeFileSync(at('data', '.berth-exchanging'), '');
    expect(await start('cache-node/node.sh', 'queue', undefined, 1)).toContain('a restore of cache is half done: run it again');
  });

  test('start a single server that keeps its data, and not while a restore of it is half done', async () => {
    const plan = helloPlan({ target: 'compose', profile: 'minimum', host: smallHost, set: { 'caches.cache.use': 'sessions' } });
    const [shell, option, text] = plan.services.find(({ name }) => name === 'cache')?.entrypoint ?? [];
    const run = async (): Promise<readonly [number | null, string]> => {
      const script = (text ?? '').replaceAll('/data', at('data'));
      const child = spawn(shell ?? '', [option ?? '', script], {
        env: { PATH: `${at('bin')}:/usr/bin:/bin` },
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      let said = '';
      child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
      return [await new Promise<number | null>((resolve) => child.on('close', resolve)), said];
    };
    expect(await run()).toEqual([0, '']);
    expect(readFileSync(at('started'), 'utf8')).toBe('/etc/berth/cache/valkey.conf\n');
    writeFileSync(at('data', '.berth-exchanging'), '');
    expect(await run()).toEqual([1, 'a restore of the cache cache is half done: run it again\n']);
  });

  describe('start a Sentinel', () => {
    beforeEach(() => {
      writeFileSync(at('hostname'), 'cache-sentinel-1\n');
      answer();
    });
    const state = (): string => readFileSync(at('data', 'sentinel.conf'), 'utf8');

    test('with the first node on the very first start', async () => {
      await start('cache-sentinel/sentinel.sh', 'queue');
      expect(state()).toContain('sentinel monitor cache "cache-node-0" 6379 2');
      expect(state()).toContain('sentinel announce-ip "cache-sentinel-1"');
      expect(readFileSync(at('started'), 'utf8')).toBe(`${at('data', 'sentinel.conf')} --sentinel\n`);
    });

    test('with what it knew, and the password of today', async () => {
      const known =
        'sentinel myid abc\nsentinel monitor cache cache-node-2 6379 2\nsentinel auth-pass cache old\nsentinel current-epoch 7\n';
      writeFileSync(at('data', 'sentinel.conf'), known);
      answer(says('cache-node-0'));
      await start('cache-sentinel/sentinel.sh', 'queue');
      expect(state()).toContain('sentinel monitor cache "cache-node-2" 6379 2');
      expect(state()).toMatch(/^sentinel myid abc\nsentinel current-epoch 7$/m);
      expect(state().match(/auth-pass cache .*/g)).toEqual(['auth-pass cache "a-password"']);
      // A second start finds what the first one wrote.
      await start('cache-sentinel/sentinel.sh', 'queue');
      expect(state()).toContain('sentinel monitor cache "cache-node-2" 6379 2');
      expect(state().match(/sentinel myid/g)).toHaveLength(1);
    });

    test.each([
      ['another Sentinel', 'cache-sentinel-2 26379 sentinel cache-node-2', 'cache-node-2'],
      ['the node that is the primary', 'cache-node-1 6379 role master', 'cache-node-1'],
    ])('by the word of %s, where its own state is lost or broken', async (_, rule, primary) => {
      answer([rule]);
      await start('cache-sentinel/sentinel.sh', 'queue');
      expect(state()).toContain(`sentinel monitor cache "${primary}" 6379 2`);
      writeFileSync(at('data', 'sentinel.conf'), 'sentinel moni');
      await start('cache-sentinel/sentinel.sh', 'queue');
      expect(state()).toContain(`sentinel monitor cache "${primary}" 6379 2`);
    });
  });
});
