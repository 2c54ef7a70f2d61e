import type { Plan } from '../model/plan.ts';
import type { Context } from './context.ts';

/** What the agents of a site run, where it has some. */
export async function provideAgent(site: string, { agents }: Plan, { root }: Context): Promise<void> {
  if (agents.length > 0) (await import('./agent-program.ts')).provideProgram(site, root);
}
