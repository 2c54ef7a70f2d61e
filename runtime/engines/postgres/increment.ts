import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Manifest } from '../../../model/backup/manifest.ts';
import { BerthError } from '../../../model/errors.ts';
import { NoIncrement, type Producer } from '../../ports/producer.ts';
import type { Restorable } from '../../ports/scratch-engine.ts';
import { timelineOf } from './chain-rules.ts';
import type { Identity } from './identity.ts';
import { baseBackup, baseManifest, type ProducerTools } from './producer.ts';

interface IncrementTools extends ProducerTools {
  /** Of the agent's own. */
  readonly folder: string;
}

/** Blocks that have changed since a backup, as the server finds them in the summaries of its log. It is told by that backup's own manifest what there was. */
export const postgresIncrement = (tools: IncrementTools, parent: Restorable): Producer =>
  baseBackup(tools, async (identity, stack) => {
    const other = otherServer(parent.manifest, identity);
    if (other !== undefined) throw new NoIncrement(other);
    const folder = join(tools.folder, `increment-${tools.tag()}`);
    stack.defer(() => rm(folder, { recursive: true, force: true }));
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const manifest = join(folder, baseManifest);
    await writeManifest(parent, manifest);
    return { manifest, start: parent.manifest.position.from ?? '' };
  });

function otherServer(parent: Manifest, { systemIdentifier, timeline }: Identity): string | undefined {
  if (parent.facts['systemIdentifier'] !== systemIdentifier) return `${parent.id} is of another server`;
  if (timelineOf(parent) !== timeline) return `the server was promoted or restored since ${parent.id}`;
  return undefined;
}

async function writeManifest(parent: Restorable, path: string): Promise<void> {
  try {
    await writeFile(path, parent.open(baseManifest), { mode: 0o600 });
  } catch (error) {
    if (error instanceof BerthError && error.kind === 'damaged') throw new NoIncrement(error.message);
    throw error;
  }
}
