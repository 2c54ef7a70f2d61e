import { BerthError } from '../../model/errors.ts';
import type { BackupsConfig } from '../../model/runtime-config.ts';
import { leaveInstructions } from '../../runtime/jobs/leave-instructions.ts';
import { openStore } from '../../runtime/open-store.ts';
import { chownFor } from '../../runtime/stores/folder-owner.ts';
import { offsiteOf } from '../../runtime/offsite.ts';
import { tierOf } from './text.ts';
import { type Asked, runtimeOf } from '../open-catalogue.ts';
import { worldOf } from '../runtime-config.ts';
import { type RuntimeContext, stoppable } from '../stoppable.ts';

/** Makes the folder a store, or sees that the bucket will do, and leaves there what restores without Berth; the same for the second place. */
export const createStore = ({ site, json }: Asked, context: RuntimeContext): Promise<void> =>
  stoppable(context, async (signal) => {
    const { config, folder } = runtimeOf(site);
    const { backups } = config;
    const ready = [await createPlace(backups, folder, config.site, context, signal)];
    if (backups.offsite !== undefined)
      ready.push(await createPlace(offsiteOf(backups, backups.offsite), folder, config.site, context, signal));
    const [first, second] = ready;
    if (json) return context.out(`${JSON.stringify({ site, ...first, ...(second === undefined ? {} : { offsite: second }) }, null, 2)}\n`);
    for (const { store, tier, lockedForDays } of ready)
      context.out(
        `${store} is ready (${tierOf(tier)}). ${lockedForDays === undefined ? '' : `What is written there cannot be removed for ${lockedForDays} days. `}RESTORE.md there says how to restore without Berth.\n`,
      );
    context.out(
      '\n→ berth backup keys create --into FOLDER, and berth kit export --into FOLDER, unless that is done\n→ berth backup now\n',
    );
  });

/** One of the two. */
export async function createPlace(
  backups: BackupsConfig,
  folder: string,
  site: string,
  context: RuntimeContext,
  signal: AbortSignal,
): Promise<{ readonly store: string; readonly tier: number; readonly lockedForDays?: number }> {
  const world = worldOf(context);
  const store = await openStore(backups, folder, 'create', world);
  if (backups.store.lease === 'store' && !(await store.exclusive(signal)))
    throw new BerthError(
      'unsupported',
      `${store.name} overwrites where it is told not to, so it cannot keep two agents apart`,
      'update the store to one that knows If-None-Match; or make sure that one agent alone writes, and set lease: file beside the name of the bucket',
    );
  await store.locked?.check(signal);
  await leaveInstructions(store, world.instructions, signal);
  if (backups.store.folder !== undefined && backups.store.owner !== undefined) chownFor(backups.store.folder, site, backups.store.owner);
  return { store: store.name, tier: backups.store.tier, ...(store.locked === undefined ? {} : { lockedForDays: store.locked.days }) };
}
