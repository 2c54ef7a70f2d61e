import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { BerthError, EXIT } from '../model/errors.ts';
import { applyChanges, isHalfDone, recoverSite } from '../generator/io/disk.ts';
import { liveRecord } from '../generator/io/berth-folder.ts';
import { lockSite } from '../generator/io/lock.ts';
import { readOverlayFiles } from '../generator/io/read-overlay.ts';
import type { Context } from './context.ts';
import { provideAgent } from './provide-agent.ts';
import { describeWritten, writtenAsJson } from './describe-written.ts';
import { loadSite, prepareSite, reloadSite, refuseConflicts } from './site.ts';
import type { PreparedSite } from './site.ts';

interface GenerateOptions {
  readonly site: string;
  readonly environment?: string;
  readonly check?: boolean;
  readonly json?: boolean;
}

export function addGenerate(program: Command, run: (action: () => Promise<void>, json: boolean) => Promise<void>, context: Context): void {
  program
    .command('generate')
    .description('write everything again from berth.yaml and release.yaml; keeps your edits')
    .option('--site <DIR>', 'the folder of the site', '.')
    .option('--environment <NAME>', 'choose this one of the environments in berth.yaml from now on')
    .option(
      '--check',
      `write nothing; exit with ${EXIT.stale} when something would be written, and check what is written against its schema`,
    )
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `
Examples:
  berth generate                      after you edited berth.yaml or release.yaml
  berth generate --check              in a cron job or a pipeline: does the folder still match its spec?`,
    )
    .action((options: GenerateOptions) => run(() => generate(options, context), options.json ?? false));
}

async function generate(options: GenerateOptions, context: Context): Promise<void> {
  const site = resolve(context.cwd, options.site);
  if (options.check) return check(site, options, context);
  // Before the lock, which would make a folder: a place that is no site stays as it is.
  const known = isHalfDone(site) ? undefined : loadSite(site, context, options.environment);
  using _lock = lockSite(site);
  // It may be the cure, so it goes on.
  if (existsSync(join(site, liveRecord))) (await import('./restore/live-record.ts')).noteUnended(site, context.err);
  const { outcome, setAside } = recoverSite(site);
  if (outcome === 'finished') context.err('An interrupted run was finished first.\n');
  if (setAside.length > 0) context.err(`Files that were edited meanwhile are kept as ${setAside.join(', ')}.\n`);
  const loaded = reloadSite(site, known, context, options.environment);
  const prepared = await prepareSite(site, loaded, loaded.asked ?? [], context);
  refuseConflicts(prepared, options.json ?? false, context);
  await context.uninterrupted(() => applyChanges(site, prepared.decision));
  await provideAgent(site, prepared.plan, context);
  if (options.json) context.out(`${JSON.stringify(writtenAsJson(site, prepared), null, 2)}\n`);
  else context.out(`${describeWritten(prepared, context)}\n`);
}

async function check(site: string, options: GenerateOptions, context: Context): Promise<void> {
  const loaded = loadSite(site, context, options.environment);
  const prepared = await prepareSite(site, loaded, loaded.asked ?? [], context);
  refuseConflicts(prepared, options.json ?? false, context);
  const complaints = await complaintsOf(prepared);
  if (complaints.length > 0) throw new Error(`what Berth wrote breaks its schema:\n${complaints.join('\n')}`);
  const { lintSite } = await import('./lint-site.ts');
  const { findings } = lintSite(prepared.plan, new Map([...prepared.decision.merged, ...readOverlayFiles(site)]));
  const stale = prepared.decision.changes;
  if (options.json && stale.length === 0) context.out(`${JSON.stringify({ ...writtenAsJson(site, prepared), stale: false }, null, 2)}\n`);
  if (stale.length > 0 && !options.json)
    context.out(`\`berth generate\` would have this to say:\n\n${describeWritten(prepared, context)}\n\n`);
  if (stale.length > 0)
    throw new BerthError(
      'stale',
      `the site differs from its spec: ${stale.map(({ path }) => path).join(', ')}`,
      `run \`berth generate${options.environment === undefined ? '' : ` --environment ${options.environment}`}\``,
    );
  if (findings.length > 0)
    throw new BerthError(
      'unsound',
      `${findings.length === 1 ? '1 thing' : `${findings.length} things`} should not be so: ${[...new Set(findings.map(({ id }) => id))].join(', ')}`,
      'run `berth lint`, which shows each with its cure',
    );
  if (!options.json)
    context.out(
      `The site is what its spec says, and ${prepared.plan.kubernetes ? 'its manifests fit the types of Kubernetes' : 'compose.yaml fits the Compose specification'}.\n`,
    );
}

/** What is wrong in the files that the target reads, by its own schema. */
async function complaintsOf({ plan, decision: { merged } }: PreparedSite): Promise<readonly string[]> {
  if (!plan.kubernetes) {
    const { checkComposeSchema } = await import('../generator/render/check-compose-schema.ts');
    return checkComposeSchema(merged.get('compose.yaml') ?? '').map((complaint) => `compose.yaml: ${complaint}`);
  }
  const { checkKubernetesSchema } = await import('../generator/render/check-kubernetes-schema.ts');
  return (
    [...merged]
      // The overlay is its owner's: `lint` looks into it.
      .filter(([path]) => /^k8s\/(?:generated|secrets)\/[^/]+\.yaml$/.test(path))
      .flatMap(([path, text]) => checkKubernetesSchema(text).map((complaint) => `${path}: ${complaint}`))
  );
}
