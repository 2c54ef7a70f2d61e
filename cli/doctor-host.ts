import { checkHost } from '../generator/doctor/host.ts';
import { hostNeedsOf } from '../generator/plan/host-needs.ts';
import { EXIT } from '../model/errors.ts';
import { isKnown } from '../model/host-state.ts';
import type { Plan } from '../model/plan.ts';
import { readHost } from '../runtime/host/read-host.ts';
import { viewOf } from '../runtime/host/view.ts';
import type { ClusterContext } from './cluster.ts';
import { describeDiagnoses } from './describe-diagnoses.ts';
import { paint } from './text.ts';

/** Look at this host and print whether it can run the plan. `folder` is the site's. */
export async function doctorHost(plan: Plan, folder: string, json: boolean, context: ClusterContext): Promise<void> {
  const needs = hostNeedsOf(plan);
  const clear = context.interactive && !json ? '\r\u001b[K' : '';
  if (clear !== '') context.err('looking at this host …');
  const host = await readHost(needs, {
    view: viewOf(context.env),
    now: context.now,
    clock: () => performance.now(),
    folder,
    id: Buffer.from(context.random(4)).toString('hex'),
  });
  context.err(clear);
  const diagnoses = checkHost(host, needs);
  const fits = diagnoses.every(({ verdict }) => verdict !== 'fail');
  const machine = isKnown(host.engine) ? host.engine.machine : null;
  const version = isKnown(host.engine) ? host.engine.version : null;
  if (json) context.out(`${JSON.stringify({ site: needs.site, host: machine, engine: version, fits, diagnoses }, null, 2)}\n`);
  else context.out(describeDiagnoses(`${paint(context.color)('bold', needs.site)} on ${machine ?? 'this host'}`, diagnoses, context));
  if (!fits) context.exit(EXIT.unfit);
}
