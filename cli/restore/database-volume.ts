import { agentPlaces, agentProgram, attended } from '../../model/backup/site-files.ts';
import type { Plan } from '../../model/plan.ts';
import type { PlannedService } from '../../model/planned-service.ts';
import type { Secret } from '../../model/secret.ts';
import { attending } from '../agent-exec.ts';
import { type Compose, never } from '../compose.ts';
import { dataPlaceOf, type DataPlace } from './data-place.ts';
import { restoredData, type Restored } from './database-here.ts';
import { bringing, type Lying, places, type Ways } from './database-lying.ts';
import { fileStamp } from '../moment.ts';

/** Where the volume of the database lies in the container that fills it, and what is made there. */
export const mounted = '/restore';
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
  readonly #volume: string;
  readonly #isNew: boolean;
  /** @param beside - A volume that is not the database's: root's, until it is filled for the agent's user. */
  constructor(plan: Plan, server: PlannedService, filling: Filling, compose: Compose, beside?: string) {
    this.#plan = plan;
    this.#volume = beside ?? volumeOf(plan, server);
    this.#isNew = beside !== undefined;
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
    if (isAnother || this.#isNew) await this.#asRoot(`mkdir -m 700 ${workshop} && chown ${runsAs} ${workshop}`, signal);
    const [node, ...program] = agentProgram;
    const words = [...program, attended, ...verb(workshop), '--site', agentPlaces.config, '--json'];
    const restored = JSON.parse(await this.#compose(this.#beside([], node, words), signal, { input: attending(key) })) as Restored;
    if (isAnother && !this.#isNew) await this.#asRoot(`chown -R ${this.#server.user} ${workshop}`, signal);
    return restored;
  }

  /** The new data get the name of the old ones before the two change places, and none of the two is ever where it would be cleared away. */
  async exchange(kept: string): Promise<void> {
    const [fresh, named] = [`${workshop}/${restoredData}`, `${mounted}/${kept}`];
    await this.#asServer(
      `mv -T ${fresh} ${named} || exit 1; ${this.#exchanging(kept)} || { [ -e ${this.#data} ] && mv -T ${named} ${fresh}; exit 1; }; rm -rf ${workshop}; sync`,
    );
  }

  /** Which data lie where, whole and on the disk: each folder by its number and its birth, which no rename changes. */
  async look(kept: string): Promise<Lying> {
    const { path } = this.#ways(kept);
    const script = `sync; for at in ${places.map((place) => path[place]).join(' ')}; do stat -c %i.%W "$at" 2>/dev/null || echo -; done`;
    const found = (await this.#asServer(script)).trim().split('\n');
    return Object.fromEntries(
      places.map((place, index) => [place, found[index]] as const).filter(([, one]) => one !== undefined && one !== '-'),
    );
  }

  /** Changes when a server runs on the data. Taken while none does. */
  async print(): Promise<string> {
    const list = 'LC_ALL=C du -ab --time --time-style=+%s.%N .';
    return (await this.#asServer(`sync; cd ${this.#data} && ${list} | LC_ALL=C sort | cksum`)).trim();
  }

  /** Has one of two folders be the data, with the server stopped, also where an exchange of them was cut off. */
  async bring(lying: Lying, kept: string, wanted: string, other: string | undefined): Promise<void> {
    await this.#asServer(`${bringing(lying, wanted, other, this.#ways(kept))}sync`);
  }

  /** Removes what lies where old data would be kept. */
  async drop(kept: string): Promise<void> {
    await this.#asServer(`rm -rf ${mounted}/${kept}`);
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

  /** The command that removes what is kept there. */
  removing = (kept: string): string => `docker compose exec ${this.#server.name} rm -rf ${this.#server.volumes[0]?.target ?? ''}/${kept}`;

  /** The command that brings the old data back, with the server stopped. */
  undoing = (kept: string): string =>
    `docker compose ${this.#beside(this.#serverOptions, '/bin/sh', ['-c', `'${this.#exchanging(kept)}'`]).join(' ')}`;

  get #data(): string {
    return `${mounted}/${this.#place.folder}`;
  }
  get #serverOptions(): readonly string[] {
    return ['--user', this.#server.user];
  }

  #ways = (kept: string): Ways => ({
    path: {
      data: this.#data,
      kept: `${mounted}/${kept}`,
      // Where the exchange is one step nothing waits.
      waiting: `${mounted}/${this.#place.waiting ?? 'data.restored'}`,
      ready: `${workshop}/${restoredData}`,
    },
    exchanging: this.#exchanging(kept),
  });

  #exchanging = (kept: string): string => this.#place.exchange(mounted, kept);

  #asServer = (script: string): Promise<string> => this.#compose(this.#beside(this.#serverOptions, '/bin/sh', ['-c', script]), never);

  #asRoot(script: string, signal: AbortSignal): Promise<string> {
    const root = ['--user', '0:0', ...['CHOWN', 'DAC_OVERRIDE', 'FOWNER'].flatMap((capability) => ['--cap-add', capability])];
    return this.#compose(this.#beside(root, '/bin/sh', ['-c', script]), signal);
  }

  /** In a container like that of the agent, with the volume of the database. */
  #beside(options: readonly string[], entrypoint: string, args: readonly string[]): readonly string[] {
    const common = ['run', '--rm', '--no-deps', '-T', '--volume', `${this.#volume}:${mounted}`];
    return [...common, ...options, '--entrypoint', entrypoint, this.#filling.agent, ...args];
  }
}

/** As the engine calls it. */
export const volumeOf = ({ name }: Plan, { volumes }: PlannedService): string => `${name}_${volumes[0]?.name ?? ''}`;
