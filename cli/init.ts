import { relative, resolve } from 'node:path';
import type { Command } from 'commander';
import type { Plan } from '../model/plan.ts';
import { profileNames } from '../model/profile.ts';
import { applyChanges, recoverSite } from '../generator/io/disk.ts';
import { lockSite } from '../generator/io/lock.ts';
import { askMissing } from './ask.ts';
import type { Context } from './context.ts';
import { describeNotes, describePlan } from './describe-plan.ts';
import { describeWritten, writtenAsJson } from './describe-written.ts';
import { defaultExample } from './init-options.ts';
import type { InitOptions } from './init-options.ts';
import { provideAgent } from './provide-agent.ts';
import { planSite, prepareSite, refuseConflicts } from './site.ts';
import { makeFolder, refuseOccupied } from './site-folder.ts';
import { startingFiles } from './starting-files.ts';
import { typed } from './text.ts';

export function addInit(program: Command, run: (action: () => Promise<void>, json: boolean) => Promise<void>, context: Context): void {
  program
    .command('init')
    .description('make a site: a spec, sized for a host, and everything written from it')
    .argument('[DIR]', 'the folder of the site', '.')
    .option('--profile <P>', `hardware profile: ${profileNames.join(', ')}`)
    .option('--target <T>', 'compose or kubernetes (default: compose)')
    .option('--from <SPEC>', 'a berth.yaml to start from, or example:NAME', defaultExample)
    .option(
      '--set <PATH=VALUE>',
      'set a key of the spec, such as services.web.image=registry.example/app:1.4.2; may be repeated',
      (value: string, all: readonly string[]) => [...all, value],
      [] as readonly string[],
    )
    .option('--environment <NAME>', 'which of the environments of the spec it is, such as staging')
    .option('--kubernetes-version <V>', 'the oldest version of the cluster that must do, such as 1.29 (default: 1.30)')
    .option('--host-cpus <N>', 'size for a host with this many CPUs instead of this one')
    .option('--host-memory <SIZE>', 'size for a host with this much memory, such as 64Gi')
    .option('--host-disk <SIZE>', 'size for a host with this much free disk, such as 2Ti')
    .option('--no-fit', 'take the sizes of the profile as they are, whether they fit or not')
    .option('--yes', 'ask nothing, and write into a folder that holds other files')
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `
Examples:
  berth init my-site --profile recommended
  berth init my-site --profile minimum --set domain=app.example.com --set edge.https=8443
  berth init big --profile high-performance --host-cpus 64 --host-memory 512Gi --host-disk 20Ti
  berth init shop --profile recommended --target kubernetes --set domain=shop.example.com
  berth init shop --profile recommended --from ./shop.yaml --yes`,
    )
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
  await provideAgent(site, prepared.plan, context);
  if (options.json) {
    context.out(`${JSON.stringify(writtenAsJson(site, prepared), null, 2)}\n`);
    return;
  }
  context.out(describePlan(loaded.plan, context));
  context.out(`${describeWritten(prepared, context)}\n`);
  context.out(describeNotes(loaded.plan, context));
  context.out(nextSteps(relative(context.cwd, site) || '.', loaded.plan));
}

function nextSteps(folder: string, { domain, edge, kubernetes, services, agents, images }: Plan): string {
  if (kubernetes) {
    const own = images.filter(({ key }) => key === 'berth').map(({ reference }) => ({ image: reference, build: '.berth/bin' }));
    const builds = [...services, ...own].flatMap(({ image, build }) =>
      build === undefined ? [] : [`  docker build -t ${image} ${build}   # and push it to a registry that the nodes reach\n`],
    );
    // Services may share an image.
    const built = [...new Set(builds)];
    return `\nNext\n  cd ${typed(folder)}\n${built.join('')}  kubectl apply -f k8s/secrets && kubectl apply -k k8s/site\n  SITE.md is the runbook of this site.\n`;
  }
  const port = edge.httpsPort === 443 ? '' : `:${edge.httpsPort}`;
  const look = `curl --cacert secrets/tls/ca.crt https://localhost${port}${edge.apps[0]?.routes[0]?.path ?? '/'}\n  `;
  // Its container mounts the folder of backups.
  const store = agents[0]?.config.backups?.store.folder === undefined ? '' : 'berth backup store create\n  ';
  return `\nNext\n  cd ${typed(folder)}\n  ${store}docker compose up -d --wait\n  ${domain === 'localhost' ? look : ''}SITE.md is the runbook of this site.\n`;
}
