import { restoreFolder, restoreMark } from '../model/backup/exchange-mark.ts';
import { agentPlaces, agentProgram } from '../model/backup/site-files.ts';
import { BerthError } from '../model/errors.ts';
import type { Plan } from '../model/plan.ts';
import { lockSite } from '../generator/io/lock.ts';
import { composeServices } from '../generator/render/compose.ts';
import { keyInput } from './agent-exec.ts';
import { composeIn, never, startAll, startAsBefore } from './compose.ts';
import type { OpenedCopy, PlannedCopy } from './open-copy.ts';
import { progressOn } from './progress.ts';
import { describeVolume, type RestoredVolume } from './restore-volume.ts';
import { loadSite } from './site.ts';
import type { RuntimeContext } from './stoppable.ts';
import { openedKey } from './restore-keys.ts';
import { fileStamp, secondsSince } from './moment.ts';

interface VolumeLive {
  readonly site: string;
  readonly json: boolean;
  readonly yes: boolean;
  readonly dryRun: boolean;
  readonly volume: string;
  /** The service that copies it. */
  readonly agent: string;
  /** The private key of a recipient; without it the agent's own. */
  readonly key: string | undefined;
}

/** Where the volume lies in the container that fills it. */
const mounted = '/restore';
const workshop = `${mounted}/${restoreFolder}`;

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
if [ "$(cat "$own/${restoreMark}")" = leaving ]; then
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

/** Shell: ends an exchange that was cut off, and makes room for the next. */
export const prepareVolume = (kept: string, root = mounted): string => `set -eu
if [ -e "${root}/${restoreFolder}/${restoreMark}" ]; then
${exchangeVolume(kept, root)}
fi
rm -rf "${root}/${restoreFolder}"
mkdir -m 755 "${root}/${restoreFolder}"
mkdir -m 700 "${root}/${restoreFolder}/new"`;

/**
 * Puts the files of a volume back to an earlier state in their place: they are unpacked beside the present ones while those are in use, then all services
 * that have the volume are stopped, and the two change places.
 */
export async function restoreVolumeLive(asked: VolumeLive, copy: OpenedCopy, context: RuntimeContext, signal: AbortSignal): Promise<void> {
  const { site, json, volume, agent, key } = asked;
  if (agent === '') throw new BerthError('usage', 'an agent cannot stop its site', 'run this in the folder of the site');
  const { plan } = loadSite(site, context);
  const concerned = concernedByVolume(plan, volume);
  if (!json) say(asked, copy.planned, concerned.clients, context);
  if (asked.dryRun) return json ? context.out(`${JSON.stringify({ ...copy.planned, into: 'live' }, null, 2)}\n`) : undefined;
  if (!asked.yes)
    throw new BerthError(
      'conflict',
      `what was written to ${volume} since then would be put aside; nothing was changed`,
      'run the same command with --yes, or look at it first with --into DIR',
    );
  using _lock = lockSite(site);
  using progress = progressOn(context, json);
  const compose = composeIn(site, context);
  /** Files have many owners, so only root can put them back; nothing but this volume is in its reach to write to. */
  const beside = (entrypoint: string, args: readonly string[]): readonly string[] => [
    'run',
    '--rm',
    '--no-deps',
    '-T',
    '--volume',
    `${concerned.volume}:${mounted}`,
    '--user',
    '0:0',
    ...['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID'].flatMap((capability) => ['--cap-add', capability]),
    '--entrypoint',
    entrypoint,
    agent,
    ...args,
  ];
  const shell = (script: string, stop: AbortSignal): Promise<string> => compose(beside('/bin/sh', ['-c', script]), stop);
  const stamp = fileStamp(context.now());
  const kept = `.berth-before-${stamp}`;
  const begun = performance.now();
  let stopped = begun;
  let filled: RestoredVolume;
  try {
    progress.say(`${volume}: unpacking beside what is there`);
    await shell(prepareVolume(`.berth-before-${stamp}-unfinished`), signal);
    const [node, ...program] = agentProgram;
    const given = key === undefined ? undefined : openedKey(key, context);
    const words = [...program, 'restore', '--only', 'volume', '--name', volume, '--at', copy.planned.madeAt, '--into', `${workshop}/new`];
    const more = [...(given === undefined ? [] : ['--key', '/dev/stdin']), '--site', agentPlaces.config, '--json'];
    filled = JSON.parse(await compose(beside(node, [...words, ...more]), signal, keyInput(given))) as RestoredVolume;
    stopped = performance.now();
    // Told to stop nothing by name, Compose stops everything.
    if (concerned.clients.length > 0) {
      progress.say(`stopping ${concerned.clients.join(', ')}`);
      await compose(['stop', ...concerned.clients], never);
      signal.throwIfAborted();
    }
  } catch (error) {
    progress.say('nothing was exchanged; starting everything as it was');
    await shell(`[ -e ${workshop}/${restoreMark} ] || rm -rf ${workshop}`, never).catch(() => undefined);
    return await startAsBefore(error, compose);
  }
  progress.say('exchanging old and new files');
  try {
    await shell(exchangeVolume(kept), never);
  } catch (error) {
    throw new BerthError(
      'unfinished',
      `the exchange broke off, and nothing was started: ${error instanceof Error ? error.message : String(error)}`,
      'run the same command again: it ends what was begun, and nothing is lost',
      { cause: error },
    );
  }
  progress.say('starting everything');
  await startAll(`${volume} has its files of then, those of before are in ${kept}`, compose);
  progress[Symbol.dispose]();
  const done = { ...filled, into: 'live', kept, seconds: secondsSince(begun), downSeconds: secondsSince(stopped) };
  if (json) return context.out(`${JSON.stringify(done, null, 2)}\n`);
  const remove = `docker compose ${beside('/bin/sh', ['-c', `'rm -rf ${mounted}/${kept}'`]).join(' ')}`;
  context.out(
    `${volume} is back: ${done.restored.files} files in ${done.seconds} s, of which ${done.downSeconds} s without the application.\n\n→ what was there before is in ${kept} of the volume; take from it what you miss, and once you are sure:\n    ${remove}\n`,
  );
}

function say({ volume }: VolumeLive, planned: PlannedCopy, clients: readonly string[], context: RuntimeContext): void {
  context.out(
    [
      `${describeVolume(planned, context)}\n`,
      `  holds      ${volume} as it was at ${planned.madeAt}; what was written after it is put aside\n`,
      ...(clients.length === 0 ? [] : [`  stops      ${clients.join(', ')}; the edge shows its maintenance page\n`]),
      '  keeps      the present files beside the new ones, in the same volume\n\n',
    ].join(''),
  );
}
