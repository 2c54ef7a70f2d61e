import { join } from 'node:path';
import { lockSite } from '../../generator/io/lock.ts';
import { BerthError } from '../../model/errors.ts';
import { composeIn, startAll } from '../compose.ts';
import { chosenAsJson, commandFor, say, tell, type WholeAsked } from './describe-whole.ts';
import { secondsSince } from '../moment.ts';
import { openCatalogue } from '../open-catalogue.ts';
import { progressOn } from '../progress.ts';
import { fillSite, type SiteFilled } from './fill-site.ts';
import { provideAgent } from '../provide-agent.ts';
import { Refilling } from './refilling.ts';
import type { Chosen } from './choose-whole.ts';
import { planWhole } from './plan-whole.ts';
import { beginBucket, beginFolder, forgetSecondPlace, readingSecond } from './second-place.ts';
import { describeFolder, folderAsJson, type FolderPlan, restoreFolder } from './site.ts';
import { readRuntime } from '../runtime-config.ts';
import { loadSite } from '../site.ts';
import { stoppable, type RuntimeContext } from '../stoppable.ts';
import { keyFileOf } from './keys.ts';

/**
 * A site with its data, where there is nothing of it yet: its folder, then each database and cache into its new volumes before its servers are started for the
 * first time, and each volume of files and each bucket before anybody who uses it is, so that nobody ever sees an empty one, and then everything. What was done by a run that broke off is not done again.
 */
export const restoreWhole = (asked: WholeAsked, context: RuntimeContext): Promise<void> =>
  stoppable(
    context,
    async (signal) => {
      const begun = performance.now();
      const opened = await openCatalogue(asked.site, context, signal, asked.from);
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
        chosen = planWhole(plan.stage, opened, { at: asked.at, pointOf: refilling.pointOf }, context);
        if (!asked.json) say(asked, plan, chosen, context);
      };
      const written = await restoreFolder({ ...asked, only: undefined }, opened, context, signal, { planned, goesOn: true });
      const { apart, empty } = chosen;
      const left = apart.map((one) => ({ name: one.name, because: one.because, command: commandFor(one, key) }));
      const asJson = (more: object): void => {
        const plan = folder && folderAsJson({ ...asked, only: undefined }, folder);
        context.out(`${JSON.stringify({ ...plan, ...chosenAsJson(chosen), left, ...more }, null, 2)}\n`);
      };
      if (written === undefined) return asked.json ? asJson({}) : undefined;
      if (!asked.json) context.out(`${describeFolder(written)}\n`);
      const site = asked.into;
      const { plan: sitePlan } = loadSite(site, context);
      using _lock = lockSite(site);
      using progress = progressOn(context, asked.json);
      await provideAgent(site, sitePlan, context);
      const { config } = readRuntime(join(site, 'runtime.yaml'));
      const fill = async (within: RuntimeContext): Promise<SiteFilled> => {
        const compose = composeIn(site, within);
        const tools = {
          site,
          store: opened.store,
          at: asked.at,
          key,
          plan: sitePlan,
          config,
          compose,
          refilling,
          progress,
          context: within,
        };
        return fillSite(chosen, tools, signal);
      };
      forgetSecondPlace(site);
      const filled = asked.from === 'offsite' ? await readingSecond(site, sitePlan, opened, context, fill) : await fill(context);
      progress.say('starting everything');
      // From here on what is there belongs to the site that runs.
      refilling.end();
      const state = 'the folder and the data are back';
      if (asked.from === 'offsite') await beginFolder(site, state, context, signal);
      await startAll(state, composeIn(site, context));
      if (asked.from === 'offsite') await beginBucket(site, context, signal);
      progress[Symbol.dispose]();
      const seconds = secondsSince(begun);
      const { outcomes: databases, buckets, copies } = filled;
      if (asked.json) return asJson({ databases, buckets, copies, seconds });
      tell(asked, { ...filled, empty, apart, key, seconds }, context);
    },
    'stopping; the same command goes on where this was',
  );
