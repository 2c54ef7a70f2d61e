import type { Plan } from '../model/plan.ts';
import type { Context } from './context.ts';

/** What the agent of a site runs, where it has one. */
export async function provideAgent(site: string, { agent }: Plan, { root }: Context): Promise<void> {
  if (agent !== undefined) (await import('./agent-program.ts')).provideProgram(site, root);
}
