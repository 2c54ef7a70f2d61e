import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { removeProject } from './leftovers.ts';
import { attempt, run } from './process.ts';
import type { RunResult } from './process.ts';

/** The user that sites are run as: not root, but allowed to speak to the engine. */
const operator = 'operator';

/** A command as the operator, with the pinned Node first on the PATH. Never as root: that is part of what the lab proves. */
export class Operator {
  readonly home: string;
  private constructor(home: string) {
    this.home = home;
  }

  /** Install the program as a package would be, in a folder that the operator can read. */
  static async create(): Promise<Operator> {
    const home = mkdtempSync('/tmp/berth-lab-site-');
    await run(['chown', operator, home]);
    const program = join(home, 'program');
    mkdirSync(program);
    const repository = join(import.meta.dirname, '..', '..');
    const packed = JSON.parse(
      await run(['npm', 'pack', '--json', '--ignore-scripts', '--pack-destination', home], { cwd: repository }),
    ) as { filename: string }[];
    await run(['tar', '-xzf', join(home, packed[0]?.filename ?? ''), '-C', program, '--strip-components=1']);
    mkdirSync(join(home, 'bin'));
    await run(['cp', join(repository, 'node_modules/node/bin/node'), join(home, 'bin/node')]);
    symlinkSync(join(program, 'cli/berth.js'), join(home, 'bin/berth'));
    chmodSync(home, 0o755);
    return new Operator(home);
  }

  attempt(argv: readonly string[], cwd: string, input?: string): Promise<RunResult> {
    const path = `${join(this.home, 'bin')}:/usr/local/bin:/usr/bin:/bin`;
    return attempt(['runuser', '-u', operator, '--', 'env', '-i', `PATH=${path}`, `HOME=${this.home}`, 'LANG=C.UTF-8', ...argv], {
      cwd,
      ...(input === undefined ? {} : { input }),
    });
  }

  async run(argv: readonly string[], cwd: string, input?: string): Promise<string> {
    const { code, stdout, stderr } = await this.attempt(argv, cwd, input);
    if (code !== 0) throw new Error(`${argv.join(' ')} ended with ${code}:\n${stdout.slice(-3000)}\n${stderr.slice(-3000)}`);
    return stdout;
  }

  /** A folder of its own, beside its sites. @returns the path. */
  async makeFolder(name: string): Promise<string> {
    await this.run(['mkdir', name], this.home);
    return join(this.home, name);
  }

  /** Its user and group, as `backups.user` has them. */
  async ids(): Promise<string> {
    return (await this.run(['sh', '-c', 'echo $(id -u):$(id -g)'], this.home)).trim();
  }

  [Symbol.dispose](): void {
    // What a container wrote there a moment ago may come while it goes.
    rmSync(this.home, { recursive: true, force: true, maxRetries: 20, retryDelay: 250 });
  }
}

/** A site folder of the operator, with the commands that SITE.md names. */
export class LabSite {
  readonly operator: Operator;
  readonly folder: string;
  private constructor(operatorOfSite: Operator, name: string) {
    this.operator = operatorOfSite;
    this.folder = join(operatorOfSite.home, name);
  }
  /** Nothing of a site of this name is there yet. */
  static async create(operatorOfSite: Operator, name: string): Promise<LabSite> {
    await removeProject(name);
    return new LabSite(operatorOfSite, name);
  }
  berth(...args: readonly string[]): Promise<string> {
    return this.operator.run(['berth', ...args], this.folder);
  }
  compose(...args: readonly string[]): Promise<string> {
    return this.operator.run(['docker', 'compose', ...args], this.folder);
  }
  up(): Promise<RunResult> {
    return this.operator.attempt(['docker', 'compose', 'up', '-d', '--wait'], this.folder);
  }
  /** @throws with what its containers said, where one does not get healthy. */
  async startWhole(): Promise<void> {
    const { code, stderr } = await this.up();
    if (code !== 0) throw new Error(`${stderr.slice(-2000)}\n${await this.compose('logs', '--tail', '20')}`);
  }
  /** What a site with backups asks for before its first start. The keys lie in `../usb`, the recovery kit in `../kit`. */
  async prepareBackups(): Promise<void> {
    await this.berth('backup', 'store', 'create');
    await this.berth('backup', 'keys', 'create', '--into', '../usb');
    await this.berth('kit', 'export', '--into', '../kit');
  }
  read(path: string): string {
    return readFileSync(join(this.folder, path), 'utf8');
  }
  /** Edit a file of the operator in its place; owner and mode stay, and a container that has it mounted sees it. @throws when the edit changes nothing. */
  edit(path: string, change: (text: string) => string): void {
    const before = this.read(path);
    const after = change(before);
    if (after === before) throw new Error(`the edit of ${path} changes nothing`);
    writeFileSync(join(this.folder, path), after);
  }
  /** Container ids by name, running or not. */
  async ids(): Promise<Record<string, string>> {
    const lines = (await this.compose('ps', '-a', '--no-trunc', '--format', '{{.Name}} {{.ID}}')).trim().split('\n');
    return Object.fromEntries(
      lines.map((line) => {
        const [name = '', id = ''] = line.split(' ');
        return [name, id];
      }),
    );
  }
  /** From the next `up` on each of these containers has the address that the one before it had: whoever remembers addresses meets somebody else. */
  async rotateAddresses(of: ReadonlyMap<string, string>): Promise<ReadonlyMap<string, string>> {
    const [services, addresses] = [[...of.keys()], [...of.values()]];
    const given = new Map(services.map((service, index) => [service, addresses.at(index - 1) ?? ''] as const));
    const config = JSON.parse(await this.compose('config', '--format', 'json')) as {
      services: Record<string, { networks: Record<string, object | null> }>;
    };
    const file = join(this.folder, 'compose.override.yaml');
    const before = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as { services: object }).services : {};
    const own = [...given].map(([service, address]) => {
      const [network = '', ...more] = Object.keys(config.services[service]?.networks ?? {});
      if (network === '' || more.length > 0) throw new Error(`${service} is not in one network`);
      return [service, { networks: { [network]: { ipv4_address: address } } }] as const;
    });
    writeFileSync(file, JSON.stringify({ services: { ...before, ...Object.fromEntries(own) } }));
    return given;
  }
  async remove(): Promise<void> {
    await this.operator.attempt(['docker', 'compose', '--profile', '*', 'down', '-v', '--timeout', '5'], this.folder);
  }
}
