import type { Plan } from '../model/plan.ts';
import type { Context } from './context.ts';

/** What the agents of a site run, where it has some; for a cluster, what an image of it is built from. */
export async function provideAgent(site: string, { agents, kubernetes, images }: Plan, { root }: Context): Promise<void> {
  if (agents.length === 0) return;
  const { provideProgram, provideDockerfile } = await import('./agent-program.ts');
  provideProgram(site, root);
  // The layers of both are on nodes already; the edge's is the smaller one.
  const base = images.find(({ key }) => key === 'nginx') ?? images.find(({ usedBy }) => usedBy.includes(agents[0]?.service ?? ''));
  if (kubernetes && base) provideDockerfile(site, base.reference);
}
