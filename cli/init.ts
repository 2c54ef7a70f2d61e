import { existsSync, mkdirSync, readdirSync, rmSync, rmdirSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import type { Command } from 'commander';
import type { Artifact } from '../model/artifact.ts';
import { BerthError } from '../model/errors.ts';
import type { Plan } from '../model/plan.ts';
import { profileNames } from '../model/profile.ts';
import type { StackSpec } from '../model/stack-spec.ts';
import { cpuNotation, formatCpu, formatSize, parseCpu, parseSize, sizeNotation } from '../model/units.ts';
import { applyChanges, isHalfDone, recoverSite } from '../generator/io/disk.ts';
import { listExamples, readExample } from '../generator/io/examples.ts';
import { chooseNetwork, readHostFacts, readRoutes } from '../generator/io/host-facts.ts';
import { attempt } from '../generator/io/io-failure.ts';
import { lockSite } from '../generator/io/lock.ts';
import { readSpecBytes } from '../generator/io/read-spec-bytes.ts';
import { decodeText } from '../generator/spec/document.ts';
import { commandLine, editSpec } from '../generator/spec/edit-spec.ts';
import type { SpecEdit } from '../generator/spec/edit-spec.ts';
import { parseSpec } from '../generator/spec/parse-spec.ts';
import type { Parsed } from '../generator/spec/parse-spec.ts';
import { askMissing } from './ask.ts';
import type { Context } from './context.ts';
import { describeNotes, describePlan } from './describe-plan.ts';
import { describeWritten, writtenAsJson } from './describe-written.ts';
import { expectParsed, planSite, prepareSite, refuseConflicts, specFile } from './site.ts';
import { typed } from './text.ts';

export interface InitOptions {
  readonly profile?: string;
  readonly target?: string;
  readonly from?: string;
  readonly set: readonly string[];
  readonly hostCpus?: string;
  readonly hostMemory?: string;
  readonly hostDisk?: string;
  readonly fit: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
}

const defaultExample = 'example:hello';
const isExample = (options: InitOptions): boolean => (options.from ?? defaultExample).startsWith('example:');

export function addInit(program: Command, run: (action: () => Promise<void>, json: boolean) => Promise<void>, context: Context): void {
  program.command('init')
    .description('make a site: a spec, sized for a host, and everything written from it')
    .argument('[DIR]', 'the folder of the site', '.')
    .option('--profile <P>', `hardware profile: ${profileNames.join(', ')}`)
    .option('--target <T>', 'compose or kubernetes (default: compose)')
    .option('--from <SPEC>', 'a berth.yaml to start from, or example:NAME', defaultExample)
    .option('--set <PATH=VALUE>', 'set a key of the spec, such as services.web.image=registry.example/app:1.4.2; may be repeated', (value: string, all: readonly string[]) => [...all, value], [] as readonly string[])
    .option('--host-cpus <N>', 'size for a host with this many CPUs instead of this one')
    .option('--host-memory <SIZE>', 'size for a host with this much memory, such as 64Gi')
    .option('--host-disk <SIZE>', 'size for a host with this much free disk, such as 2Ti')
    .option('--no-fit', 'take the sizes of the profile as they are, whether they fit or not')
    .option('--yes', 'ask nothing, and write into a folder that holds other files')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', `
Examples:
  berth init my-site --profile recommended
  berth init my-site --profile minimum --set domain=app.example.com --set edge.https=8443
  berth init big --profile high-performance --host-cpus 64 --host-memory 512Gi --host-disk 20Ti
  berth init shop --profile recommended --from ./shop.yaml --yes`)
    .action((folder: string, options: InitOptions) => run(() => init(folder, options, context), options.json ?? false));
}

async function init(folder: string, given: InitOptions, context: Context): Promise<void> {
  const site = resolve(context.cwd, folder);
  refuseOccupied(site, folder, given.yes ?? false);
  const options = context.interactive && !given.yes && !given.json ? await askMissing(given) : given;
  const { spec, files: extra } = startingFiles(site, options, context);
  const loaded = planSite(spec, site, context);
  makeFolder(site);
  using _lock = lockSite(site);
  // Again, now that nobody else can: another run may have been faster, or was killed and left its work to be finished.
  recoverSite(site);
  refuseOccupied(site, folder, given.yes ?? false);
  const prepared = await prepareSite(site, loaded, extra, context);
  refuseConflicts(prepared, options.json ?? false, context);
  await context.uninterrupted(() => applyChanges(site, prepared.decision));
  if (options.json) { context.out(`${JSON.stringify(writtenAsJson(site, prepared), null, 2)}\n`); return; }
  context.out(describePlan(loaded.plan, context));
  context.out(`${describeWritten(prepared, context)}\n`);
  context.out(describeNotes(loaded.plan, context));
  context.out(nextSteps(relative(context.cwd, site) || '.', loaded.plan));
}

function nextSteps(folder: string, { domain, edge }: Plan): string {
  const look = `curl --cacert secrets/tls/ca.crt https://localhost${edge.httpsPort === 443 ? '' : `:${edge.httpsPort}`}/api/health\n  `;
  return `\nNext\n  cd ${typed(folder)}\n  docker compose up -d --wait\n  ${domain === 'localhost' ? look : ''}SITE.md is the runbook of this site.\n`;
}

function refuseOccupied(site: string, folder: string, yes: boolean): void {
  if (!existsSync(site) || isHalfDone(site)) return;
  const names = attempt(`read the folder ${folder}`, () => readdirSync(site));
  if (names.includes(specFile)) throw new BerthError('conflict', `${folder} is a site already`, `edit ${typed(join(folder, specFile))} and run \`berth generate --site ${typed(folder)}\``);
  const others = names.filter((name) => name !== '.berth');
  if (others.length > 0 && !yes)
    throw new BerthError('conflict', `${folder === '.' ? 'this folder' : folder} is not empty: it holds ${others.slice(0, 3).join(', ')}${others.length > 3 ? ` and ${others.length - 3} more` : ''}`, 'name an empty folder, as in `berth init my-site`, or pass --yes to write beside what is there');
}

/** What a run that fails or is stopped leaves in folders that it made itself is of no use to anybody. */
function makeFolder(site: string): void {
  const first = attempt(`make the folder ${site}`, () => mkdirSync(site, { recursive: true }));
  if (first === undefined) return;
  process.once('exit', () => {
    if (!existsSync(site) || !readdirSync(site).every((name) => name === '.berth') || isHalfDone(site)) return;
    rmSync(site, { recursive: true, force: true });
    for (let folder = site; folder !== first;) {
      folder = dirname(folder);
      if (readdirSync(folder).length > 0) return;
      rmdirSync(folder);
    }
  });
}

const unwritten = `${specFile} (not written yet)`;

interface Source {
  /** What the operator calls it. */
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly files: readonly Artifact[];
}

/** The spec with what the command line says, and the files an example brings along. All are written once and then the operator's. */
function startingFiles(site: string, options: InitOptions, context: Context): { readonly spec: StackSpec; readonly files: readonly Artifact[] } {
  const { name, bytes, files } = source(options.from ?? defaultExample, context);
  const text = decodeText(bytes, name);
  const { text: content, problems } = typeof text === 'string' ? editSpec(text, name, [...fromFlags(options), ...hostEdits(site, options), ...options.set.map(parseSet)], identity(site, text, options)) : { text: '', problems: [text] };
  if (problems.some(({ file }) => file === commandLine)) throw new BerthError('usage', problems.map(({ path, message }) => `--set ${path}: ${message}`).join('; '), problems[0]?.hint ?? '');
  const parsed: Parsed<StackSpec> = problems.length > 0 ? { ok: false, problems } : inSource(parseSpec(Buffer.from(content), unwritten), { name, bytes, files });
  const spec = !parsed.ok && parsed.problems.every(({ file }) => file === unwritten) ? expectParsed<StackSpec>(parsed, `${specFile} as the options make it`, 'correct the options') : expectParsed(parsed, name);
  return { spec, files: [{ path: specFile, content, mode: 0o644, policy: 'once' }, ...files] };
}

/** What is wrong in the spec that was started from, too, is told by its place there: that is the file to correct. */
function inSource(parsed: Parsed<StackSpec>, { name, bytes }: Source): Parsed<StackSpec> {
  if (parsed.ok) return parsed;
  const original = parseSpec(bytes, name);
  const known = original.ok ? [] : original.problems;
  return { ok: false, problems: parsed.problems.map((problem) => known.find(({ path, message }) => path === problem.path && message === problem.message) ?? problem) };
}

function source(from: string, context: Context): Source {
  const example = /^example:(.*)$/.exec(from)?.[1];
  if (example === undefined) return { name: from, bytes: readSpecBytes(from.startsWith('/') ? '/' : context.cwd, from), files: [] };
  const known = listExamples(context.root);
  if (!known.includes(example)) throw new BerthError('usage', `there is no example "${example}"`, `name one of ${known.map((name) => `example:${name}`).join(', ')}, or a file`);
  const { text, files } = readExample(context.root, example);
  return { name: from, bytes: Buffer.from(text), files };
}

/** A site of its own name and network; a spec that is not an example keeps what it says. */
function identity(site: string, text: string, options: InitOptions): readonly SpecEdit[] {
  const name = basename(site).toLowerCase().replaceAll(/[^a-z0-9-]+/g, '-').replaceAll(/^-+|-+$/g, '').slice(0, 30).replace(/-+$/, '') || 'site';
  const named = isExample(options) ? name : /^name:\s*"?([a-z0-9-]+)/m.exec(text)?.[1] ?? name;
  return [{ path: ['name'], value: named, only: isExample(options) ? 'always' : 'when absent' }, { path: ['network'], value: chooseNetwork(named, readRoutes()), only: 'when absent' }];
}

function fromFlags(options: InitOptions): readonly SpecEdit[] {
  if (options.profile !== undefined && !profileNames.some((name) => name === options.profile)) throw new BerthError('usage', `there is no profile "${options.profile}"`, `name one of ${profileNames.join(', ')}`);
  if (options.target !== undefined && options.target !== 'compose' && options.target !== 'kubernetes') throw new BerthError('usage', `there is no target "${options.target}"`, 'name compose or kubernetes');
  return [...(options.profile ? [{ path: ['profile'], value: options.profile, only: 'always' as const }] : []), ...(options.target ? [{ path: ['target'], value: options.target, only: 'always' as const }] : [])];
}

/** What this machine has, or what the flags say of another one. */
function hostEdits(site: string, options: InitOptions): readonly SpecEdit[] {
  const here = readHostFacts(site);
  const flag = <T>(name: string, text: string | undefined, parse: (value: string) => T | undefined, notation: string): T | undefined => {
    const value = text === undefined ? undefined : parse(text);
    if (text !== undefined && value === undefined) throw new BerthError('usage', `${name} ${text}: expected ${notation}`, `for example ${name} ${name === '--host-cpus' ? '16' : '64Gi'}`);
    return value;
  };
  const cpus = flag('--host-cpus', options.hostCpus, parseCpu, cpuNotation) ?? here.cpus;
  const memory = flag('--host-memory', options.hostMemory, parseSize, sizeNotation) ?? here.memory;
  const disk = flag('--host-disk', options.hostDisk, parseSize, sizeNotation) ?? here.disk;
  const value = { cpus: Number(formatCpu(cpus)), memory: formatSize(memory), disk: formatSize(disk), ...(options.fit ? {} : { fit: false }) };
  const whole: SpecEdit = { path: ['host'], value, only: isExample(options) ? 'always' : 'when absent', comment: ' what `berth init` measured or was told' };
  // A spec of the operator's own may be made for another machine; only what a flag says is overruled.
  const flagged = Object.entries({ cpus: options.hostCpus && value.cpus, memory: options.hostMemory && value.memory, disk: options.hostDisk && value.disk, fit: options.fit ? undefined : false })
    .filter(([, told]) => told !== undefined).map(([key, told]): SpecEdit => ({ path: ['host', key], value: told, only: 'always' }));
  return [whole, ...flagged];
}

function parseSet(text: string): SpecEdit {
  const cut = text.indexOf('=');
  if (cut < 1) throw new BerthError('usage', `--set ${text}: expected PATH=VALUE`, 'for example --set domain=app.example.com');
  return { path: text.slice(0, cut).split('.'), yaml: text.slice(cut + 1), only: 'always' };
}
