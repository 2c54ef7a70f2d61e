import type { Command } from 'commander';
import { BerthError } from '../model/errors.ts';
import { seconds } from '../model/units.ts';
import type { Client, Clock } from '../runtime/orchestrators/kubernetes/client.ts';
import type { Context } from './context.ts';

/** What a verb that talks to a cluster may know of the world around it, beside what all may. */
export interface ClusterContext extends Context {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** Runs what must clean up after itself: a signal aborts it, and the program ends once it has. */
  readonly abortable: <T>(work: (signal: AbortSignal) => Promise<T>, said?: string) => Promise<T>;
  /** With which code the program ends when nothing else goes wrong. */
  readonly exit: (code: number) => void;
}

/** Which cluster, as whom, and how patiently. */
export interface ClusterOptions {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly timeout: string;
}

/** Which cluster. */
export const addClusterChoice = (command: Command): Command =>
  command
    .option('--kubeconfig <FILE>', 'how to reach the cluster; without it $KUBECONFIG, then ~/.kube/config')
    .option('--context <NAME>', 'which context of the kubeconfig; without it the current one');

export const addClusterOptions = (command: Command): Command =>
  addClusterChoice(command).option('--timeout <SECONDS>', 'how long the cluster may take for one answer', '15');

export interface Cluster {
  readonly client: Client;
  readonly context: string;
  /** The same cluster, until the signal says stop. */
  readonly until: (signal: AbortSignal) => Client;
}

/** The library is loaded only here: it costs a third of a second. */
export async function openCluster({ kubeconfig, context: name, timeout }: ClusterOptions, context: ClusterContext): Promise<Cluster> {
  if (!/^[1-9]\d{0,3}$/.test(timeout))
    throw new BerthError('usage', `${timeout} is no number of seconds`, 'write --timeout 30, for example');
  const [{ connect }, { openClient }] = await Promise.all([
    import('../runtime/orchestrators/kubernetes/connect.ts'),
    import('../runtime/orchestrators/kubernetes/client.ts'),
  ]);
  const connection = await connect({
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
    ...(name === undefined ? {} : { context: name }),
    env: context.env,
    now: context.now(),
  });
  const options = { timeout: seconds(Number(timeout)), clock: context.clock };
  return {
    client: openClient(connection, options),
    context: connection.context,
    until: (signal) => openClient(connection, { ...options, signal }),
  };
}
