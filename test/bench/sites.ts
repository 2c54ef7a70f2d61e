import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Command line of the built program; `node` is the very binary that all others are measured against. */
export const berth = (program: string, ...args: readonly string[]): readonly [string, ...string[]] => [process.execPath, program, ...args];

const host = ['--host-cpus', '16', '--host-memory', '64Gi', '--host-disk', '1Ti'] as const;
/** Large enough for 200 services of the smallest profile. */
const bigHost = ['--host-cpus', '512', '--host-memory', '4Ti', '--host-disk', '60Ti'] as const;

export type Target = 'compose' | 'kubernetes';

export const initOf = (program: string, site: string, target: Target): readonly [string, ...string[]] =>
  berth(program, 'init', site, '--profile', 'recommended', '--target', target, '--yes', ...host);

export function run(argv: readonly [string, ...string[]]): string {
  const [command, ...args] = argv;
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${argv.join(' ')} ended with ${String(status)}: ${stderr}`);
  return stdout;
}

/** A spec of `count` services, each with a route of its own; one database and one cache serve them all. */
function specOf(count: number): string {
  const services = Array.from(
    { length: count },
    (_, index) =>
      `  app-${index}:\n    image: registry.example/app:1.4.2\n    port: 3000\n    runtime: node\n    replicas: 1\n    cpu: 1\n    memory: 512Mi\n    pool: 2\n    uses: [ database, cache ]\n    routes:\n      - path: /app-${index}/\n`,
  );
  return `apiVersion: berth/v1\nname: large\nprofile: minimum\nservices:\n${services.join('')}databases:\n  database: { engine: postgres }\ncaches:\n  cache: { engine: valkey }\n`;
}

/** A site of `count` services in `folder`. */
export function makeLargeSite(program: string, folder: string, count: number, target: Target): string {
  const [spec, site] = [join(folder, `spec-${count}.yaml`), join(folder, `${target}-services-${count}`)];
  writeFileSync(spec, specOf(count));
  run(berth(program, 'init', site, '--from', spec, '--target', target, '--yes', ...bigHost));
  return site;
}

/** Sets one thing in the spec of a site, another one each turn, so that the next `generate` has something to write. */
export function changeSetting(site: string, turn: number): void {
  const file = join(site, 'berth.yaml');
  const text = readFileSync(file, 'utf8')
    .replace(/^ {4}pool: \d+\n/m, '')
    .replace(/^( {4}port: 3000.*\n)/m, `$1    pool: ${11 + (turn % 7)}\n`);
  writeFileSync(file, text);
}
