import { BerthError } from '../model/errors.ts';
import { leaveInstructions } from '../runtime/jobs/leave-instructions.ts';
import { openStore } from '../runtime/open-store.ts';
import { chownFor } from '../runtime/stores/folder-owner.ts';
import { tierOf } from './backup-text.ts';
import { type Asked, runtimeOf } from './open-catalogue.ts';
import { worldOf } from './runtime-config.ts';
import { type RuntimeContext, stoppable } from './stoppable.ts';

/** Makes the folder a store, or sees that the bucket will do, and leaves there what restores without Berth. */
export const createStore = ({ site, json }: Asked, context: RuntimeContext): Promise<void> =>
  stoppable(context, async (signal) => {
    const { config, folder } = runtimeOf(site);
    const world = worldOf(context);
    const { backups } = config;
    const store = await openStore(backups, folder, 'create', world);
    if (backups.store.lease === 'store' && !(await store.exclusive(signal)))
      throw new BerthError(
        'unsupported',
        `${store.name} overwrites where it is told not to, so it cannot keep two agents apart`,
        'update the store to one that knows If-None-Match; or make sure that one agent alone writes, and set lease: file under backups.bucket',
      );
    await leaveInstructions(store, world.instructions, signal);
    if (backups.store.folder !== undefined && backups.store.owner !== undefined)
      chownFor(backups.store.folder, config.site, backups.store.owner);
    if (json) return context.out(`${JSON.stringify({ site, store: store.name, tier: backups.store.tier }, null, 2)}\n`);
    context.out(
      `${store.name} is ready (${tierOf(backups.store.tier)}). RESTORE.md there says how to restore without Berth.\n\n→ berth backup keys create --into FOLDER, and berth kit export --into FOLDER, unless that is done\n→ berth backup now\n`,
    );
  });
