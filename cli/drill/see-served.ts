import { BerthError } from '../../model/errors.ts';
import type { Plan } from '../../model/plan.ts';
import { type Answer, askEdge, isServed } from './ask-edge.ts';
import type { Compose } from '../compose.ts';
import type { RuntimeContext } from '../stoppable.ts';

/** Starts everything, and asks as a visitor would. @throws BerthError `unfit` when not everything comes up, or a visitor is not served; what its containers said is told. */
export async function seeServed(
  { compose, plan, site }: { readonly compose: Compose; readonly plan: Pick<Plan, 'edge' | 'services'>; readonly site: string },
  context: RuntimeContext,
  signal: AbortSignal,
): Promise<readonly Answer[]> {
  try {
    await compose(['up', '-d', '--wait'], signal);
  } catch (error) {
    signal.throwIfAborted();
    await tellTrouble(compose, context, signal);
    throw unfit('not everything comes up', site, error);
  }
  const answers = await askEdge(plan, compose, signal);
  const [silent] = answers.filter((answer) => !isServed(answer));
  if (silent === undefined) return answers;
  await tellTrouble(compose, context, signal);
  throw unfit(`${silent.url} is not served: ${silent.status === undefined ? 'no answer' : `status ${silent.status}`}`, site, undefined);
}

const unfit = (what: string, site: string, cause: unknown): BerthError =>
  new BerthError(
    'unfit',
    `the site came back from its backups, and does not serve: ${what}`,
    `see above what its containers say; --keep leaves it, in ${site}, to look into`,
    { cause },
  );

/** The last lines of every container that is not as it should be, as they are about to be gone. */
async function tellTrouble(compose: Compose, context: RuntimeContext, signal: AbortSignal): Promise<void> {
  const listed = await compose(['ps', '--all', '--format', '{{.Service}} {{.State}} {{.ExitCode}} {{.Health}}'], signal).catch(() => '');
  for (const line of listed.trim().split('\n')) {
    const [service = '', state, code, health = ''] = line.split(' ');
    const good = (state === 'running' && (health === '' || health === 'healthy')) || (state === 'exited' && code === '0');
    if (service === '' || good) continue;
    const said = await compose(['logs', '--no-color', '--no-log-prefix', '--tail', '20', service], signal).catch(() => '');
    context.err(`${line.trim()}\n${said.trim().replaceAll(/^/gm, '    ')}\n`);
  }
}
