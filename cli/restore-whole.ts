import { join } from 'node:path';
import { lockSite } from '../generator/io/lock.ts';
import { BerthError } from '../model/errors.ts';
import { composeIn, startAll } from './compose.ts';
import { leftOf, say, tell, type WholeAsked } from './describe-whole.ts';
import { secondsSince } from './moment.ts';
import { firstPlaceAlone, openCatalogue } from './open-catalogue.ts';
import { progressOn } from './progress.ts';
import { fillSite } from './fill-site.ts';
import { provideAgent } from './provide-agent.ts';
import { Refilling } from './refilling.ts';
import { type Chosen, chooseWhole } from './choose-whole.ts';
import { describeFolder, folderAsJson, type FolderPlan, restoreFolder } from './restore-site.ts';
import { readRuntime } from './runtime-config.ts';
import { loadSite } from './site.ts';
import { stoppable, type RuntimeContext } from './stoppable.ts';
import { keyFileOf } from './restore-keys.ts';

/**
 * A site with its data, where there is nothing of it yet: its folder, then each database into its new volume before its server is started for the first time,
 * and each bucket before anybody who uses it is, so that nobody ever sees an empty one, and then everything. What was done by a run that broke off is not done again.
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
      const good = opened.catalogue.manifests.filter(({ id }) => opened.levelOf(id) >= 0);
      const key = keyFileOf(opened.folder, asked.key);
      const left = leftOf(good, asked.at, key);
      const refilling = new Refilling(asked.into, asked.at ?? null);
      let folder: FolderPlan | undefined;
      let chosen: Chosen = { wanted: [], wantedBuckets: [], empty: [] };
      const planned = (plan: FolderPlan): void => {
        folder = plan;
        // What the site was then says what there is to put back; nothing of it is in its place yet.
        const { jobs } = readRuntime(join(plan.stage, 'runtime.yaml')).config.backups;
        const { stores } = loadSite(plan.stage, context).plan;
        chosen = chooseWhole(jobs, stores, { ...opened, manifests: opened.catalogue.manifests, at: asked.at, pointOf: refilling.pointOf });
        if (!asked.json) say(asked, plan, { ...chosen, left }, context);
      };
      const written = await restoreFolder({ ...asked, only: undefined }, opened, context, signal, { planned, goesOn: true });
      const { wanted, wantedBuckets, empty } = chosen;
      const plan = folder && folderAsJson({ ...asked, only: undefined }, folder);
      const asJson = (databases: readonly object[], more: object) =>
        context.out(`${JSON.stringify({ ...plan, databases, ...more }, null, 2)}\n`);
      if (written === undefined)
        return asked.json
          ? asJson(
              wanted.map(({ database, until, full }) => ({ database, full: full.id, until: until.toISOString() })),
              { buckets: wantedBuckets.map(({ bucket, point }) => ({ bucket, point: point.id, madeAt: point.finishedAt })), empty, left },
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
      const tools = { site, at: asked.at, key, plan: sitePlan, config, compose, refilling, progress, context };
      const { outcomes, buckets } = await fillSite(chosen, tools, signal);
      progress.say('starting everything');
      // From here on what is there belongs to the site that runs.
      refilling.end();
      await startAll('the folder and the data are back', compose);
      progress[Symbol.dispose]();
      const seconds = secondsSince(begun);
      if (asked.json) return asJson(outcomes, { buckets, empty, left, seconds });
      tell(asked, { outcomes, buckets, empty, left, seconds }, context);
    },
    'stopping; the same command goes on where this was',
  );
