import { join } from 'node:path';
import { appendsIn, type CopyChoice } from './choose-copies.ts';
import { type Chosen, chooseWhole } from './choose-whole.ts';
import { estimateSite, partsOf } from './estimate.ts';
import { parseDuration } from '../../model/units.ts';
import { ratesOf } from '../../runtime/jobs/rates.ts';
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
  {
    catalogue,
    levelOf,
    recordsOf,
    drill,
  }: Pick<Awaited<ReturnType<typeof openCatalogue>>, 'catalogue' | 'levelOf' | 'recordsOf' | 'drill'>,
  moment: Pick<CopyChoice, 'at' | 'pointOf'>,
  context: RuntimeContext,
): Chosen {
  const { jobs } = readRuntime(join(stage, 'runtime.yaml')).config.backups;
  const { plan, spec } = loadSite(stage, context);
  const chosen = chooseWhole(jobs, plan, { ...moment, manifests: catalogue.manifests, levelOf, appends: appendsIn(stage) });
  const rto = spec.operations?.objectives?.rto;
  const objective = rto === undefined ? null : (parseDuration(rto) ?? null);
  return { ...chosen, expected: estimateSite(partsOf(chosen), drill, (source) => ratesOf(recordsOf(source)), objective) };
}
