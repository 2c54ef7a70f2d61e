import { attempt, run } from './process.ts';

const listed = async (...list: readonly string[]): Promise<readonly string[]> =>
  (await run(['docker', ...list])).split('\n').filter((line) => line !== '');
const remove = async (how: readonly string[], what: readonly string[]): Promise<void> => {
  if (what.length > 0) await attempt(['docker', ...how, ...what]);
}; // One that goes by itself meanwhile is no trouble.

/** A network of this name and whatever is attached to it, running or not; there may be none. A run that was killed leaves its own, and the next takes the same name. */
export async function removeNetwork(name: string): Promise<void> {
  await remove(['rm', '--force', '--volumes'], await listed('ps', '--all', '--quiet', '--filter', `network=${name}`));
  await attempt(['docker', 'network', 'rm', name]);
}

/**
 * Containers, volumes and networks of a Compose project and of the drills of its site, which a run that was killed leaves: a site that came up on the volumes
 * of another one of its name would find neither its passwords nor its authority in them.
 */
export async function removeProject(name: string): Promise<void> {
  const label = 'com.docker.compose.project';
  const isOfSite = (project: string): boolean => project === name || project.startsWith(`${name}-drill-`);
  const kinds = [
    { list: ['ps', '--all'], id: '.ID', rm: ['rm', '--force', '--volumes'] },
    { list: ['volume', 'ls'], id: '.Name', rm: ['volume', 'rm', '--force'] },
    { list: ['network', 'ls'], id: '.ID', rm: ['network', 'rm'] },
  ] as const;
  for (const { list, id, rm } of kinds) {
    const all = await listed(...list, '--filter', `label=${label}`, '--format', `{{${id}}} {{.Label "${label}"}}`);
    const own = all.map((line) => line.split(' ')).filter(([, project = '']) => isOfSite(project));
    await remove(
      rm,
      own.map(([one = '']) => one),
    );
  }
}
