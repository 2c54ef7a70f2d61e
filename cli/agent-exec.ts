import { agentPlaces, agentProgram } from '../model/backup/site-files.ts';
import { BerthError, EXIT, type FailureKind } from '../model/errors.ts';
import type { BackupJob } from '../model/runtime-config.ts';
import type { Secret } from '../model/secret.ts';
import { localPrograms } from '../runtime/programs/local-programs.ts';
import type { RuntimeContext } from './stoppable.ts';

/** The services that do a part of the jobs in a container of their own. */
export const agentsOf = (jobs: readonly BackupJob[]): readonly string[] => [
  ...new Set(jobs.flatMap(({ agent }) => (agent === undefined ? [] : [agent]))),
];

/**
 * Has the agent of a site do a verb in its container, where the database can be reached, and gives back its JSON.
 *
 * @param key - In PEM, for its standard input.
 * @throws BerthError of the agent's own, or `unreachable` when it does not run.
 */
export async function inAgent(
  site: string,
  agent: string,
  verb: readonly string[],
  context: RuntimeContext,
  signal: AbortSignal,
  key?: Secret,
): Promise<Readonly<Record<string, unknown>>> {
  const running = localPrograms({ ...process.env, ...context.env }).start(
    {
      argv: [
        'docker',
        'compose',
        '--project-directory',
        site,
        'exec',
        '-T',
        agent,
        ...agentProgram,
        ...verb,
        '--site',
        agentPlaces.config,
        '--json',
      ],
      ...keyInput(key),
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
    throw failureIn(text, agent) ?? error;
  }
  return JSON.parse(text) as Readonly<Record<string, unknown>>;
}

/** A private key goes by a pipe: nowhere does it become a file or an argument. */
export const keyInput = (key: Secret | undefined): { readonly input?: AsyncIterable<Uint8Array> } =>
  key === undefined ? {} : { input: bytesOf(key) };
async function* bytesOf(key: Secret): AsyncGenerator<Uint8Array> {
  await Promise.resolve();
  yield Buffer.from(key.reveal());
}

/** What the verb itself said of its failure. */
function failureIn(text: string, agent: string): Error | undefined {
  try {
    const { error } = JSON.parse(text) as { readonly error?: { readonly kind: string; readonly message: string; readonly hint: string } };
    if (error?.kind === 'unexpected') return new Error(`in ${agent}: ${error.message}`);
    if (error === undefined || !Object.hasOwn(EXIT, error.kind)) return undefined;
    return new BerthError(error.kind as FailureKind, error.message, error.hint);
  } catch {
    return undefined;
  }
}
