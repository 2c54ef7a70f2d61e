import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { agentProgram } from '../../model/backup/site-files.ts';
import type { Compose } from '../compose.ts';
import { composeFiles } from './second-place.ts';

/** Ends by the signal that it is stopped with: the first process of a container hears only what it listens to. */
const idling = "process.on('SIGTERM',()=>process.exit());setInterval(()=>0,1e9)";

/**
 * An agent that does what it is told, and copies nothing by itself: what is half filled must not get into the backups. It is always well: for one whose check was
 * turned off Compose 2.26 does not wait, but gives up.
 */
export const idleAgent = {
  entrypoint: [agentProgram[0], '-e', idling],
  command: null,
  // Images of databases name others.
  stop_signal: 'SIGTERM',
  healthcheck: { test: ['CMD', '/bin/sh', '-c', 'exit 0'] },
} as const;

/** Starts services and waits for them; the agents among them as {@link idleAgent}, until the next `up` starts them as they are. */
export async function upIdle(
  site: string,
  agents: readonly string[],
  services: readonly string[],
  compose: Compose,
  signal: AbortSignal,
): Promise<void> {
  const idle = join(site, '.berth/idle.json');
  writeFileSync(idle, JSON.stringify({ services: Object.fromEntries(agents.map((agent) => [agent, idleAgent])) }));
  try {
    await compose(
      [...[...composeFiles(site), idle].flatMap((path) => ['--file', path]), 'up', '-d', '--wait', ...new Set([...services, ...agents])],
      signal,
    );
  } finally {
    rmSync(idle, { force: true });
  }
}
