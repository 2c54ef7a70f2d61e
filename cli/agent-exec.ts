import { agentPlaces, agentProgram, attended } from '../model/backup/site-files.ts';
import { BerthError, EXIT, type FailureKind } from '../model/errors.ts';
import type { BackupJob, RuntimeConfig } from '../model/runtime-config.ts';
import type { Secret } from '../model/secret.ts';
import type { RunningProgram } from '../runtime/ports/program.ts';
import { localPrograms } from '../runtime/programs/local-programs.ts';
import type { RuntimeContext } from './stoppable.ts';

/** The services that do a part of the jobs in a container of their own. */
export const agentsOf = (jobs: readonly BackupJob[]): readonly string[] => [
  ...new Set(jobs.flatMap(({ agent }) => (agent === undefined ? [] : [agent]))),
];

/** Which cluster kubectl is to speak to; its own choice where nothing is said. */
export interface ClusterChoice {
  readonly kubeconfig?: string;
  readonly context?: string;
}

/** Where the agents of a site are. */
export interface AgentHome {
  readonly site: string;
  readonly config: Pick<RuntimeConfig, 'target' | 'namespace'>;
  readonly cluster?: ClusterChoice;
}

/** How a command gets into the container of an agent, and what starts one that is not there. */
interface Way {
  readonly argv: readonly [string, ...string[]];
  readonly cure: string;
}

/** @throws BerthError `usage` for a cluster where there is none, `spec` for one without a namespace. */
function wayTo({ site, config: { target, namespace }, cluster = {} }: AgentHome, agent: string): Way {
  if (target === 'compose') {
    const option = cluster.kubeconfig !== undefined ? '--kubeconfig' : cluster.context !== undefined ? '--context' : undefined;
    if (option !== undefined) throw new BerthError('usage', `${option} is for a cluster, and this site is for Compose`, 'leave it out');
    return {
      argv: ['docker', 'compose', '--project-directory', site, 'exec', '-T', agent],
      cure: `see \`docker compose ps ${agent}\` in ${site}; \`docker compose up -d --wait\` starts it`,
    };
  }
  if (namespace === undefined)
    throw new BerthError('spec', 'runtime.yaml names no namespace', 'run `berth generate`, which writes it anew');
  const kubectl = [
    'kubectl',
    ...(cluster.kubeconfig === undefined ? [] : ['--kubeconfig', cluster.kubeconfig]),
    ...(cluster.context === undefined ? [] : ['--context', cluster.context]),
    '-n',
    namespace,
  ] as const;
  return {
    argv: [...kubectl, 'exec', '-i', `${agent}-0`, '-c', agent, '--'],
    cure: `see \`kubectl -n ${namespace} describe pod ${agent}-0\`, and that kubectl speaks to the right cluster: \`kubectl config current-context\`, or --context`,
  };
}

/** Berth at work in the container of an agent. Its failure is `unreachable`, as nobody knows here what it printed before. */
export function runInAgent(
  home: AgentHome,
  agent: string,
  words: readonly string[],
  context: RuntimeContext,
  signal: AbortSignal,
  key?: Secret,
): RunningProgram {
  const { argv, cure } = wayTo(home, agent);
  return localPrograms({ ...process.env, ...context.env }).start(
    {
      argv: [...argv, ...agentProgram, attended, ...words],
      input: attending(key),
      explain: ({ stderr }) =>
        stderr.includes(`unknown command '${attended}'`)
          ? olderThere(home, agent)
          : new BerthError('unreachable', `${agent} did not answer: ${stderr.trim().split('\n').at(-1) ?? ''}`, cure),
    },
    signal,
  );
}

/**
 * Has the agent of a site do a verb in its container, where the database can be reached, and gives back its JSON.
 *
 * @param key - In PEM, for its standard input.
 * @throws BerthError of the agent's own, or `unreachable` when it does not run.
 */
export async function inAgent(
  home: AgentHome,
  agent: string,
  verb: readonly string[],
  context: RuntimeContext,
  signal: AbortSignal,
  key?: Secret,
): Promise<Readonly<Record<string, unknown>>> {
  await using running = runInAgent(home, agent, [...verb, '--site', agentPlaces.config, '--json'], context, signal, key);
  let text = '';
  try {
    for await (const chunk of running.output) text += Buffer.from(chunk).toString('utf8');
  } catch (error) {
    throw failureIn(text, agent) ?? error;
  }
  return JSON.parse(text) as Readonly<Record<string, unknown>>;
}

/** A private key goes by a pipe: nowhere does it become a file or an argument. The pipe stays open until the verb has ended, and ends the verb when whoever asked for it is gone. */
export async function* attending(key: Secret | undefined): AsyncGenerator<Uint8Array> {
  yield Buffer.from(`${key === undefined ? '' : Buffer.from(key.reveal()).toString('base64')}\n`);
  await new Promise(() => undefined);
}

/** The program of an agent is that of the last `berth generate`. */
const olderThere = ({ config: { target } }: AgentHome, agent: string): BerthError =>
  new BerthError(
    'unreachable',
    `${agent} runs an older Berth than this one, which it does not understand`,
    target === 'compose'
      ? 'run `berth generate` in the folder of the site, which brings its agents this one, then the same again'
      : 'build the image of the agents anew as SITE.md says, run `berth generate`, apply, then the same again',
  );

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
