import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lockSite } from '../../generator/io/lock.ts';
import { BerthError } from '../../model/errors.ts';
import { outputOf } from '../../runtime/programs/local-programs.ts';
import { never, programsApart } from '../compose.ts';
import { makeFolder } from '../restore/make-folder.ts';
import type { RuntimeContext } from '../stoppable.ts';
import { typed } from '../text.ts';

const markFile = '.berth/drill.json';
const mostTries = 30;
/** What a project of Compose may have, and how it goes: what uses something before that. */
const removals = [
  ['ps --all --quiet --no-trunc', 'rm --force --volumes'],
  ['volume ls --quiet', 'volume rm --force'],
  ['network ls --quiet --no-trunc', 'network rm'],
].map((pair) => pair.map((words) => words.split(' ')));

/** What is to be cleared away, and whether the folder goes with it as a drill has made it. */
interface Mark {
  readonly projects: readonly string[];
  readonly made: boolean;
}

/** Where a site is drilled: a folder, and a project of Compose that nobody else has. It is known by its mark, so that the next drill takes away what one that was killed has left. */
export class DrillRoom implements Disposable {
  readonly project: string;
  readonly folder: string;
  /** The folder of the site that is drilled. */
  readonly site: string;
  /** Of drills that were killed: a command of theirs may still be at work when the next one clears up, so they are cleared away at its end as well. */
  readonly #left: readonly string[];
  /** Whether its folder was not there before a drill. */
  readonly #made: boolean;
  readonly #lock: Disposable;
  readonly #context: RuntimeContext;
  /** Whether the engine may have anything of it. */
  #begun: boolean;
  private constructor(folder: string, project: string, { projects, made }: Mark, lock: Disposable, context: RuntimeContext) {
    this.#made = made;
    this.folder = folder;
    this.site = join(folder, 'site');
    this.project = project;
    this.#left = projects;
    this.#begun = projects.length > 0;
    this.#lock = lock;
    this.#context = context;
  }

  /** @throws BerthError `conflict` for a folder that is no drill's, `locked` where one goes on. */
  static async open(folder: string, site: string, context: RuntimeContext): Promise<DrillRoom> {
    const fresh = !existsSync(folder);
    makeFolder(folder, 0o700);
    const mark = join(folder, markFile);
    if (!existsSync(mark) && readdirSync(folder).some((name) => name !== '.berth'))
      throw new BerthError('conflict', `${folder} is not empty, and no drill has left that there`, 'name a new folder with --into');
    const lock = lockSite(folder);
    try {
      const room = new DrillRoom(
        folder,
        `${site}-drill-${Buffer.from(context.random(4)).toString('hex')}`,
        fresh ? { projects: [], made: true } : readMark(mark),
        lock,
        context,
      );
      await room.#clearAll(room.#left);
      const marked: Mark = { projects: [...room.#left, room.project], made: room.#made };
      writeFileSync(mark, `${JSON.stringify(marked)}\n`, { flush: true });
      return room;
    } catch (error) {
      lock[Symbol.dispose]();
      if (fresh) rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** From here on every command of Compose is about this project, whatever the shell says of another. */
  begin(context: RuntimeContext): RuntimeContext {
    this.#begun = true;
    const own = { COMPOSE_PROJECT_NAME: this.project, COMPOSE_FILE: join(this.site, 'compose.yaml'), COMPOSE_PROFILES: '' };
    return { ...context, env: { ...context.env, ...own } };
  }

  /** Takes away all that has the name of the project, and the folder of the site. Does no harm a second time. */
  async clear(): Promise<void> {
    await this.#clearAll(this.#begun ? [...this.#left, this.project] : []);
    this.#begun = false;
    rmSync(join(this.folder, markFile), { force: true });
  }

  async #clearAll(projects: readonly string[]): Promise<void> {
    for (const project of projects) await this.#clearProject(project);
    try {
      rmSync(this.site, { recursive: true, force: true });
    } catch (error) {
      throw new BerthError(
        'io',
        `${this.site} has files of the containers of a drill, which you may not remove; secrets of the site are among them: ${error instanceof Error ? error.message : ''}`,
        `\`sudo rm -r ${typed(this.site)}\``,
        { cause: error },
      );
    }
  }

  /** What a command of Compose is still at work on cannot be removed yet, or is there again: so this is done until nothing is in its way. */
  async #clearProject(project: string): Promise<void> {
    for (let tries = 1; ; tries++)
      try {
        for (const [list = [], remove = []] of removals) {
          const listed = await this.#docker([...list, '--filter', `label=com.docker.compose.project=${project}`]);
          const found = listed.split('\n').filter((name) => name !== '');
          if (found.length > 0) await this.#docker([...remove, ...found]);
        }
        return;
      } catch (error) {
        if (tries === mostTries) throw error;
        await this.#context.clock.sleep(1000, never);
      }
  }

  /** Its folder goes where nothing of a drill is left in it. */
  [Symbol.dispose](): void {
    const empty = !existsSync(join(this.folder, markFile)) && readdirSync(this.folder).every((name) => name === '.berth');
    if (empty) rmSync(this.#made ? this.folder : join(this.folder, '.berth'), { recursive: true, force: true });
    this.#lock[Symbol.dispose]();
  }

  #docker = (args: readonly string[]): Promise<string> => outputOf(programsApart(this.#context), { argv: ['docker', ...args] }, never);
}

/** @throws BerthError `damaged` for a mark that says nothing: what has that name is not known then. */
function readMark(mark: string): Mark {
  if (!existsSync(mark)) return { projects: [], made: false };
  try {
    const { projects, made } = JSON.parse(readFileSync(mark, 'utf8')) as { readonly [key in keyof Mark]?: unknown };
    const named = Array.isArray(projects) ? projects.filter((name) => typeof name === 'string') : [];
    if (named.length > 0 && named.every((name) => /-drill-[0-9a-f]{8}$/.test(name))) return { projects: named, made: made === true };
  } catch {
    // As where it names none.
  }
  throw new BerthError(
    'damaged',
    `${mark} does not say what a drill has left`,
    'see `docker compose ls --all` for a project with -drill- in its name, take it away with `docker compose -p NAME down --volumes`, then delete that folder',
  );
}
