import { BerthError } from '../../model/errors.ts';
import { openStore } from '../../runtime/open-store.ts';
import type { Revived } from '../../runtime/ports/store.ts';
import { momentOf } from '../moment.ts';
import { type Asked, runtimeOf } from '../open-catalogue.ts';
import { progressOn } from '../progress.ts';
import { worldOf } from '../runtime-config.ts';
import { type RuntimeContext, stoppable } from '../stoppable.ts';

interface ReviveAsked extends Asked {
  readonly at: string;
  readonly dryRun: boolean;
}

/** What backups consisted of at that time is there again, in a bucket that keeps what was removed. */
export const reviveStore = ({ site, json, from, at, dryRun }: ReviveAsked, context: RuntimeContext): Promise<void> =>
  stoppable(context, async (signal) => {
    const { config, folder } = runtimeOf(site, from);
    const moment = momentOf(at);
    if (moment > context.now()) throw new BerthError('usage', `${at} is still to come`, 'write a time before the backups were removed');
    const store = await openStore(config.backups, folder, 'open', worldOf(context));
    if (store.locked === undefined)
      throw new BerthError(
        'usage',
        `${store.name} keeps nothing that is removed: it is not locked`,
        'what Berth itself removed in the last 48 hours comes back with `berth backup prune --undo ID`; a second place with `berth backup copy --from offsite`',
      );
    const all: Revived[] = [];
    using progress = progressOn(context, json);
    for await (const revived of store.locked.revive(`v1/${config.site}/`, moment, dryRun, signal)) {
      all.push(revived);
      progress.say(`${all.length} objects, ${revived.key}`);
    }
    progress[Symbol.dispose]();
    const of = (was: Revived['was']): number => all.filter((each) => each.was === was).length;
    const counts = { removed: of('removed'), replaced: of('replaced') };
    if (json) return context.out(`${JSON.stringify({ site, store: store.name, at: moment.toISOString(), dryRun, ...counts }, null, 2)}\n`);
    if (all.length === 0) return context.out(`${store.name} has all that was there at ${moment.toISOString()}.\n`);
    context.out(`${store.name}, as it was at ${moment.toISOString()}:\n`);
    context.out(`  ${counts.removed} objects that were removed ${dryRun ? 'would be' : 'are'} there again\n`);
    context.out(`  ${counts.replaced} objects that were replaced ${dryRun ? 'would be' : 'are'} as they were\n\n`);
    context.out(
      dryRun
        ? 'Nothing was changed.\n'
        : '→ give the account of the store a new key, as somebody else may have the old one\n→ berth backup verify   sees that every byte is what was signed\n→ what no rule keeps any more is removed again by the next `berth backup prune`\n',
    );
  });
