import { restoreFolder, restoreMark } from '../../model/backup/exchange-mark.ts';
import { agentPlaces, agentProgram, attended, givenKey } from '../../model/backup/site-files.ts';
import type { Plan } from '../../model/plan.ts';
import type { Secret } from '../../model/secret.ts';
import { composeServices } from '../../generator/render/compose.ts';
import { attending } from '../agent-exec.ts';
import { type Compose, never } from '../compose.ts';
import type { Exchanged } from './copy-live.ts';
import type { RestoredVolume } from './volume.ts';

/** Where the volume lies in the container that fills it. */
const mounted = '/restore';
const workshop = `${mounted}/${restoreFolder}`;
/** Where an exchange would keep what was there, when nothing was. */
const nobodys = '.berth-before-nothing';

/** The volume as the engine names it, and who has it mounted and may write to it or read what is half exchanged. */
export function concernedByVolume(plan: Plan, volume: string): { readonly volume: string; readonly clients: readonly string[] } {
  const found = plan.volumes.find(({ name }) => name === `${volume}-volume`);
  if (found === undefined) throw new Error(`the plan has no volume ${volume}`);
  const clients = composeServices(plan).filter(
    ({ service }) => service.kind === 'server' && service.role !== 'agent' && service.shared?.some(({ name }) => name === found.name),
  );
  return { volume: `${plan.name}_${found.name}`, clients: clients.map(({ name }) => name) };
}

/**
 * Shell: what lies in a volume leaves into a folder of it, and what was restored comes in its place. Each step can be done again: cut off at any moment and
 * run once more it comes to the same, and until then the mark keeps the site from starting. It goes before the folder that it lies in: without it nothing there
 * counts any more, and with it all must still be there.
 *
 * @param kept - Name of the folder with what was there before.
 */
export const exchangeVolume = (kept: string, root = mounted): string => `set -eu
cd ${root}
own=${restoreFolder}
if [ ! -e "$own/${restoreMark}" ]; then
  [ -d "$own/new" ]
  mkdir -p "$own/old"
  echo leaving >"$own/mark.new"
  sync
  mv "$own/mark.new" "$own/${restoreMark}"
fi
move() {
  for entry in "$1"/.[!.]* "$1"/..?* "$1"/*; do
    [ -e "$entry" ] || [ -L "$entry" ] || continue
    case \${entry##*/} in .berth-*) continue ;; esac
    mv -f -- "$entry" "$2/"
  done
}
read -r phase <"$own/${restoreMark}"
case $phase in 'returning '*)
  from=\${phase#returning }
  [ ! -d "$from" ] || mv -T "$from" "$own/new"
  phase=leaving
  echo leaving >"$own/mark.new"
  sync
  mv "$own/mark.new" "$own/${restoreMark}" ;;
esac
if [ "$phase" = leaving ]; then
  [ -d "$own/new" ] || { echo "the files that were restored are gone from $own/new of the volume: move what is in $own/old back to the top of it and remove $own, then restore again" >&2; exit 1; }
  move . "$own/old"
  sync
  echo coming >"$own/mark.new"
  mv "$own/mark.new" "$own/${restoreMark}"
fi
move "$own/new" .
sync
[ ! -d "$own/old" ] || mv -T "$own/old" "${kept}"
sync
rm "$own/${restoreMark}"
sync
rm -rf "$own"`;

/**
 * Shell: brings what an exchange has put aside back to its place, or ends that where it was cut off.
 *
 * @param from - Name of the folder with what was there before; where there is none any more, it is back.
 * @param kept - Name of the folder for what was restored.
 */
const returnVolume = (from: string, kept: string, root = mounted): string => `set -eu
cd ${root}
own=${restoreFolder}
if [ ! -e "$own/${restoreMark}" ]; then
  [ -d "${from}" ] || exit 0
  rm -rf "$own"
  mkdir -p "$own/old"
  echo "returning ${from}" >"$own/mark.new"
  sync
  mv "$own/mark.new" "$own/${restoreMark}"
fi
${exchangeVolume(kept, root)}`;

/** Shell: says how far an exchange has come that was cut off. */
const lookInVolume = (kept: string, root = mounted): string =>
  `if [ -e "${root}/${restoreFolder}/${restoreMark}" ]; then echo between; elif [ -d "${root}/${kept}" ]; then echo after; else echo before; fi`;

/** Shell: ends an exchange that was cut off, and makes room for the next. */
export const prepareVolume = (kept: string, root = mounted): string => `set -eu
if [ -e "${root}/${restoreFolder}/${restoreMark}" ]; then
${exchangeVolume(kept, root)}
fi
rm -rf "${root}/${restoreFolder}"
mkdir -m 755 "${root}/${restoreFolder}"
mkdir -m 700 "${root}/${restoreFolder}/new"`;

/** Shell: says `files` where anything lies in a volume but what Berth keeps there for itself, and `exchanging` where files are on their way to their places. */
export const heldInVolume = (root = mounted): string => `[ ! -e "${root}/${restoreFolder}/${restoreMark}" ] || echo exchanging
for entry in "${root}"/.[!.]* "${root}"/..?* "${root}"/*; do
  [ -e "$entry" ] || [ -L "$entry" ] || continue
  case \${entry##*/} in .berth-* | lost+found) continue ;; esac
  echo files
  break
done`;

/** A volume that services share, and the commands of Compose that change what lies in it. */
export class VolumeFiles {
  /** As the engine calls it. */
  readonly #name: string;
  readonly #agent: string;
  readonly #compose: Compose;
  /** @param agent - The service that copies it, and whose image has its programs. */
  constructor(name: string, agent: string, compose: Compose) {
    this.#name = name;
    this.#agent = agent;
    this.#compose = compose;
  }

  async holds(signal: AbortSignal): Promise<'nothing' | 'files' | 'exchanging'> {
    const said = await this.#shell(heldInVolume(), signal);
    return said.includes('exchanging') ? 'exchanging' : said.includes('files') ? 'files' : 'nothing';
  }

  /** Beside what is there. @param unfinished - Name of the folder for what an exchange that was cut off has put aside. */
  async unpack(
    {
      volume,
      madeAt,
      unfinished,
      key,
    }: { readonly volume: string; readonly madeAt: string; readonly unfinished: string; readonly key: Secret | undefined },
    signal: AbortSignal,
  ): Promise<RestoredVolume> {
    await this.#shell(prepareVolume(unfinished), signal);
    const [node, ...program] = agentProgram;
    const words = [...program, attended, 'restore', '--only', 'volume', '--name', volume, '--at', madeAt, '--into', `${workshop}/new`];
    const more = [...(key === undefined ? [] : ['--key', givenKey]), '--site', agentPlaces.config, '--json'];
    return JSON.parse(await this.#compose(this.#beside(node, [...words, ...more]), signal, { input: attending(key) })) as RestoredVolume;
  }

  /** What was filled comes to its place, also where that was cut off. @param kept - Name of the folder for what was there. */
  exchange = (kept: string): Promise<unknown> => this.#shell(exchangeVolume(kept), never);

  /** How far it has come where it was cut off. */
  look = async (kept: string): Promise<Exchanged> => (await this.#shell(lookInVolume(kept), never)).trim() as Exchanged;

  /** What an exchange has put aside comes back, also where that was cut off. @param aside - Name of the folder for what was restored. */
  giveBack = (kept: string, aside: string): Promise<unknown> => this.#shell(returnVolume(kept, aside), never);

  /** What was filled comes to its place, where nothing was before. */
  begin = (): Promise<unknown> => this.#shell(`${exchangeVolume(nobodys)}\nrmdir ${mounted}/${nobodys} 2>/dev/null || true`, never);

  /** Of what was filled and is not on its way to its place. */
  clean = (): Promise<unknown> => this.#shell(`[ -e ${workshop}/${restoreMark} ] || rm -rf ${workshop}`, never);

  /** The command that removes what was there before. */
  removing = (kept: string): string => `docker compose ${this.#beside('/bin/sh', ['-c', `'rm -rf ${mounted}/${kept}'`]).join(' ')}`;

  #shell = (script: string, signal: AbortSignal): Promise<string> => this.#compose(this.#beside('/bin/sh', ['-c', script]), signal);

  /** Files have many owners, so only root can put them back; nothing but this volume is in its reach to write to. */
  #beside = (entrypoint: string, args: readonly string[]): readonly string[] => [
    'run',
    '--rm',
    '--no-deps',
    '-T',
    '--volume',
    `${this.#name}:${mounted}`,
    '--user',
    '0:0',
    ...['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID'].flatMap((capability) => ['--cap-add', capability]),
    '--entrypoint',
    entrypoint,
    this.#agent,
    ...args,
  ];
}
