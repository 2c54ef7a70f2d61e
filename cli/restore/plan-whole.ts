import { join } from 'node:path';
import { appendsIn, type CopyChoice } from './choose-copies.ts';
import { type Chosen, chooseWhole } from './choose-whole.ts';
import type { openCatalogue } from '../open-catalogue.ts';
import { readRuntime } from '../runtime-config.ts';
import { loadSite } from '../site.ts';
import type { RuntimeContext } from '../stoppable.ts';

/**
 * What the data of a site come back from: what the site was then says what there is to put back.
 *
 * @param stage - The folder of the site as it was then; nothing of it is in its place yet.
 */
export function planWhole(
  stage: string,
  { catalogue, levelOf }: Pick<Awaited<ReturnType<typeof openCatalogue>>, 'catalogue' | 'levelOf'>,
  moment: Pick<CopyChoice, 'at' | 'pointOf'>,
  context: RuntimeContext,
): Chosen {
  const { jobs } = readRuntime(join(stage, 'runtime.yaml')).config.backups;
  const { plan } = loadSite(stage, context);
  return chooseWhole(jobs, plan, { ...moment, manifests: catalogue.manifests, levelOf, appends: appendsIn(stage) });
}
