import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { realFileSystem } from '../../generator/io/file-system.ts';
import { realSite } from '../../generator/io/site-path.ts';
import { BerthError } from '../../model/errors.ts';
import { type Docker, never } from '../compose.ts';

const variable = 'BERTH_RESTORING';

/** For the environment of every command of a restore: its site, by whatever way somebody goes there. Whoever ends that restore waits for what it has left. */
export const restoringMark = (site: string): Readonly<Record<string, string>> => ({ [variable]: realSite(site, realFileSystem) });

const patienceMs = 600_000;
const everyMs = 200;

/** Commands of that site that a restore has begun and that outlived it, by their numbers. Those of other users are not seen. */
export function commandsOf(site: string, proc = '/proc'): readonly number[] {
  const mark = Buffer.from(`${variable}=${realSite(site, realFileSystem)}`).toString('latin1');
  return readdirSync(proc)
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`${proc}/${pid}/environ`, 'latin1').split('\0').includes(mark);
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** Who is killed leaves the command behind that it had begun. @throws BerthError when that does not come to its end. */
export async function outlive(site: string, signal: AbortSignal, look = commandsOf, forMs = patienceMs): Promise<void> {
  const until = performance.now() + forMs;
  for (;;) {
    const [first] = look(site);
    if (first === undefined) return;
    if (performance.now() > until)
      throw new BerthError(
        'locked',
        `a command of the restore that was cut off is still at work (process ${first})`,
        'wait until it has ended, or end it, then run the command again',
      );
    await sleep(everyMs, undefined, { signal });
  }
}

/** Containers that Compose ran once, and not those of services. */
export const oneOffs = ['--filter', 'label=com.docker.compose.oneoff=True'] as const;

/** One that has ended and is being removed by the engine cannot be removed a second time. */
const removalMs = 30_000;

/** Takes away the containers that have a volume, as they fill it and move what lies in it for nobody any more. @param which - Filters; all of them without any. */
export async function removeUsers(volume: string, docker: Docker, which: readonly string[] = []): Promise<void> {
  for (const since = performance.now(); ; await sleep(everyMs)) {
    const users = (await docker(['ps', '--all', '--quiet', '--filter', `volume=${volume}`, ...which], never)).split('\n').filter(Boolean);
    if (users.length === 0) return;
    try {
      await docker(['rm', '--force', ...users], never);
    } catch (error) {
      if (performance.now() - since > removalMs) throw error;
    }
  }
}
