import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LabSite, Operator } from './installed.ts';
import { attempt, run } from './process.ts';

const name = 'loose';
const image = 'berth/loose:1.0.0';
/** Node as a file that carries the capability to bind ports below 1024, and a folder of the user that it runs as. */
const dockerfile = `FROM berth/hello:0.1.0
USER root
RUN cp "$(command -v node)" /usr/bin/carrying && mkdir /srv/own && chown 10001:10001 /srv/own && perl -e '$v = pack("V5", 0x02000001, 1 << 10, 0, 0, 0); $n = "security.capability"; $p = "/usr/bin/carrying"; syscall(188, $p, $n, $v, length $v, 0) == 0 or die $!'
USER 10001:10001
`;
const stayAlive = "require('fs').writeFileSync('/tmp/alive', ''); setInterval(() => {}, 1000)";
const worker = (program: string, loosen: string) =>
  `{ kind: worker, image: "${image}", entrypoint: [${program}, -e], command: [${JSON.stringify(stayAlive)}], healthcheck: [test, -f, /tmp/alive], loosen: ${loosen} }`;
const [bind, root, setuid] = [
  'NET_BIND_SERVICE: its program carries this file capability',
  'writableRoot: it writes beside its program',
  'newPrivileges: it calls a program that carries a capability',
];

describe('a site whose hardening is loosened', () => {
  let operator: Operator;
  let site: LabSite;
  const up = (service: string) => operator.attempt(['docker', 'compose', 'up', '-d', '--wait', service], site.folder);
  const inside = (service: string, ...argv: readonly string[]) =>
    operator.attempt(['docker', 'compose', 'exec', '-T', service, ...argv], site.folder);
  /** What the kernel says of the program of a service, which Docker's own init has started, or of another one. */
  const ownProgram = 'for p in /proc/[0-9]*/status; do grep -q "^PPid:.1$" "$p" && cat "$p"; done';
  const rights = async (service: string, of = ownProgram) => {
    const { stdout } = await inside(service, 'sh', '-c', of);
    return { effective: /^CapEff:\t0*(\w+)$/m.exec(stdout)?.[1], gainsNothing: /^NoNewPrivs:\t(\d)$/m.exec(stdout)?.[1] === '1' };
  };
  const writes = async (service: string, path = '/srv/own/file') => (await inside(service, 'touch', path)).code === 0;

  beforeAll(async () => {
    operator = await Operator.create();
    site = await LabSite.create(operator, name);
    const folder = join(operator.home, 'image');
    mkdirSync(folder);
    writeFileSync(join(folder, 'Dockerfile'), dockerfile);
    await run(['docker', 'build', '--quiet', '--tag', image, folder]);
    const set = [
      'edge.http=9197',
      'edge.https=9597',
      `services.hard=${worker('/usr/bin/carrying', '{}')}`,
      `services.bound=${worker('/usr/bin/carrying', `{ ${bind} }`)}`,
      `services.open=${worker('node', `{ ${root} }`)}`,
      `services.gaining=${worker('node', `{ ${bind}, ${setuid} }`)}`,
    ].flatMap((edit) => ['--set', edit]);
    await operator.run(['berth', 'init', name, '--profile', 'minimum', ...set], operator.home);
  });
  afterAll(async () => {
    await site?.remove();
    await attempt(['docker', 'image', 'rm', '--force', image]);
    operator?.[Symbol.dispose]();
  });

  test('does not start a program with a file capability where that was not given', async () => {
    expect((await up('hard')).code).not.toBe(0);
    expect(await site.compose('logs', 'hard')).toMatch(/exec \/usr\/bin\/carrying failed: Operation not permitted/i);
  });

  test('starts it where it was given, and it gains nothing by that alone', async () => {
    expect(await up('bound')).toMatchObject({ code: 0 });
    expect(await rights('bound')).toEqual({ effective: '0', gainsNothing: true });
    expect(await writes('bound')).toBe(false);
  });

  test('lets what may write to its root do so, as its own user and without a capability', async () => {
    expect(await up('open')).toMatchObject({ code: 0 });
    expect(await writes('open')).toBe(true);
    expect(await writes('open', '/usr/bin/node')).toBe(false);
    expect(await rights('open')).toEqual({ effective: '0', gainsNothing: true });
  });

  test('lets a program gain the capability that its file carries only where both are named', async () => {
    expect(await up('gaining')).toMatchObject({ code: 0 });
    expect(await rights('gaining')).toEqual({ effective: '0', gainsNothing: false });
    const read = `/usr/bin/carrying -p "require('fs').readFileSync('/proc/self/status', 'utf8')"`;
    expect(await rights('gaining', read)).toEqual({ effective: '400', gainsNothing: false });
  });

  test('is found by lint, each with its reason', async () => {
    expect(await site.berth('lint')).toContain('it writes beside its program');
  });
});
