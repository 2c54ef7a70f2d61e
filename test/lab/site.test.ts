import { execFileSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { EngineSetting } from '../../model/plan.ts';
import { ensureSecondCompose } from './engine.ts';
import { isFromLab } from './images.ts';
import { LabSite, Operator } from './installed.ts';
import { attempt, run } from './process.ts';
import { until } from './until.ts';
import { Visitor } from './visitor.ts';

interface Health {
  readonly status: string;
  readonly checks: Readonly<Record<string, { readonly status: string; readonly error?: string }>>;
}
interface PlanJson {
  readonly services: readonly {
    readonly name: string;
    readonly kind: string;
    readonly slotted: boolean;
    readonly user: string;
    readonly role: string;
    readonly networks: readonly string[];
    readonly volumes: readonly { readonly name: string; readonly target: string }[];
    readonly tmpfs: readonly { readonly path: string }[];
    readonly nofile?: number;
    readonly shm?: number;
    readonly size: { readonly memory: number; readonly cpu: number; readonly pids: number };
    readonly env: Readonly<Record<string, string>>;
  }[];
  readonly databases: readonly { readonly settings: readonly EngineSetting[] }[];
  readonly caches: readonly { readonly settings: readonly EngineSetting[] }[];
  readonly edge: { readonly workers: number; readonly connections: number; readonly nofile: number };
  readonly decisions: readonly { readonly key: string; readonly value: string }[];
}
interface Inspected {
  readonly Id: string;
  readonly Name: string;
  readonly Mounts: readonly {
    readonly Type: string;
    readonly Name?: string;
    readonly Source: string;
    readonly Destination: string;
    readonly RW: boolean;
  }[];
  readonly Config: {
    readonly User: string;
    readonly Env: readonly string[];
    readonly Labels: Readonly<Record<string, string>>;
    readonly Healthcheck?: object;
    readonly StopTimeout?: number;
  };
  readonly HostConfig: {
    readonly ReadonlyRootfs: boolean;
    readonly CapDrop: readonly string[];
    readonly CapAdd: readonly string[] | null;
    readonly SecurityOpt: readonly string[];
    readonly PidsLimit: number;
    readonly Memory: number;
    readonly MemorySwap: number;
    readonly NanoCpus: number;
    readonly Privileged: boolean;
    readonly PortBindings: Readonly<Record<string, unknown>>;
    readonly LogConfig: { readonly Type: string; readonly Config: Readonly<Record<string, string>> };
    readonly Tmpfs: Readonly<Record<string, string>> | null;
    readonly Ulimits: readonly { readonly Name: string; readonly Soft: number; readonly Hard: number }[] | null;
    readonly ShmSize: number;
    readonly Init?: boolean | null;
  };
  readonly NetworkSettings: { readonly Networks: Readonly<Record<string, unknown>> };
}

/** What `generate --json` says of containers. */
interface Announced {
  readonly recreated: readonly { readonly service: string }[];
  readonly scaled: readonly { readonly service: string }[];
  readonly added: readonly string[];
}

/** What stands behind the rows that use the store. An image of that name that the lab did not build is the real one. */
const store = (await isFromLab('minio')) ? 'MinIO: stand-in' : 'MinIO';

/** `4GB` and `4096MB` are the same. */
const inKilobytes = (value: string): string => {
  const match = /^(\d+)(kB|MB|GB)$/.exec(value);
  return match ? String(Number(match[1]) * ({ kB: 1, MB: 1024, GB: 1024 * 1024 }[match[2] ?? 'kB'] ?? 1)) : value;
};

describe.each([
  { profile: 'minimum', http: 80, https: 443 },
  { profile: 'recommended', http: 8080, https: 8443 },
])('a site of profile $profile, made and run by a user who is not root', ({ profile, http, https }) => {
  const replica = profile === 'recommended' ? ['database-replica'] : [];
  let operator: Operator;
  let site: LabSite;
  let visitor: Visitor;
  let plan: PlanJson;
  let firstUp: { code: number; stdout: string; stderr: string };
  const initOutput: string[] = [];

  /** The services whose containers are others than before, or are new or gone. */
  const changed = (before: Readonly<Record<string, string>>, after: Readonly<Record<string, string>>) =>
    [
      ...new Set(
        Object.keys({ ...before, ...after })
          .filter((name) => before[name] !== after[name])
          .map((name) => name.slice(profile.length + 1).replace(/-\d+$/, '')),
      ),
    ].sort();
  const announced = (said: string): readonly string[] => {
    const { recreated, scaled, added } = (JSON.parse(said) as { containers: Announced }).containers;
    return [...new Set([...recreated, ...scaled].map(({ service }) => service).concat(added))].sort();
  };
  const appPassword = () => /REDIS_URL=redis:\/\/app:([^@]+)@/.exec(site.read('secrets/web.env'))?.[1] ?? '';
  const cacheAs = (user: string, password: string, ...command: readonly string[]) =>
    site.compose('exec', '-T', '-e', `REDISCLI_AUTH=${password}`, 'cache', 'valkey-cli', '--user', user, ...command);
  /** As a person does it: again, while the store is still starting. What health says of it is a few seconds old, and a refused note leaves nothing behind. */
  const writeNote = async (text: string) => {
    await until(async () => {
      const { status } = await visitor.ask({
        path: '/notes',
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded', 'accept': 'application/json' },
        body: new URLSearchParams({ text }).toString(),
      });
      return status === 201;
    }, `the note "${text}" is taken`);
  };
  const inspectAll = async (): Promise<readonly Inspected[]> =>
    JSON.parse(await run(['docker', 'inspect', ...Object.values(await site.ids())])) as Inspected[];
  /** Whole, not merely serving: an application without its cache or its store answers 200 as well, as degraded. */
  const isHealthy = (answer: { status: number; body: string }) =>
    answer.status === 200 && (JSON.parse(answer.body) as { status: string }).status === 'healthy';

  beforeAll(async () => {
    operator = await Operator.create();
    site = new LabSite(operator, profile);
    initOutput.push(
      await operator.run(
        [
          'berth',
          'init',
          profile,
          '--profile',
          profile,
          ...[`edge.http=${http}`, `edge.https=${https}`, 'caches.cache.topology=single'].flatMap((one) => ['--set', one]),
        ],
        operator.home,
      ),
    );
    initOutput.push(await site.berth('plan', '--json'));
    plan = JSON.parse(initOutput[1] ?? '') as PlanJson;
    firstUp = await site.up();
    visitor = new Visitor(site.read('secrets/tls/ca.crt'), https);
  });
  afterAll(async () => {
    visitor?.close();
    await site?.remove();
    operator?.[Symbol.dispose]();
  });

  test(`comes up healthy from an empty folder with \`docker compose up -d --wait\` (${store})`, () => {
    expect(firstUp, firstUp.stderr.slice(-2000)).toMatchObject({ code: 0 });
  });

  test('is accepted by both versions of Compose', async () => {
    const second = await ensureSecondCompose();
    for (const compose of [['docker', 'compose'], [second]])
      expect(await operator.attempt([...compose, 'config', '--quiet'], site.folder)).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  test('keeps every container under the second Compose, but for those that the two versions name differently', async () => {
    const second = await ensureSecondCompose();
    const up = () => operator.attempt([second, 'up', '-d', '--wait'], site.folder);
    const before = await site.ids();
    expect(await up()).toMatchObject({ code: 0 });
    const taken = await site.ids();
    // 2.26 counts `depends_on` and `profiles` among what makes a container, 2.40 does not: the first `up` of the other one makes these services anew.
    const { services } = parse(site.read('compose.yaml')) as {
      services: Readonly<Record<string, { readonly depends_on?: object; readonly profiles?: readonly string[] }>>;
    };
    const named = Object.entries(services)
      .filter(
        ([name, service]) =>
          (service.depends_on ?? service.profiles) && Object.keys(before).some((container) => container.startsWith(`${profile}-${name}-`)),
      )
      .map(([name]) => name);
    expect(changed(before, taken)).toEqual(named.sort());
    expect(named.sort()).toEqual([...replica, 'edge', 'web-blue']);
    expect(await up()).toMatchObject({ code: 0 });
    expect(await site.ids()).toEqual(taken);
    // Back, as everything below is done with the engine's own Compose.
    expect(await site.up()).toMatchObject({ code: 0 });
    expect(changed(taken, await site.ids())).toEqual(named.sort());
    await visitor.until('/api/health', isHealthy);
  });

  test(`answers through the edge with a certificate of its own authority, every check healthy (${store})`, async () => {
    const answer = await visitor.until('/api/health', isHealthy);
    expect(JSON.parse(answer.body)).toMatchObject({
      status: 'healthy',
      version: '0.1.0',
      slot: 'blue',
      checks: { database: { status: 'healthy' }, redis: { status: 'healthy' }, storage: { status: 'healthy' } },
    });
    await expect(
      new Visitor(execFileSync('cat', ['/etc/ssl/certs/ca-certificates.crt'], { encoding: 'utf8' }), https).ask({ path: '/' }),
    ).rejects.toThrow(/certificate/);
    expect((await visitor.ask({ path: '/' })).body).toContain('<html');
  });

  test('sends plain http on to https', async () => {
    const head = await run(['curl', '-sS', '-o', '/dev/null', '-w', '%{http_code} %{redirect_url}', `http://localhost:${http}/notes?x=1`]);
    expect(head).toBe(`308 https://localhost${https === 443 ? '' : `:${https}`}/notes?x=1`);
  });

  test('runs PostgreSQL with exactly the settings of the plan', async () => {
    const settings = plan.databases[0]?.settings ?? [];
    const query = settings.map(({ name }) => `SELECT '${name}', current_setting('${name}');`).join('');
    const output = await site.compose(
      'exec',
      '-T',
      'database',
      'sh',
      '-c',
      `PGPASSWORD=$(cat /run/secrets/database-admin) psql -h 127.0.0.1 -U postgres -AtqF= -c "${query}"`,
    );
    const running = Object.fromEntries(
      output
        .trim()
        .split('\n')
        .map((line) => {
          const [name = '', value = ''] = line.split('=');
          return [name, inKilobytes(value)];
        }),
    );
    expect(settings.length).toBeGreaterThan(20);
    expect(running).toEqual(Object.fromEntries(settings.map(({ name, value }) => [name, inKilobytes(value)])));
  });

  test('runs Valkey with exactly the settings of the plan', async () => {
    const settings = plan.caches[0]?.settings ?? [];
    const inBytes = (value: string) => {
      const match = /^(\d+)mb$/.exec(value);
      return match ? String(Number(match[1]) * 2 ** 20) : value;
    };
    const reload = async () => {
      await site.compose('restart', 'cache');
      expect(await site.up()).toMatchObject({ code: 0 });
    };
    // Nobody may read the settings of a site, so somebody who may is let in for this.
    const kept = site.read('secrets/cache-acl');
    site.edit('secrets/cache-acl', (text) => `${text.trimEnd()}\nuser lab on nopass ~* &* +config|get\n`);
    try {
      await reload();
      const running: Record<string, string> = {};
      for (const { name } of settings) {
        const [answered = '', value = ''] = (await cacheAs('lab', 'any', 'CONFIG', 'GET', name)).split(/\r?\n/);
        running[answered] = value;
      }
      expect(settings.length).toBeGreaterThan(6);
      expect(running).toEqual(Object.fromEntries(settings.map(({ name, value }) => [name, inBytes(value)])));
    } finally {
      site.edit('secrets/cache-acl', () => kept);
      await reload();
    }
    expect(await cacheAs('lab', 'any', 'CONFIG', 'GET', 'port').catch(String)).toMatch(/WRONGPASS|NOAUTH|NOPERM/);
    await visitor.until('/api/health', isHealthy);
  });

  test('lets nobody into the cache without a password, and the application not near its administration', async () => {
    expect(await site.compose('exec', '-T', 'cache', 'valkey-cli', 'GET', 'x')).toContain('NOPERM');
    expect(await cacheAs('app', appPassword(), 'CONFIG', 'GET', '*')).toContain('NOPERM');
  });

  test('runs nginx with the workers, connections and file descriptors of the plan', async () => {
    const dump = await site.compose('exec', '-T', 'edge', 'nginx', '-c', '/etc/berth/edge/nginx.conf', '-T');
    expect(/worker_connections\s+(\d+)/.exec(dump)?.[1]).toBe(String(plan.edge.connections));
    const [edge] = (await inspectAll()).filter(({ Name }) => Name.endsWith('-edge-1'));
    const processes = (await run(['docker', 'top', edge?.Id ?? '', '-o', 'pid,args']))
      .split('\n')
      .filter((line) => line.includes('worker process'));
    expect(processes).toHaveLength(plan.edge.workers);
    const limits = await run(['cat', `/proc/${processes[0]?.trim().split(/\s+/)[0] ?? ''}/limits`]);
    expect(/Max open files\s+(\d+)/.exec(limits)?.[1]).toBe(String(plan.edge.nofile));
  });

  test('runs Node with the heap of the plan', async () => {
    const { heapLimitMiB, poolSize } = await visitor.json<{ heapLimitMiB: number; poolSize: number }>('/api/env');
    const heap = Number(plan.decisions.find(({ key }) => key === 'web.max-old-space-size')?.value);
    // V8 counts its young generation on top.
    expect(heapLimitMiB).toBeGreaterThanOrEqual(heap);
    expect(heapLimitMiB).toBeLessThan(heap + 200);
    expect(String(poolSize)).toBe(plan.decisions.find(({ key }) => key === 'web.pool')?.value);
  });

  test('hardens every container', async () => {
    const containers = await inspectAll();
    expect(containers.length).toBeGreaterThanOrEqual(8);
    const declared = Object.keys((parse(site.read('compose.yaml')) as { volumes: object }).volumes).map((name) => `${profile}_${name}`);
    expect(plan.services.filter(({ shm }) => shm !== undefined).map(({ name }) => name)).toEqual(['database', ...replica]);
    for (const { Name, Mounts, NetworkSettings, Config, HostConfig } of containers) {
      const service = plan.services.find(
        ({ name, slotted }) => Name.replace(/^\/[^-]+-/, '').replace(/-\d+$/, '') === (slotted ? `${name}-blue` : name),
      );
      expect(service, Name).toBeDefined();
      expect({
        Name,
        user: Config.User,
        root: HostConfig.ReadonlyRootfs,
        drop: HostConfig.CapDrop,
        add: HostConfig.CapAdd ?? [],
        security: HostConfig.SecurityOpt,
        privileged: HostConfig.Privileged,
        pids: HostConfig.PidsLimit,
        memory: HostConfig.Memory,
        swap: HostConfig.MemorySwap,
        cpus: HostConfig.NanoCpus,
        log: HostConfig.LogConfig,
        ports: Object.keys(HostConfig.PortBindings).length,
      }).toEqual({
        Name,
        user: service?.user,
        root: true,
        drop: ['ALL'],
        add: [],
        security: ['no-new-privileges:true'],
        privileged: false,
        pids: service?.size.pids,
        memory: (service?.size.memory ?? 0) * 2 ** 20,
        swap: (service?.size.memory ?? 0) * 2 ** 20,
        cpus: (service?.size.cpu ?? 0) * 1e6,
        log: { Type: 'json-file', Config: { 'max-file': '3', 'max-size': '10m' } },
        ports: service?.name === 'edge' ? 2 : 0,
      });
      expect(Config.User).not.toMatch(/^(0|root|)(:|$)/);
      expect(Config.Healthcheck !== undefined, `${Name} has a health check`).toBe(service?.kind === 'server');
      expect({
        Name,
        nofile: (HostConfig.Ulimits ?? []).map(({ Name: limit, Soft, Hard }) => `${limit} ${Soft} ${Hard}`),
        shm: HostConfig.ShmSize,
        init: HostConfig.Init ?? false,
        networks: Object.keys(NetworkSettings.Networks).sort(),
      }).toEqual({
        Name,
        nofile: service?.nofile === undefined ? [] : [`nofile ${service.nofile} ${service.nofile}`],
        shm: (service?.shm ?? 64) * 2 ** 20,
        init: service?.role === 'app',
        networks: (service?.networks ?? []).map((name) => `${profile}_${name}`).sort(),
      });
      expect(Object.keys(HostConfig.Tmpfs ?? {}).sort(), Name).toEqual((service?.tmpfs ?? []).map(({ path }) => path).sort());
      for (const [path, options] of Object.entries(HostConfig.Tmpfs ?? {}))
        expect(options.split(','), `${Name} ${path}`).toEqual(
          expect.arrayContaining(['noexec', 'nosuid', 'nodev', expect.stringMatching(/^size=\d+m$/)]),
        );
      // An image may declare volumes that nobody asked for: Docker would make one without a name for each container.
      const volumes = Mounts.filter(({ Type }) => Type === 'volume');
      expect(Object.fromEntries(volumes.map(({ Name: volume, Destination }) => [volume, Destination])), Name).toEqual(
        Object.fromEntries((service?.volumes ?? []).map(({ name, target }) => [`${profile}_${name}`, target])),
      );
      expect(
        volumes.filter(({ Name: volume }) => !declared.includes(volume ?? '')),
        Name,
      ).toEqual([]);
      expect(
        Mounts.filter(({ Type, RW, Source }) => Type !== 'volume' && (Type !== 'bind' || RW || !Source.startsWith(`${site.folder}/`))),
        Name,
      ).toEqual([]);
      expect(Config.StopTimeout ?? 0, `${Name} has a stop grace`).toBeGreaterThanOrEqual(10);
    }
  });

  test('heeds a wish for a slot from this host only', async () => {
    // Nothing runs in green, so a wish for it that is heeded ends on the maintenance page.
    expect((await visitor.ask({ path: '/livez', headers: { 'x-berth-slot': 'green' } })).status).toBe(503);
    const ask = `require('https').get({ host: 'edge', port: 8443, servername: 'localhost', rejectUnauthorized: false, path: '/livez', headers: { host: 'localhost', 'x-berth-slot': 'green' } }, (a) => { console.log(a.statusCode); process.exit(0); })`;
    expect((await site.compose('exec', '-T', 'web-blue', 'node', '-e', ask)).trim()).toBe('200');
  });

  test('keeps the data network closed to the outside', async () => {
    const networks = JSON.parse(await run(['docker', 'network', 'inspect', `${profile}_data`, `${profile}_app`, `${profile}_edge`])) as {
      Name: string;
      Internal: boolean;
    }[];
    expect(Object.fromEntries(networks.map(({ Name, Internal }) => [Name, Internal]))).toEqual({
      [`${profile}_data`]: true,
      [`${profile}_app`]: true,
      [`${profile}_edge`]: false,
    });
    const members = (await inspectAll()).map(({ Name, NetworkSettings }) => [
      Name,
      Object.keys(NetworkSettings.Networks)
        .map((name) => name.replace(`${profile}_`, ''))
        .sort()
        .join(' '),
    ]);
    expect(Object.fromEntries(members)).toMatchObject({
      [`/${profile}-edge-1`]: 'app edge',
      [`/${profile}-web-blue-1`]: 'app data',
      [`/${profile}-database-1`]: 'data',
      [`/${profile}-cache-1`]: 'data',
      [`/${profile}-files-1`]: 'data',
    });
  });

  test('gives the application an account that owns its database and nothing else', async () => {
    const asApp = (sql: string) =>
      site.operator.attempt(
        [
          'docker',
          'compose',
          'exec',
          '-T',
          '-e',
          `URL=${/DATABASE_URL=(.*)/.exec(site.read('secrets/web.env'))?.[1]?.replace('@database:', '@127.0.0.1:') ?? ''}`,
          'database',
          'sh',
          '-c',
          `psql "$URL" -Atc "${sql}"`,
        ],
        site.folder,
      );
    expect(
      (
        await asApp(
          'SELECT rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls FROM pg_roles WHERE rolname = current_user',
        )
      ).stdout.trim(),
    ).toBe('f');
    expect((await asApp('CREATE TABLE berth_lab (x int); DROP TABLE berth_lab')).code).toBe(0);
    expect((await asApp('SELECT * FROM pg_authid')).stderr).toContain('permission denied');
    expect((await asApp('CREATE DATABASE other')).stderr).toContain('permission denied');
  });

  test(`gives the application an account that enters its own bucket and no other (${store})`, async () => {
    const mc = (script: string) =>
      site.operator.attempt(
        ['docker', 'compose', 'run', '--rm', '--no-deps', '-T', '--entrypoint', '/bin/sh', 'files-buckets', '-c', script],
        site.folder,
      );
    const root = 'export MC_HOST_store="http://$MINIO_ROOT_USER:$(cat /run/secrets/files-root)@files:9000"';
    expect((await mc(`${root}; mc mb --ignore-existing store/not-yours`)).code).toBe(0);
    const app = `export MC_HOST_app="http://${profile}-app:$(cat /run/secrets/files-app)@files:9000"`;
    expect((await mc(`${app}; mc ls app/notes`)).code).toBe(0);
    expect((await mc(`${app}; mc ls app/not-yours`)).code).not.toBe(0);
    expect((await mc(`${app}; mc admin user info app ${profile}-app`)).code).not.toBe(0);
  });

  test.each([
    { service: 'cache', title: 'cache', check: 'redis', status: 'degraded' },
    { service: 'files', title: `files (${store})`, check: 'storage', status: 'degraded' },
    { service: 'database', title: 'database', check: 'database', status: 'unhealthy' },
  ])('says $status while $title is down, and recovers', async ({ service, check, status }) => {
    await site.compose('kill', service);
    // What does not answer within a second counts as down, so on a busy machine it may be more than that for a moment.
    await visitor.until('/api/health', (found) => {
      if (found.status !== 503) return false;
      const { status: said, checks } = JSON.parse(found.body) as Health;
      const down = Object.keys(checks).filter((name) => checks[name]?.status !== 'healthy');
      return said === status && down.join() === check;
    });
    // A dependency that is down must not evict the application.
    expect((await visitor.ask({ path: '/readyz' })).status).toBe(200);
    expect(await site.up()).toMatchObject({ code: 0 });
    await visitor.until('/api/health', isHealthy);
  });

  test('restarts an engine whose process died', async () => {
    const [database] = (await inspectAll()).filter(({ Name }) => Name.endsWith('-database-1'));
    const pid = await run(['docker', 'inspect', '--format', '{{.State.Pid}}', database?.Id ?? '']);
    await run(['kill', '-9', pid]);
    const restarts = async () => Number(await run(['docker', 'inspect', '--format', '{{.RestartCount}}', database?.Id ?? '']));
    await until(async () => (await restarts()) > 0, 'it is started anew');
    await visitor.until('/api/health', isHealthy);
  });

  test('keeps every container on a second `up`', async () => {
    const before = await site.ids();
    expect(await site.up()).toMatchObject({ code: 0 });
    expect(await site.ids()).toEqual(before);
  });

  test('writes nothing on a second `generate`', async () => {
    expect(await site.berth('generate')).toContain('Nothing to write');
    expect(await site.berth('generate', '--check')).toContain('is what its spec says');
  });

  test('recreates exactly the service whose mounted file was edited', async () => {
    const before = await site.ids();
    site.edit('config/cache/valkey.conf', (text) => text.replace('timeout "0"', 'timeout "300"'));
    const said = await site.berth('generate');
    expect(said).toContain('recreates cache: config/cache/valkey.conf');
    expect(said.match(/recreates/g)).toHaveLength(1);
    expect(await site.up()).toMatchObject({ code: 0 });
    expect(changed(before, await site.ids())).toEqual(['cache']);
    await visitor.until('/api/health', isHealthy);
  });

  test('hands plain variables over byte for byte, and recreates only the application for them', async () => {
    const odd = {
      A: `$HOME $$ \${X} " ' \` # : \\ % {{x}} {`,
      B: '  leading and trailing  ',
      C: 'two\nlines\ttab\r',
      D: 'grüße 日本 🚢 \u0085\u2028',
      E: 'x'.repeat(5000),
      F: '{{',
      G: '',
      H: 'key: value # no comment',
      I: '"quoted"',
      J: "'single'",
    };
    const before = await site.ids();
    site.edit('berth.yaml', (text) => text.replace('    runtime: node', () => `    env: ${JSON.stringify(odd)}\n    runtime: node`));
    const said = await site.berth('generate', '--json');
    expect(announced(said)).toEqual(['web-blue']);
    expect(await site.up()).toMatchObject({ code: 0 });
    expect(changed(before, await site.ids())).toEqual(['web-blue']);
    const seen = JSON.parse(
      await site.compose(
        'exec',
        '-T',
        'web-blue',
        'node',
        '-e',
        "const e=require('fs').readFileSync('/proc/1/environ','utf8').split('\\0');console.log(JSON.stringify(Object.fromEntries(e.filter(Boolean).map(x=>[x.slice(0,x.indexOf('=')),x.slice(x.indexOf('=')+1)]))))",
      ),
    ) as Record<string, string>;
    expect(Object.fromEntries(Object.keys(odd).map((name) => [name, seen[name]]))).toEqual(odd);
  });

  test('switches slots under load without a failed request, without recreating the edge', async () => {
    await visitor.until('/api/health', isHealthy);
    await run(['docker', 'tag', 'berth/hello:0.1.0', 'berth/hello:0.2.0']);
    const replicas = plan.services.find(({ slotted }) => slotted)
      ? Number(plan.decisions.find(({ key }) => key === 'web.replicas')?.value)
      : 0;
    const before = await site.ids();
    const release = (blue: string | undefined, green: string | undefined) => {
      site.edit(
        'release.yaml',
        () =>
          `apiVersion: berth/v1\nservices:\n  web:\n${[blue && `    blue: ${blue}`, green && `    green: ${green}`].filter(Boolean).join('\n')}\n`,
      );
    };
    const slot = (tag: string, weight: number, count: number) => `{ image: berth/hello:${tag}, weight: ${weight}, replicas: ${count} }`;
    const apply = async () => {
      await site.berth('generate');
      expect(await site.up()).toMatchObject({ code: 0 });
    };
    const visitors = 60;
    const inGreen = async () => {
      let found = 0;
      for (let number = 0; number < visitors; number++) {
        const { body } = await visitor.ask({ path: '/api/env', headers: { 'user-agent': `one of many ${number}` } });
        if ((JSON.parse(body) as { slot: string }).slot === 'green') found += 1;
      }
      return found;
    };
    const load = visitor.load(60);
    try {
      release(slot('0.1.0', 100, replicas), slot('0.2.0', 0, 1));
      await apply();
      // The edge looks every two seconds where the names of slots lead to.
      const green = await visitor.until({ path: '/api/env', headers: { 'x-berth-slot': 'green' } }, ({ status }) => status === 200);
      expect(JSON.parse(green.body)).toMatchObject({ version: '0.2.0', slot: 'green' });
      release(slot('0.1.0', 75, replicas), slot('0.2.0', 25, 1));
      expect(await site.berth('generate')).toContain('no container has to be recreated');
      await until(async () => (await inGreen()) > 0, 'somebody is sent to green');
      await sleep(3000);
      release(slot('0.1.0', 75, 1), slot('0.2.0', 25, replicas));
      await apply();
      release(slot('0.1.0', 0, 1), slot('0.2.0', 100, replicas));
      await site.berth('generate');
      await until(async () => (await inGreen()) === visitors, 'everybody is sent to green');
      await sleep(3000);
      release(undefined, slot('0.2.0', 100, replicas));
      await apply();
      await sleep(1000);
    } finally {
      const result = await load.stop();
      const complaints =
        result.failed.length === 0
          ? ''
          : (await site.compose('logs', '--no-log-prefix', '--no-color', 'edge'))
              .split('\n')
              .filter((line) => /"status":"?5|error|warn/.test(line))
              .slice(-20)
              .join('\n');
      expect(result.failed, complaints).toEqual([]);
      expect(result.sent).toBeGreaterThan(600);
    }
    const after = await site.ids();
    expect(
      Object.keys(after)
        .filter((name) => name.includes('-web-'))
        .sort(),
    ).toEqual(Array.from({ length: replicas }, (_, index) => `${profile}-web-green-${index + 1}`));
    expect(after[`${profile}-edge-1`]).toBe(before[`${profile}-edge-1`]);
    expect(JSON.parse((await visitor.ask({ path: '/api/env' })).body)).toMatchObject({ version: '0.2.0', slot: 'green' });
  });

  test('keeps the live slot through an edge restart and a second generate', async () => {
    await site.compose('restart', 'edge');
    await site.berth('generate');
    expect(await site.up()).toMatchObject({ code: 0 });
    expect(JSON.parse((await visitor.until('/api/health', isHealthy)).body)).toMatchObject({ slot: 'green' });
  });

  test('shows the maintenance page while no slot is live, and `up` still ends well', async () => {
    const kept = site.read('release.yaml');
    site.edit('release.yaml', () => 'apiVersion: berth/v1\nservices: { web: {} }\n');
    await site.berth('generate');
    expect(await site.up()).toMatchObject({ code: 0 });
    const page = await visitor.until('/', (answer) => answer.status === 503);
    expect(page.headers['retry-after']).toBeDefined();
    expect((await visitor.ask({ path: '/', headers: { accept: 'text/html' } })).body).toContain('<html');
    site.edit('release.yaml', () => kept);
    await site.berth('generate');
    expect(await site.up()).toMatchObject({ code: 0 });
    await visitor.until('/api/health', isHealthy);
  });

  test("keeps the data through `--profile '*' down` and `up`", async () => {
    await writeNote('kept through a restart');
    const before = await visitor.json<{ visits: number }>('/api/visits');
    await site.compose('--profile', '*', 'down');
    expect((await site.compose('--profile', '*', 'ps', '-aq')).trim()).toBe('');
    expect(await site.up()).toMatchObject({ code: 0 });
    await visitor.until('/api/health', isHealthy);
    expect((await visitor.json<{ visits: number }>('/api/visits')).visits).toBeGreaterThan(before.visits);
    expect((await visitor.ask({ path: '/api/notes' })).body).toContain('kept through a restart');
  });

  test(`is backed up and restored by the commands of SITE.md, into files that only their owner reads (${store})`, async () => {
    const [backup = '', restore = ''] = [
      ...(site
        .read('SITE.md')
        .split('## Backup and restore')[1]
        ?.split('## Upgrade')[0]
        ?.matchAll(/```sh\n([\s\S]*?)```/g) ?? []),
    ].map(([, block]) => block ?? '');
    expect(backup).toContain('pg_dump');
    await writeNote('in the backup');
    await visitor.until('/api/notes', (answer) => answer.body.includes('in the backup'));
    const around = new Set(readdirSync(operator.home));
    await site.operator.run(['sh', '-ec', backup], site.folder);
    const written = readdirSync(operator.home).filter((name) => !around.has(name) && !name.startsWith('.'));
    expect(written.length).toBeGreaterThanOrEqual(3);
    expect(Object.fromEntries(written.map((name) => [name, (statSync(join(operator.home, name)).mode & 0o777).toString(8)]))).toEqual(
      Object.fromEntries(written.map((name) => [name, '600'])),
    );
    await visitor.until('/api/health', isHealthy);
    const kept = (await visitor.json<{ visits: number }>('/api/visits')).visits;
    await writeNote('written after the backup');
    await visitor.until('/api/notes', (answer) => answer.body.includes('written after the backup'));
    await site.operator.run(['sh', '-ec', restore], site.folder);
    await visitor.until('/api/health', isHealthy);
    expect((await visitor.json<{ visits: number }>('/api/visits')).visits).toBe(kept);
    const notes = (await visitor.ask({ path: '/api/notes' })).body;
    expect(notes).toContain('in the backup');
    expect(notes).not.toContain('written after the backup');
  });

  test('recreates the edge, and nothing else, for a setting of the edge', async () => {
    const before = await site.ids();
    site.edit('berth.yaml', (text) => text.replace(/^edge:\n/m, 'edge:\n  connections: 150\n'));
    expect(announced(await site.berth('generate', '--json'))).toEqual(['edge']);
    expect(await site.up()).toMatchObject({ code: 0 });
    expect(changed(before, await site.ids())).toEqual(['edge']);
    expect(await site.compose('exec', '-T', 'edge', 'nginx', '-c', '/etc/berth/edge/nginx.conf', '-T')).toContain(
      'limit_conn per_address 150;',
    );
    await visitor.until('/api/health', isHealthy);
  });

  test('turns a cache into a store of sessions, and recreates exactly what it announced', async () => {
    const before = await site.ids();
    site.edit('berth.yaml', (text) => text.replace('use: cache', 'use: sessions'));
    const expected = announced(await site.berth('generate', '--json'));
    expect(expected).toContain('cache');
    expect(await site.up()).toMatchObject({ code: 0 });
    expect(changed(before, await site.ids())).toEqual(expected);
    expect(await cacheAs('app', appPassword(), 'INFO', 'persistence')).toMatch(/^aof_enabled:1\r?$/m);
    const [cache] = (await inspectAll()).filter(({ Name }) => Name.endsWith('-cache-1'));
    expect(cache?.Mounts.filter(({ Type }) => Type === 'volume')).toMatchObject([
      { Name: `${profile}_cache-data`, Destination: '/data', RW: true },
    ]);
    await visitor.until('/api/health', isHealthy);
  });

  test('shows a drawn secret nowhere but in declared env deliveries', async () => {
    const ledger = JSON.parse(site.read('secrets/ledger.json')) as {
      secrets: Record<string, string[]>;
      leaf: { key: string };
      authority: { key: string };
    };
    const secrets = [
      ...Object.entries(ledger.secrets).map(([name, versions]) => [name, versions[0] ?? ''] as const),
      ['leaf', ledger.leaf.key.split('\n')[1] ?? ''] as const,
      ['authority', ledger.authority.key.split('\n')[1] ?? ''] as const,
    ];
    expect(secrets.length).toBeGreaterThanOrEqual(7);
    const declared = new Set(['DATABASE_URL', 'DATABASE_READ_URL', 'REDIS_URL', 'S3_SECRET_KEY']);
    const containers = (await inspectAll()).map((container) => ({
      ...container,
      Config: {
        ...container.Config,
        Env: container.Config.Env.filter((variable) => !(container.Name.includes('-web-') && declared.has(variable.split('=')[0] ?? ''))),
      },
    }));
    const { stdout, stderr } = await attempt(['docker', 'compose', '--profile', '*', 'logs', '--no-color'], { cwd: site.folder });
    site.edit('berth.yaml', (text) => text.replace('profile:', '# one more comment\nprofile:'));
    const spoken: string[] = [];
    for (const args of [
      ['generate'],
      ['generate', '--json'],
      ['plan', '--json'],
      ['explain', '--json'],
      ['images', '--json'],
      ['plan'],
      ['explain'],
    ])
      spoken.push(await site.berth(...args));
    const refused = await speakOfEdits();
    const files = await run(['sh', '-c', 'find . -path ./secrets -prune -o -type f -print0 | xargs -0 cat'], { cwd: site.folder });
    const places = {
      inspect: JSON.stringify(containers),
      logs: stdout + stderr,
      spoken: [...initOutput, ...spoken, firstUp.stdout, firstUp.stderr].join(''),
      refused,
      files,
    };
    for (const [place, text] of Object.entries(places))
      for (const [name, value] of secrets) expect(text.includes(value), `${name} in ${place}`).toBe(false);
    const declaredFound = (await inspectAll())
      .filter(({ Name }) => Name.includes('-web-'))
      .every(({ Config }) => Config.Env.some((variable) => variable.startsWith('DATABASE_URL=')));
    expect(declaredFound).toBe(true);
  });

  /** What `generate` says of files that were edited by hand, some of them secret; afterwards everything is as it was. */
  async function speakOfEdits(): Promise<string> {
    const edits: Readonly<Record<string, (text: string) => string>> = {
      'compose.yaml': (text) => text.replace('services:\n', 'services:\n  # by hand\n'),
      'runtime.yaml': (text) => `${text}# by hand\n`,
      'secrets/web.env': (text) => `${text}BY_HAND=1\n`,
      'secrets/cache-acl': (text) => text.replace('user app on', 'user app off'),
      'secrets/files-app': (text) => `${text}x`,
      // The same line by hand and by the spec, so that a merge cannot decide.
      'config/edge/nginx.conf': (text) => text.replace(/limit_conn per_address \d+;/, 'limit_conn per_address 99;'),
    };
    const spec = (text: string) => text.replace(/^edge:\n(?: {2}connections: \d+\n)?/m, 'edge:\n  connections: 160\n');
    const kept = new Map([...Object.keys(edits), 'berth.yaml'].map((path) => [path, site.read(path)]));
    const said: string[] = [];
    try {
      for (const [path, change] of Object.entries({ ...edits, 'berth.yaml': spec })) site.edit(path, change);
      for (const args of [['generate'], ['generate', '--json'], ['generate', '--check'], ['generate', '--check', '--json']]) {
        const { code, stdout, stderr } = await operator.attempt(['berth', ...args], site.folder);
        expect({ args, code }).toEqual({ args, code: 5 });
        said.push(stdout, stderr);
        expect(
          Object.keys(edits).filter((path) => !(stdout + stderr).includes(path)),
          args.join(' '),
        ).toEqual([]);
      }
      expect(said.join('')).toContain('limit_conn per_address 99;');
    } finally {
      for (const [path, text] of kept) if (site.read(path) !== text) site.edit(path, () => text);
    }
    expect(await site.berth('generate', '--check')).toContain('is what its spec says');
    return said.join('');
  }

  test('has a compose.yaml that names every image by a version and pulls nothing that images does not list', async () => {
    const listed = (JSON.parse(await site.berth('images', '--json')) as { reference: string }[]).map(({ reference }) => reference);
    const used = (await site.compose('--profile', '*', 'config', '--images')).trim().split('\n');
    expect([...new Set(used)].filter((reference) => !listed.includes(reference))).toEqual([]);
    expect(Object.keys((parse(site.read('compose.yaml')) as { services: object }).services).length).toBeGreaterThan(6);
  });
});
