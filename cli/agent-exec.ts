import { BerthError, EXIT, type FailureKind } from '../model/errors.ts';
import type { BackupJob } from '../model/runtime-config.ts';
import { localPrograms } from '../runtime/programs/local-programs.ts';
import type { RuntimeContext } from './stoppable.ts';

/** Where the agent of a site finds itself, as the plan has it. */
const program = ['/opt/berth/node', '/opt/berth/dist/berth.js'] as const;
const config = '/etc/berth/agent';

/** The services that do a part of the jobs in a container of their own. */
export const agentsOf = (jobs: readonly BackupJob[]): readonly string[] => [
  ...new Set(jobs.flatMap(({ agent }) => (agent === undefined ? [] : [agent]))),
];

/**
 * Has the agent of a site do a verb in its container, where the database can be reached, and gives back its JSON.
 *
 * @throws BerthError of the agent's own, or `unreachable` when it does not run.
 */
export async function inAgent(
  site: string,
  agent: string,
  verb: readonly string[],
  context: RuntimeContext,
  signal: AbortSignal,
): Promise<Readonly<Record<string, unknown>>> {
  const running = localPrograms({ ...process.env, ...context.env }).start(
    {
      argv: ['docker', 'compose', '--project-directory', site, 'exec', '-T', agent, ...program, ...verb, '--site', config, '--json'],
      explain: ({ stderr }) =>
        new BerthError(
          'unreachable',
          `${agent} did not answer: ${stderr.trim().split('\n').at(-1) ?? ''}`,
          `see \`docker compose ps ${agent}\` in ${site}; \`docker compose up -d --wait\` starts it`,
        ),
    },
    signal,
  );
  await using _ = running;
  let text = '';
  try {
    for await (const chunk of running.output) text += Buffer.from(chunk).toString('utf8');
  } catch (error) {
    throw failureIn(text) ?? error;
  }
  return JSON.parse(text) as Readonly<Record<string, unknown>>;
}

/** What the verb itself said of its failure. */
function failureIn(text: string): BerthError | undefined {
  try {
    const { error } = JSON.parse(text) as { readonly error?: { readonly kind: string; readonly message: string; readonly hint: string } };
    if (error === undefined || !Object.hasOwn(EXIT, error.kind)) return undefined;
    return new BerthError(error.kind as FailureKind, error.message, error.hint);
  } catch {
    return undefined;
  }
}
