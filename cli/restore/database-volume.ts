import { agentPlaces, agentProgram, attended } from '../../model/backup/site-files.ts';
import type { Plan } from '../../model/plan.ts';
import type { PlannedService } from '../../model/planned-service.ts';
import type { Secret } from '../../model/secret.ts';
import { attending } from '../agent-exec.ts';
import { type Compose, never } from '../compose.ts';
import { dataPlaceOf, type DataPlace } from './data-place.ts';
import { restoredData, type Restored } from './database.ts';
import { fileStamp } from '../moment.ts';

/** Where the volume of the database lies in the container that fills it, and what is made there. */
const mounted = '/restore';
const workshop = `${mounted}/berth-restore`;

/** What an agent is to restore, and how it opens that. */
export interface Filling {
  /** The service that copies it, and whose image has its programs. */
  readonly agent: string;
  readonly key: Secret | undefined;
  /** What has an agent restore into a folder. */
  readonly verb: (folder: string) => readonly string[];
}

/** The volume of a database, and the commands of Compose that change what lies in it. */
export class DatabaseVolume {
  readonly #plan: Plan;
  readonly #server: PlannedService;
  readonly #filling: Filling;
  readonly #compose: Compose;
  readonly #place: DataPlace;
  constructor(plan: Plan, server: PlannedService, filling: Filling, compose: Compose) {
    this.#plan = plan;
    this.#server = server;
    this.#filling = filling;
    this.#compose = compose;
    this.#place = dataPlaceOf(server.image);
  }

  /** Where the old data are kept when others take their place at that time. */
  keptAt = (time: Date): string => `${this.#place.folder}.before-${fileStamp(time)}`;

  /** New data beside the old ones. @returns what was restored. */
  async fill(signal: AbortSignal): Promise<Restored> {
    const { verb, key, agent } = this.#filling;
    await this.clean(signal);
    const runsAs = this.#plan.services.find(({ name }) => name === agent)?.user ?? '';
    const isAnother = runsAs !== this.#server.user;
    // Who is not the owner of the volume may make nothing in it.
    if (isAnother) await this.#asRoot(`mkdir -m 700 ${workshop} && chown ${runsAs} ${workshop}`, signal);
    const [node, ...program] = agentProgram;
    const words = [...program, attended, ...verb(workshop), '--site', agentPlaces.config, '--json'];
    const restored = JSON.parse(await this.#compose(this.#beside([], node, words), signal, { input: attending(key) })) as Restored;
    if (isAnother) await this.#asRoot(`chown -R ${this.#server.user} ${workshop}`, signal);
    return restored;
  }

  /** The new data get the name of the old ones before the two change places, and none of the two is ever where it would be cleared away. */
  async exchange(kept: string): Promise<void> {
    const [fresh, named] = [`${workshop}/${restoredData}`, `${mounted}/${kept}`];
    await this.#asServer(
      `mv -T ${fresh} ${named} || exit 1; ${this.#exchanging(kept)} || { [ -e ${this.#data} ] && mv -T ${named} ${fresh}; exit 1; }; rm -rf ${workshop}; sync`,
    );
  }

  /** What tells the present data from others, wherever a rename brings them. */
  async identity(): Promise<string> {
    return (await this.#asServer(`stat -c %i ${this.#data}`)).trim();
  }

  /**
   * Ends an exchange that may have been cut off, with the server stopped. Nothing is removed.
   *
   * @param old - Identity of the data before it.
   * @returns whether the new data are in their place; otherwise the old ones still are.
   */
  async settle(kept: string, old: string): Promise<boolean> {
    const [named, waiting] = [`${mounted}/${kept}`, this.#place.waiting];
    const last =
      waiting === undefined
        ? ''
        : `[ -e ${this.#data} ] || { [ -e ${named} ] && mv -T ${mounted}/${waiting} ${this.#data} && sync; } || exit 1; `;
    return (await this.#asServer(`${last}stat -c %i ${this.#data}`)).trim() !== old;
  }

  /** The new data become those of a server that has none. */
  async begin(): Promise<void> {
    await this.#asServer(`[ ! -e ${this.#data} ] && mv -T ${workshop}/${restoredData} ${this.#data} && rm -rf ${workshop} && sync`);
  }

  /** Whether a server would find data there, or finish an exchange that gives it some. */
  async hasData(signal: AbortSignal): Promise<boolean> {
    const found = [this.#data, ...(this.#place.waiting === undefined ? [] : [`${mounted}/${this.#place.waiting}`])];
    return (await this.#asRoot(`for found in ${found.join(' ')}; do if [ -e "$found" ]; then echo data; fi; done`, signal)).trim() !== '';
  }

  /** Of what was filled and not yet used, whoever it belongs to. Without data in their place, all that an exchange has left there is for a person. */
  clean(signal: AbortSignal): Promise<unknown> {
    const { waiting } = this.#place;
    const left = `${mounted}/${waiting ?? ''}`;
    return this.#asRoot(
      waiting === undefined ? `rm -rf ${workshop}` : `[ ! -e ${this.#data} ] && [ -e ${left} ] || rm -rf ${workshop} ${left}`,
      signal,
    );
  }

  /** The command that brings the old data back, with the server stopped. */
  undoing = (kept: string): string =>
    `docker compose ${this.#beside(this.#serverOptions, '/bin/sh', ['-c', `'${this.#exchanging(kept)}'`]).join(' ')}`;

  get #data(): string {
    return `${mounted}/${this.#place.folder}`;
  }
  get #serverOptions(): readonly string[] {
    return ['--user', this.#server.user];
  }

  #exchanging = (kept: string): string => this.#place.exchange(mounted, kept);

  #asServer = (script: string): Promise<string> => this.#compose(this.#beside(this.#serverOptions, '/bin/sh', ['-c', script]), never);

  #asRoot(script: string, signal: AbortSignal): Promise<string> {
    const root = ['--user', '0:0', ...['CHOWN', 'DAC_OVERRIDE', 'FOWNER'].flatMap((capability) => ['--cap-add', capability])];
    return this.#compose(this.#beside(root, '/bin/sh', ['-c', script]), signal);
  }

  /** In a container like that of the agent, with the volume of the database. */
  #beside(options: readonly string[], entrypoint: string, args: readonly string[]): readonly string[] {
    const common = ['run', '--rm', '--no-deps', '-T', '--volume', `${volumeOf(this.#plan, this.#server)}:${mounted}`];
    return [...common, ...options, '--entrypoint', entrypoint, this.#filling.agent, ...args];
  }
}

/** As the engine calls it. */
export const volumeOf = ({ name }: Plan, { volumes }: PlannedService): string => `${name}_${volumes[0]?.name ?? ''}`;
