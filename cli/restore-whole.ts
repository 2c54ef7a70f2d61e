import { join } from 'node:path';
import { lockSite } from '../generator/io/lock.ts';
import { BerthError } from '../model/errors.ts';
import { composeIn, startAll } from './compose.ts';
import { commandFor, say, tell, type WholeAsked } from './describe-whole.ts';
import { secondsSince } from './moment.ts';
import { firstPlaceAlone, openCatalogue } from './open-catalogue.ts';
import { progressOn } from './progress.ts';
import { fillSite } from './fill-site.ts';
import { provideAgent } from './provide-agent.ts';
import { Refilling } from './refilling.ts';
import { appendsIn } from './choose-copies.ts';
import { type Chosen, chooseWhole } from './choose-whole.ts';
import { describeFolder, folderAsJson, type FolderPlan, restoreFolder } from './restore-site.ts';
import { readRuntime } from './runtime-config.ts';
import { loadSite } from './site.ts';
import { stoppable, type RuntimeContext } from './stoppable.ts';
import { keyFileOf } from './restore-keys.ts';

/**
 * A site with its data, where there is nothing of it yet: its folder, then each database and cache into its new volumes before its servers are started for the
 * first time, and each volume of files and each bucket before anybody who uses it is, so that nobody ever sees an empty one, and then everything. What was done by a run that broke off is not done again.
 */
export const restoreWhole = (asked: WholeAsked, context: RuntimeContext): Promise<void> =>
  stoppable(
    context,
    async (signal) => {
      if (asked.from === 'offsite') throw firstPlaceAlone();
      const begun = performance.now();
      const opened = await openCatalogue(asked.site, context, signal);
      if (opened.config.target === 'kubernetes')
        throw new BerthError(
          'unsupported',
          'the data of a cluster are not put back by this',
          'leave out --with-data, which brings back the folder; SITE.md in it says how to go on',
        );
      const key = keyFileOf(opened.folder, asked.key);
      const refilling = new Refilling(asked.into, asked.at ?? null);
      let folder: FolderPlan | undefined;
      let chosen: Chosen = { wanted: [], wantedBuckets: [], copies: [], apart: [], empty: [], broken: [] };
      const planned = (plan: FolderPlan): void => {
        folder = plan;
        // What the site was then says what there is to put back; nothing of it is in its place yet.
        const { jobs } = readRuntime(join(plan.stage, 'runtime.yaml')).config.backups;
        chosen = chooseWhole(jobs, loadSite(plan.stage, context).plan, {
          ...opened,
          manifests: opened.catalogue.manifests,
          at: asked.at,
          pointOf: refilling.pointOf,
          appends: appendsIn(plan.stage),
        });
        if (!asked.json) say(asked, plan, chosen, context);
      };
      const written = await restoreFolder({ ...asked, only: undefined }, opened, context, signal, { planned, goesOn: true });
      const { wanted, wantedBuckets, copies, apart, empty, broken } = chosen;
      const without = {
        empty,
        broken,
        left: apart.map((one) => ({ name: one.name, because: one.because, command: commandFor(one, key) })),
      };
      const plan = folder && folderAsJson({ ...asked, only: undefined }, folder);
      const asJson = (databases: readonly object[], more: object) =>
        context.out(`${JSON.stringify({ ...plan, databases, ...more }, null, 2)}\n`);
      if (written === undefined)
        return asked.json
          ? asJson(
              wanted.map(({ database, until, full }) => ({ database, full: full.id, until: until.toISOString() })),
              {
                buckets: wantedBuckets.map(({ bucket, point }) => ({ bucket, point: point.id, madeAt: point.finishedAt })),
                copies: copies.map(({ kind, name, copy }) => ({ kind, name, copy: copy.id, madeAt: copy.finishedAt })),
                ...without,
              },
            )
          : undefined;
      if (!asked.json) context.out(`${describeFolder(written)}\n`);
      const site = asked.into;
      const compose = composeIn(site, context);
      const { plan: sitePlan } = loadSite(site, context);
      using _lock = lockSite(site);
      using progress = progressOn(context, asked.json);
      await provideAgent(site, sitePlan, context);
      const { config } = readRuntime(join(site, 'runtime.yaml'));
      const tools = { site, store: opened.store, at: asked.at, key, plan: sitePlan, config, compose, refilling, progress, context };
      const filled = await fillSite(chosen, tools, signal);
      progress.say('starting everything');
      // From here on what is there belongs to the site that runs.
      refilling.end();
      await startAll('the folder and the data are back', compose);
      progress[Symbol.dispose]();
      const seconds = secondsSince(begun);
      if (asked.json) return asJson(filled.outcomes, { buckets: filled.buckets, copies: filled.copies, ...without, seconds });
      tell(asked, { ...filled, empty, apart, key, seconds }, context);
    },
    'stopping; the same command goes on where this was',
  );
