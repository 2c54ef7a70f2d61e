import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LabSite, Operator } from './installed.ts';
import { run } from './process.ts';

/** Before or behind a command that its words tell, whoever runs it is killed. The command itself is the engine's. */
const docker = (real: string): string => `#!/bin/sh
case "$*" in
  $KILL_AT)
    [ "$KILL_WHEN" = after ] && ${real} "$@"
    kill -KILL $PPID
    exit 137 ;;
esac
exec ${real} "$@"
`;

/** Kills Berth at a command of Docker's. */
export class Killing {
  readonly #operator: Operator;
  readonly #folder: string;
  private constructor(operator: Operator, folder: string) {
    this.#operator = operator;
    this.#folder = folder;
  }

  static async create(operator: Operator): Promise<Killing> {
    const folder = join(operator.home, 'killing');
    mkdirSync(folder);
    writeFileSync(join(folder, 'docker'), docker((await run(['sh', '-c', 'command -v docker'])).trim()), { mode: 0o755 });
    return new Killing(operator, folder);
  }

  /** @param pattern - Of the shell, for all words of the command. */
  async at(pattern: string, when: 'before' | 'after', site: LabSite, words: readonly string[]): Promise<void> {
    const path = `PATH=${this.#folder}:${join(this.#operator.home, 'bin')}:/usr/local/bin:/usr/bin:/bin`;
    const { code, stderr } = await this.#operator.attempt(
      ['env', path, `KILL_AT=${pattern}`, `KILL_WHEN=${when}`, 'berth', ...words],
      site.folder,
    );
    if (code !== 137) throw new Error(`it was not killed, and ended with ${code}:\n${stderr}`);
  }
}
