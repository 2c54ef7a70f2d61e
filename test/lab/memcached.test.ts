import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LabSite, Operator } from './installed.ts';
import { attempt } from './process.ts';

const name = 'forgetful';
const image = 'berth/hello:built-by-up';
/** Sends lines to the address that the application was given and prints the answer. */
const client = (...lines: readonly string[]) =>
  `const { hostname, port } = new URL(process.env.MEMCACHED_URL); const s = require('net').connect(port, hostname); s.write(${JSON.stringify(`${lines.join('\r\n')}\r\nquit\r\n`)}); s.pipe(process.stdout)`;

describe('a site with Memcached', () => {
  let operator: Operator;
  let site: LabSite;
  let up: { code: number; stdout: string; stderr: string };
  const say = (...lines: readonly string[]) => site.compose('exec', '-T', 'web-blue', 'node', '-e', client(...lines));

  beforeAll(async () => {
    operator = await Operator.create();
    site = await LabSite.create(operator, name);
    const set = [
      'edge.http=9190',
      'edge.https=9553',
      `services.web.image=${image}`,
      'caches.pages={ engine: memcached, memory: 256Mi }',
      'services.web.uses=[database, cache, files, pages]',
    ].flatMap((edit) => ['--set', edit]);
    await operator.run(['berth', 'init', name, '--profile', 'minimum', ...set], operator.home);
    await attempt(['docker', 'image', 'rm', '--force', image]);
    up = await site.up();
  });
  afterAll(async () => {
    await site?.remove();
    await attempt(['docker', 'image', 'rm', '--force', image]);
    operator?.[Symbol.dispose]();
  });

  test('comes up with `docker compose up -d --wait`, which builds the image of the application where there is none', async () => {
    expect(up, up.stderr.slice(-2000)).toMatchObject({ code: 0 });
    expect(await attempt(['docker', 'image', 'inspect', image])).toMatchObject({ code: 0 });
  });

  test('is told where it is, and reads there what it wrote', async () => {
    expect(await say('set greeting 0 60 5', 'hello', 'get greeting')).toBe('STORED\r\nVALUE greeting 0 5\r\nhello\r\nEND\r\n');
  });

  test('runs it with the settings of the plan', async () => {
    const { caches } = JSON.parse(await site.berth('plan', '--json')) as {
      caches: readonly { service: string; settings: readonly { name: string; value: string }[] }[];
    };
    const planned = Object.fromEntries(
      caches.find(({ service }) => service === 'pages')?.settings.map((one) => [one.name, one.value]) ?? [],
    );
    const said = await say('stats settings');
    const setting = (key: string) => new RegExp(`^STAT ${key} (.*)\r$`, 'm').exec(said)?.[1];
    expect(Number(setting('maxbytes')) / 2 ** 20).toBe(Number(planned['memory-limit']));
    expect(setting('maxconns')).toBe(planned['conn-limit']);
    expect(setting('num_threads')).toBe(planned['threads']);
    expect(Number(setting('item_size_max'))).toBe(2 ** 20);
    expect(setting('udpport')).toBe('0');
  });

  test('stays within its limit when it is full of the smallest items, and evicts', async () => {
    const fill = `const { hostname, port } = new URL(process.env.MEMCACHED_URL); const s = require('net').connect(port, hostname);
      let i = 0; const put = () => { while (i < 3e6) if (!s.write(\`set \${(i++).toString(36)} 0 0 1 noreply\\r\\nx\\r\\n\`)) return; s.end('stats\\r\\nquit\\r\\n'); };
      s.on('drain', put); s.pipe(process.stdout); put();`;
    const said = await site.compose('exec', '-T', 'web-blue', 'node', '-e', fill);
    const stat = (key: string) => Number(new RegExp(`^STAT ${key} (.*)\r$`, 'm').exec(said)?.[1]);
    expect(stat('evictions')).toBeGreaterThan(0);
    const [used = '', limit = ''] = (
      await site.compose(
        'exec',
        '-T',
        'pages',
        'sh',
        '-c',
        'cat /sys/fs/cgroup/memory.current /sys/fs/cgroup/memory.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.usage_in_bytes /sys/fs/cgroup/memory/memory.limit_in_bytes',
      )
    ).split('\n');
    process.stderr.write(
      `memcached, full of the smallest items: ${(Number(used) / 2 ** 20).toFixed(0)} of ${(Number(limit) / 2 ** 20).toFixed(0)} MiB\n`,
    );
    expect(Number(used) / Number(limit)).toBeLessThan(0.9);
  });

  test('has lost everything when it starts anew', async () => {
    await say('set greeting 0 0 5', 'hello');
    await site.compose('restart', 'pages');
    expect(await site.up()).toMatchObject({ code: 0 });
    expect(await say('get greeting')).toBe('END\r\n');
  });
});
