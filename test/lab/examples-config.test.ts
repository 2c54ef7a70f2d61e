import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { attempt, run } from './process.ts';

/** A service as `docker compose config --format json` says it. */
interface Service {
  readonly image: string;
  readonly entrypoint: readonly string[] | null;
  readonly command: readonly string[] | null;
  readonly user?: string;
  readonly environment?: Readonly<Record<string, string | null>>;
  readonly volumes?: readonly { readonly type: string; readonly source: string; readonly target: string }[];
  readonly tmpfs?: readonly string[];
  readonly secrets?: readonly { readonly source: string; readonly target?: string }[];
}
interface Project {
  readonly services: Readonly<Record<string, Service>>;
  readonly secrets?: Readonly<Record<string, { readonly file: string }>>;
}

interface Check {
  readonly argv: readonly string[];
  readonly accepted: (answer: { readonly code: number; readonly said: string }) => boolean;
}
const endsWell: Check['accepted'] = ({ code, said }) => code === 0 && !/\[(?:Warning|ERROR)\].*(?:deprecated|unknown|ignored)/i.test(said);

/** The folders that a first start makes. */
const onDisk = ['sh', '-c', 'mkdir -p -m 0700 ${PGDATA:-/var/lib/mysql/tmp}; exec "$@"', 'sh'];

/** What an engine has to check its own configuration with; nothing for programs that have no such thing, and for scripts that need others to be there. */
function checkOf({ image, entrypoint, command }: Service): Check | undefined {
  const words = command ?? [];
  if (/\/mysql:/.test(image))
    return words[0] === 'mysqld'
      ? { argv: [...onDisk, 'mysqld', '--validate-config', '--log-error-verbosity=2'], accepted: endsWell }
      : undefined;
  if (/\/mariadb:/.test(image))
    return words[0] === 'mariadbd' ? { argv: [...onDisk, 'mariadbd', '--help', '--verbose'], accepted: endsWell } : undefined;
  if (/\/postgres:/.test(image)) {
    const file = words.find((word) => word.startsWith('config_file='));
    return file === undefined ? undefined : { argv: [...onDisk, 'postgres', '-c', file, '-C', 'max_connections'], accepted: endsWell };
  }
  if (words[0] === 'nginx') return { argv: [...words, '-t'], accepted: endsWell };
  if (words[0] === 'haproxy') return { argv: [...words, '-c'], accepted: endsWell };
  // These two have no check but a start.
  if (/\/(?:valkey|redis):/.test(image) && entrypoint === null && words.length > 0)
    return { argv: ['timeout', '2', ...words], accepted: ({ said }) => /ready to accept connections/i.test(said) };
  return undefined;
}

/** One example has a registry of its own, which is not to be had. */
const mirrored = /^registry\.example\.com\/hub\//;

/** The container of a service, with all that it reads and an empty disk, and nobody to speak to. */
async function ask({ secrets = {} }: Project, service: Service, argv: readonly string[]): Promise<{ code: number; said: string }> {
  const mounts = (service.volumes ?? []).flatMap(({ type, source, target }) =>
    type === 'bind' ? ['--volume', `${source}:${target}:ro`] : ['--tmpfs', `${target}:mode=1777`],
  );
  const files = (service.secrets ?? []).flatMap(({ source, target }) => [
    '--volume',
    `${secrets[source]?.file ?? ''}:${target?.startsWith('/') ? target : `/run/secrets/${target ?? source}`}:ro`,
  ]);
  const env = Object.entries(service.environment ?? {}).flatMap(([name, value]) => ['--env', `${name}=${value ?? ''}`]);
  const folders = (service.tmpfs ?? []).flatMap((folder) => ['--tmpfs', folder]);
  const [program = '', ...words] = argv;
  const user = service.user === undefined ? [] : ['--user', service.user];
  const entrypoint = ['--entrypoint', program, service.image.replace(mirrored, 'docker.io/')];
  // What listens at an address of its own has none here.
  const elsewhere = ['--sysctl', 'net.ipv4.ip_nonlocal_bind=1'];
  const bounds = ['--network', 'none', ...elsewhere, '--read-only', '--cap-drop', 'ALL'];
  const { code, stdout, stderr } = await attempt([
    'docker',
    'run',
    '--rm',
    ...bounds,
    ...user,
    ...env,
    ...mounts,
    ...files,
    ...folders,
    ...entrypoint,
    ...words,
  ]);
  return { code, said: stdout + stderr };
}

const root = resolve(import.meta.dirname, '../..');
const examples = readdirSync(join(root, 'examples')).toSorted();
const profiles = ['minimum', 'recommended', 'high-performance'] as const;
// Enough for the largest of them, and more than this machine has: nothing is started that long.
const host = ['--host-cpus', '64', '--host-memory', '256Gi', '--host-disk', '8Ti'];

describe.each(examples.flatMap((example) => profiles.map((profile) => ({ example, profile }))))(
  'the example $example at $profile',
  ({ example, profile }) => {
    const folder = mkdtempSync(join(tmpdir(), 'berth-example-'));
    const make = (target: string) =>
      run([
        process.execPath,
        join(root, 'cli/berth.js'),
        'init',
        join(folder, target),
        '--from',
        `example:${example}`,
        '--profile',
        profile,
        '--target',
        target,
        '--set',
        'domain=app.example.com',
        '--yes',
        ...host,
      ]);
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    test('is a project that Compose takes, and each engine of it takes its configuration', async () => {
      await make('compose');
      const site = join(folder, 'compose');
      const project = JSON.parse(
        await run(['docker', 'compose', '--profile', '*', 'config', '--format', 'json'], { cwd: site }),
      ) as Project;
      const checked = Object.entries(project.services).flatMap(([name, service]) => {
        const check = checkOf(service);
        return check === undefined ? [] : [{ name, service, check }];
      });
      expect(checked.map(({ name }) => name)).toContain('edge');
      for (const { name, service, check } of checked) {
        const answer = await ask(project, service, check.argv);
        expect(check.accepted(answer), `${name}: ${check.argv.join(' ')}\n${answer.said.slice(-2000)}`).toBe(true);
      }
    });

    test('is a set of manifests that kustomize renders', async () => {
      await make('kubernetes');
      const rendered = await run(['kubectl', 'kustomize', join(folder, 'kubernetes/k8s/site')]);
      expect(rendered).toContain('kind: Deployment');
      // What is rendered is what was written, and nothing of it is lost on the way.
      const written = readdirSync(join(folder, 'kubernetes/k8s/generated'))
        .filter((file) => file.endsWith('.yaml') && file !== 'kustomization.yaml')
        .flatMap((file) => readFileSync(join(folder, 'kubernetes/k8s/generated', file), 'utf8').match(/^kind: \w+$/gm) ?? []);
      for (const kind of new Set(written)) expect(rendered).toContain(kind);
    });
  },
);
