import { setTimeout as sleep } from 'node:timers/promises';
import { run } from './process.ts';

interface Patience {
  /** Far beyond what it takes: who waits for what comes waits no longer for it. */
  readonly seconds?: number;
  readonly everyMs?: number;
  /** What is worth knowing when it did not come. */
  readonly tell?: () => string | Promise<string>;
}

/**
 * Look until there is something to see; a look that throws has seen nothing.
 *
 * @returns What was seen.
 * @throws with what was waited for, the last thing that was thrown, and what `tell` knows.
 */
export async function until<T>(
  look: () => T | undefined | false | Promise<T | undefined | false>,
  what: string,
  { seconds = 180, everyMs = 200, tell = () => '' }: Patience = {},
): Promise<T> {
  const given = performance.now() + seconds * 1000;
  let trouble = '';
  // A machine that stood still for all that time has looked once more before it gives up.
  for (let isLast = false; ; isLast = performance.now() > given) {
    try {
      const seen = await look();
      if (seen) return seen;
      trouble = '';
    } catch (error) {
      trouble = `; ${error instanceof Error ? error.message : String(error)}`;
    }
    if (isLast) break;
    await sleep(everyMs);
  }
  const told = await Promise.resolve(tell()).catch((error: unknown) => `nothing more can be told: ${String(error)}`);
  throw new Error(`${what}: not within ${seconds} s${trouble}${told === '' ? '' : `\n${told}`}`);
}

/**
 * Kill a container in the midst of what its script does: once a folder is there that is not there for long. It is watched for inside, where all that works
 * is brought to a stand at the same moment; from outside one may come too late.
 */
export async function killOnce(container: () => Promise<string>, folder: string): Promise<void> {
  const watch = `until [ -d ${folder} ]; do sleep 0.03; done; kill -s STOP -- -1`;
  await until(async () => {
    const id = await container();
    await run(['docker', 'exec', id, 'timeout', '120', 'sh', '-c', watch]);
    await run(['docker', 'kill', id]);
    return true;
  }, `${folder} is there`);
}
